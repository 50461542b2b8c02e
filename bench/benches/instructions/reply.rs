//! The body of Converse's answer to the body of a chat completion: parse, translate, write.

use std::hint::black_box;

use gungraun::prelude::*;
use nova_proxy::surface::{Form, Surface, Whole};
use nova_translate::converse::ConverseResponse;
use nova_translate::reply::{self as translated, ReplyPlan};
use nova_translate::request::{Options, RemoteImages};

use super::fixture;

/// A body, and how its request wants it read.
pub(crate) struct Input {
    body: Vec<u8>,
    plan: ReplyPlan,
}

fn run(input: &Input) -> Vec<u8> {
    let response: ConverseResponse = serde_json::from_slice(&input.body).unwrap();
    let usage = response.usage.map(translated::usage);
    let answer = translated::read(response, &input.plan).unwrap();
    match Form::Chat.whole(fixture::head(), vec![answer], usage) {
        Whole::Chat(completion) => serde_json::to_vec(&*completion).unwrap(),
        Whole::Response(response) => serde_json::to_vec(&response.object()).unwrap(),
    }
}

fn warm(fixture: &str) -> Input {
    let recorded = fixture::read(fixture);
    let asked = Surface::ChatCompletions.parse(recorded["request"].to_string().as_bytes()).unwrap();
    let target = fixture::target();
    let translation =
        asked.form.translate(asked.chat, &target, &Options::default(), &RemoteImages::new()).unwrap();
    let input = Input { body: recorded["response"].to_string().into_bytes(), plan: translation.plan };
    assert!(!run(&input).is_empty());
    input
}

#[library_benchmark]
#[bench::small(warm("replies/stop-reason-end-turn"))]
#[bench::tool_calls(warm("replies/parallel-calls"))]
pub(crate) fn translate_reply(input: Input) -> Vec<u8> {
    black_box(run(&black_box(input)))
}
