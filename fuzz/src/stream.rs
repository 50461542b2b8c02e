//! Bedrock's event stream in, server-sent events out.

use std::sync::Arc;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use nova_proxy::stream::EventWriter;
use nova_proxy::surface::{AnswerHead, Asked, Surface};
use nova_proxy::upstream::event_decoder::{DecodeFault, Event, EventDecoder};
use nova_translate::catalogue::Catalogue;
use nova_translate::converse;
use nova_translate::reply::{ReplyPlan, StreamTranslator, usage};
use nova_translate::request::{Options, RemoteImages};

/// The largest input that is worth cutting: every byte of it may be a piece.
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Raw bytes of a body. However they are cut into pieces, they mean the same.
pub fn frames(input: &[u8]) {
    let input = input.get(..INPUT_BYTES_MAX).unwrap_or(input);
    let whole = decode([input]);
    assert_eq!(decode(input.chunks(1)), whole, "byte by byte");
    let (head, tail) = input.split_at(input.len() / 2);
    assert_eq!(decode([head, tail]), whole, "in two pieces");
}

fn decode<'i>(pieces: impl IntoIterator<Item = &'i [u8]>) -> (Vec<Event>, Result<(), DecodeFault>) {
    let (mut decoder, mut events) = (EventDecoder::new(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(fault) => return (events, Err(fault)),
            }
        }
    }
    let end = decoder.end();
    (events, end)
}

/// An answer, written as lines `event-type payload` behind a first byte that chooses the caller's API and how the answer is read. The
/// lines become sound frames, which no mutation of raw bytes would: the checksums stand in its way.
pub fn stream(input: &[u8]) {
    let Some((&choice, lines)) = input.split_first() else { return };
    let mut body = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').take(1000) {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
        let (name, payload) = line.split_at(space);
        let name = String::from_utf8_lossy(name).into_owned();
        let headers = [(":message-type", "event".to_owned()), (":event-type", name)];
        let mut message = Message::new(payload.to_vec());
        for (key, value) in headers {
            message = message.add_header(Header::new(key, HeaderValue::String(value.into())));
        }
        if write_message_to(&message, &mut body).is_err() {
            return;
        }
    }
    let piece = usize::from(choice >> 5).saturating_mul(31).saturating_add(1);
    let (events, _) = decode(body.chunks(piece));
    let asked = asked(choice);
    assert!(asked.is_some(), "a request that cannot be translated: {choice:#b}");
    if let Some((plan, writer)) = asked {
        check(&write(&events, plan, writer));
    }
}

/// What a request says about its answer: the caller's API, tools and one call at a time, a schema, usage in the stream.
fn asked(choice: u8) -> Option<(ReplyPlan, EventWriter)> {
    let tools = r#""tools":[{"type":"function","function":{"name":"get_weather"}}]"#;
    let parts = [
        (2, tools),
        (4, r#""parallel_tool_calls":false"#),
        (8, r#""stream_options":{"include_usage":true}"#),
        (
            16,
            r#""response_format":{"type":"json_schema","json_schema":{"name":"person","schema":{"type":"object"}}}"#,
        ),
    ];
    let (surface, mut body) = if choice & 1 == 0 {
        (Surface::ChatCompletions, r#"{"model":"m","messages":[{"role":"user","content":"x"}]"#.to_owned())
    } else {
        (Surface::Responses, r#"{"model":"m","input":"x""#.to_owned())
    };
    if surface == Surface::ChatCompletions {
        for (_, part) in parts.iter().filter(|(bit, _)| choice & bit != 0) {
            body.push(',');
            body.push_str(part);
        }
    }
    body.push('}');
    let Asked { chat, form } = surface.parse(body.as_bytes()).ok()?;
    let target = Catalogue::built_in().resolve("nova-lite", None, "us-east-1").ok()?;
    let plan = form.translate(chat, &target, &Options::default(), &RemoteImages::new()).ok()?.plan;
    let head = AnswerHead { model: "m".to_owned(), created: 0, service_tier: "default" };
    let include_usage = plan.include_usage;
    Some((plan, form.writer(head, include_usage)))
}

/// Writes the events as the proxy does, to the end of the answer or to its first fault.
fn write(events: &[Event], plan: ReplyPlan, mut writer: EventWriter) -> Vec<u8> {
    let mut translator = StreamTranslator::new(Arc::new(plan));
    writer.begin();
    for event in events {
        let Ok(parsed) = converse::Event::parse(event.event_type.as_str(), &event.payload) else { break };
        if translator.event(parsed, &mut |piece| writer.piece(0, piece)).is_err() {
            break;
        }
    }
    let usage = translator.usage().map(usage);
    match translator.finish() {
        Ok(finish) => {
            writer.finish(0, &finish);
            writer.done(usage);
        }
        Err(error) => writer.error(&error.into(), usage),
    }
    writer.take().to_vec()
}

/// Every event is whole, and all that it says is JSON.
fn check(written: &[u8]) {
    let text = std::str::from_utf8(written);
    assert!(text.is_ok(), "a stream that is no UTF-8");
    let text = text.unwrap_or_default();
    assert!(text.ends_with("\n\n"), "the stream ends within an event: {text:?}");
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        match line.split_once(": ") {
            Some(("data", "[DONE]") | ("event", _)) => {}
            Some(("data", json)) => {
                assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "no JSON: {json:?}");
            }
            _ => assert!(line.starts_with(':'), "no field of an event: {line:?}"),
        }
    }
}
