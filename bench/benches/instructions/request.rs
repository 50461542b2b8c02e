//! A caller's body to the body of a call: parse, translate, write.

use std::hint::black_box;

use gungraun::prelude::*;
use nova_proxy::surface::{Asked, Surface};
use nova_translate::catalogue::Target;
use nova_translate::request::{Options, RemoteImages};
use serde_json::Value;

use super::fixture;

/// A body and where it goes.
pub(crate) struct Input {
    surface: Surface,
    body: Vec<u8>,
    target: Target,
    options: Options,
}

fn run(input: &Input) -> Vec<u8> {
    let Asked { chat, form } = input.surface.parse(&input.body).unwrap();
    let translation = form.translate(chat, &input.target, &input.options, &RemoteImages::new()).unwrap();
    serde_json::to_vec(&translation.body).unwrap()
}

fn warm(surface: Surface, request: &Value) -> Input {
    let body = serde_json::to_vec(request).unwrap();
    let input = Input { surface, body, target: fixture::target(), options: Options::default() };
    assert!(!run(&input).is_empty());
    input
}

fn chat(fixture: &str) -> Input {
    warm(Surface::ChatCompletions, &fixture::read(fixture)["request"])
}

fn prompt(bytes: usize) -> Input {
    let mut request = fixture::read("replies/stop-reason-end-turn")["request"].take();
    request["messages"][0]["content"] = fixture::text(bytes).into();
    warm(Surface::ChatCompletions, &request)
}

fn responses(fixture: &str) -> Input {
    warm(Surface::Responses, &fixture::read(fixture)["request"])
}

#[library_benchmark]
#[bench::small(chat("replies/stop-reason-end-turn"))]
#[bench::tools_and_history(chat("requests/full"))]
#[bench::prompt_of_100_kb(prompt(100_000))]
#[bench::responses_with_tools_and_history(responses("responses-requests/full"))]
pub(crate) fn translate_request(input: Input) -> Vec<u8> {
    black_box(run(&black_box(input)))
}
