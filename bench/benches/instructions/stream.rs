//! Event-stream bytes to server-sent events: decode, translate, write. Each frame comes in a piece of its own, as Bedrock sends them, and
//! what it adds is taken at once.

use std::hint::black_box;
use std::sync::Arc;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use gungraun::prelude::*;
use nova_proxy::stream::{EventWriter, Progress, Relay};
use nova_proxy::surface::Surface;
use nova_proxy::upstream::event_decoder::EventDecoder;
use nova_translate::reply::usage;
use nova_translate::request::{Options, RemoteImages};
use serde_json::{Value, json};

use super::fixture;

const DELTAS: usize = 200;

/// The answer's frames, and who writes them.
pub(crate) struct Input {
    frames: Vec<Vec<u8>>,
    relay: Relay,
    writer: EventWriter,
}

/// Gives the bytes written.
fn run(input: Input) -> usize {
    let Input { frames, mut relay, mut writer } = input;
    let mut decoder = EventDecoder::new();
    writer.begin();
    let mut written = writer.take().len();
    for frame in &frames {
        decoder.push(frame);
        while let Some(event) = decoder.next_event().unwrap() {
            relay.take(Some(Ok(event)), &mut writer).unwrap();
        }
        written += writer.take().len();
    }
    decoder.end().unwrap();
    assert!(matches!(relay.take(None, &mut writer).unwrap(), Progress::Ended(_)));
    writer.done(relay.usage().map(usage));
    written + writer.take().len()
}

fn frame(name: &str, payload: &Value) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    let mut message = Message::new(payload.to_string().into_bytes());
    for (name, value) in headers {
        message = message.add_header(Header::new(name, HeaderValue::String(value.to_owned().into())));
    }
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

fn frames() -> Vec<Vec<u8>> {
    let delta =
        json!({"contentBlockIndex": 0, "delta": {"text": " lorem ipsum dolor"}, "p": "abcdefghijklmnop"});
    let tokens = json!({"inputTokens": 250, "outputTokens": DELTAS, "totalTokens": 250 + DELTAS});
    let mut frames = vec![frame("messageStart", &json!({"p": "abcdefghijkl", "role": "assistant"}))];
    frames.extend(std::iter::repeat_n(frame("contentBlockDelta", &delta), DELTAS));
    frames.push(frame("contentBlockStop", &json!({"contentBlockIndex": 0, "p": "abcdefgh"})));
    frames.push(frame("messageStop", &json!({"p": "abcdefghijk", "stopReason": "end_turn"})));
    frames.push(frame("metadata", &json!({"metrics": {"latencyMs": 321}, "p": "abc", "usage": tokens})));
    frames
}

fn input(surface: Surface, request: &Value) -> Input {
    let asked = surface.parse(request.to_string().as_bytes()).unwrap();
    let target = fixture::target();
    let translation =
        asked.form.translate(asked.chat, &target, &Options::default(), &RemoteImages::new()).unwrap();
    let writer = asked.form.writer(fixture::head(), translation.plan.include_usage);
    Input { frames: frames(), relay: Relay::new(0, Arc::new(translation.plan)), writer }
}

fn warm(surface: Surface, request: &Value) -> Input {
    assert!(run(input(surface, request)) > DELTAS * 100);
    input(surface, request)
}

fn chat() -> Input {
    warm(Surface::ChatCompletions, &fixture::read("streams/text")["request"])
}

fn responses() -> Input {
    warm(Surface::Responses, &json!({"model": "m", "input": "hi", "stream": true}))
}

#[library_benchmark]
#[bench::chat(chat())]
#[bench::responses(responses())]
pub(crate) fn relay_stream(input: Input) -> usize {
    black_box(run(black_box(input)))
}
