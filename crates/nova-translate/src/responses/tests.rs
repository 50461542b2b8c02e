//! Golden requests, and what holds for every stream of a response.
//!
//! The streams and replies are those of chat: one answer, told in two forms.

use std::sync::Arc;

use openai_api::error::ErrorObject;
use openai_api::responses::ResponsesRequest;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::TranslateError;
use crate::converse::{ConverseResponse, Event};
use crate::reply::{self, ReplyError, ReplyPlan, StreamTranslator};
use crate::request::tests::{Fixture, assert_converse_rules};
use crate::request::{RemoteImages, Translation, remote_images};

/// A file of `fixtures/streams` or `fixtures/replies`.
#[derive(Deserialize)]
struct AnswerFixture {
    #[serde(flatten)]
    fixture: Fixture,
    #[serde(default)]
    events: Vec<(String, Value)>,
    response: Option<Value>,
}

fn answer_fixture(path: &std::path::Path) -> AnswerFixture {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("a fixture")
}

fn translate(fixture: &Fixture) -> Result<Translation, TranslateError> {
    let request: ResponsesRequest =
        serde_json::from_value(fixture.request.clone()).expect("a request for a response");
    let Converted { chat, origin } = convert(request)?;
    origin.translate(chat, &fixture.target(), &fixture.options(), &RemoteImages::new())
}

fn builder_parts() -> (ResponseHead, Echo) {
    let request = json!({"model": "m", "input": "x", "temperature": 0.5, "max_output_tokens": 9,
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}], "tool_choice": {"type": "function", "name": "f"}});
    let converted = convert(serde_json::from_value(request).expect("a request")).expect("a conversion");
    let head = ResponseHead {
        suffix: "1".to_owned(),
        created_at: 1_700_000_000,
        service_tier: "default".to_owned(),
    };
    (head, converted.origin.into_echo())
}

/// Writes the events of a response, as the proxy does.
fn run(plan: &ReplyPlan, events: &[(String, Value)]) -> Vec<Value> {
    let (head, echo) = builder_parts();
    let mut builder = ResponseBuilder::new(head, echo);
    let mut written = Vec::new();
    let mut emit = |event: &openai_api::responses::StreamEvent<'_>| {
        let value = serde_json::to_value(event).expect("an event");
        assert_eq!(value["type"], event.name());
        written.push(value);
    };
    builder.begin(&mut emit);
    let mut translator = StreamTranslator::new(Arc::new(plan.clone()));
    let mut outcome = Ok(());
    for (event_type, payload) in events {
        let payload = payload.to_string();
        let event = Event::parse(event_type, payload.as_bytes()).expect("an event");
        outcome = translator.event(event, &mut |piece| builder.piece(piece, &mut emit));
        if outcome.is_err() {
            break;
        }
    }
    let usage = translator.usage().map(reply::usage);
    match outcome.and_then(|()| translator.finish()) {
        Ok(finish) => builder.finish(&finish, usage, &mut emit),
        Err(error @ ReplyError::Failed(_)) => builder.fail(error.to_string(), usage, &mut emit),
        Err(error) => {
            let (message, code) = (error.to_string(), Some("bad_upstream_response"));
            let error =
                ErrorObject { message, kind: "server_error", param: None, code, aws_request_id: None };
            builder.error(&error, &mut emit);
        }
    }
    written
}

#[test]
fn requests_translate_as_recorded() {
    insta::glob!("../../fixtures/responses-requests", "*.json", |path| {
        let fixture: Fixture =
            serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("a fixture");
        let outcome = match translate(&fixture) {
            Ok(translation) => json!({
                "converse": serde_json::to_value(&translation.body).expect("a body"),
                "notes": translation.notes,
                "choices": translation.choices,
            }),
            Err(error) => {
                json!({"error": {"message": error.message, "param": error.param, "code": error.code}})
            }
        };
        insta::with_settings!({snapshot_path => "../../fixtures/responses-requests", prepend_module_to_snapshot => false}, {
            insta::assert_json_snapshot!(outcome);
        });
    });
}

#[test]
fn streams_are_written_as_recorded() {
    insta::glob!("../../fixtures/streams", "*.json", |path| {
        let fixture = answer_fixture(path);
        let events = run(&fixture.fixture.plan(), &fixture.events);
        insta::with_settings!({snapshot_path => "../../fixtures/responses-streams", prepend_module_to_snapshot => false}, {
            insta::assert_json_snapshot!(events);
        });
    });
}

#[test]
fn replies_are_written_as_recorded() {
    insta::glob!("../../fixtures/replies", "*.json", |path| {
        let fixture = answer_fixture(path);
        let response: ConverseResponse =
            serde_json::from_value(fixture.response.expect("a response")).expect("a response");
        let usage = response.usage.map(reply::usage);
        let outcome = match reply::read(response, &fixture.fixture.plan()) {
            Ok(answer) => {
                let (head, echo) = builder_parts();
                serde_json::to_value(ResponseBuilder::whole(head, echo, &answer, usage).object())
                    .expect("JSON")
            }
            Err(error) => json!({"error": error.to_string()}),
        };
        insta::with_settings!({snapshot_path => "../../fixtures/responses-replies", prepend_module_to_snapshot => false}, {
            insta::assert_json_snapshot!(outcome);
        });
    });
}

/// Each parameter of chat that can be at fault, and what the caller of Responses wrote.
#[rstest::rstest]
#[case("messages[0].content", "instructions")]
#[case("messages[1]", "input[0]")]
#[case("messages[1].content[1].image_url.url", "input[0].content[1].image_url")]
#[case("messages[1].content[1].file.file_data", "input[0].content[1].file_data")]
#[case("messages[2].content[0]", "input[1].content")]
#[case("messages[2].content[1].text", "input[2].content[0].text")]
#[case("messages[2].tool_calls[0].id", "input[3].call_id")]
#[case("messages[2].tool_calls[1].function.arguments", "input[4].arguments")]
#[case("messages[3].content", "input[5].output")]
#[case("messages[4].content[0].image_url.url", "input[6].output[0].image_url")]
#[case("messages[4].tool_call_id", "input[6].call_id")]
#[case("messages", "input")]
#[case("tools[0].function.parameters", "tools[0].parameters")]
#[case("response_format.json_schema.schema", "text.format.schema")]
#[case("reasoning_effort", "reasoning.effort")]
#[case("max_completion_tokens", "max_output_tokens")]
#[case("cache_control.ttl", "prompt_cache_breakpoint.ttl")]
fn a_parameter_is_told_in_the_words_of_responses(#[case] chat: &str, #[case] own: &str) {
    let request = json!({"model": "m", "instructions": "be brief", "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": "https://example.com/a.png"}]},
        {"role": "assistant", "content": "one"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_image", "image_url": "https://example.com/b.png"}]},
    ]});
    let converted = convert(serde_json::from_value(request).expect("a request")).expect("a conversion");
    assert_eq!(converted.origin.param(chat).as_deref(), Some(own));
    // A path that is told already stays.
    assert_eq!(converted.origin.param(own).unwrap_or_else(|| own.to_owned()), own);
    let remote: Vec<_> = remote_images(&converted.chat)
        .into_iter()
        .filter_map(|(path, _)| converted.origin.param(&path))
        .collect();
    assert_eq!(remote, ["input[0].content[1].image_url", "input[6].output[0].image_url"]);
}

fn any_item() -> impl Strategy<Value = Value> {
    let text = prop_oneof![Just(String::new()), Just(" \n".to_owned()), "[a-z é]{1,8}"];
    prop_oneof![
        (prop_oneof![Just("system"), Just("developer"), Just("user"), Just("assistant")], text.clone())
            .prop_map(|(role, text)| json!({"role": role, "content": text})),
        text.clone().prop_map(|text| json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})),
        (0..3_u8).prop_map(|id| json!({"type": "function_call", "call_id": format!("c{id}"), "name": "f.g", "arguments": "{}"})),
        (0..3_u8, text).prop_map(|(id, text)| json!({"type": "function_call_output", "call_id": format!("c{id}"), "output": text})),
        Just(json!({"type": "reasoning", "id": "rs_1", "summary": []})),
    ]
}

fn any_event() -> impl Strategy<Value = (String, Value)> {
    let index = 0..3_u32;
    let text = prop_oneof!["[a-z<>/]{0,12}", Just("<thinking>".to_owned()), Just("</thinking>".to_owned())];
    let delta = |member: fn(String) -> Value| {
        (0..3_u32, "[a-z<>/]{0,12}").prop_map(move |(index, text)| {
            ("contentBlockDelta".to_owned(), json!({"contentBlockIndex": index, "delta": member(text)}))
        })
    };
    prop_oneof![
        index.clone().prop_map(|index| (
            "contentBlockStart".to_owned(),
            json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": format!("t{index}"), "name": "get_weather"}}})
        )),
        (index.clone(), text).prop_map(|(index, text)| (
            "contentBlockDelta".to_owned(),
            json!({"contentBlockIndex": index, "delta": {"text": text}})
        )),
        delta(|text| json!({"toolUse": {"input": text}})),
        delta(|text| json!({"reasoningContent": {"text": text}})),
        index.prop_map(|index| ("contentBlockStop".to_owned(), json!({"contentBlockIndex": index}))),
        Just(("metadata".to_owned(), json!({"usage": {"inputTokens": 1, "outputTokens": 2}}))),
    ]
}

/// What every consumer of a stream relies on.
fn assert_stream_rules(events: &[Value]) {
    let word = |event: &Value| event["type"].as_str().expect("a type").to_owned();
    let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("a small number");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is_terminal = |event: &Value| {
        matches!(
            word(event).as_str(),
            "response.completed" | "response.incomplete" | "response.failed" | "error"
        )
    };
    let terminal: Vec<_> = events.iter().filter(|event| is_terminal(event)).collect();
    assert_eq!(terminal.len(), 1, "one end");
    assert!(events.last().is_some_and(is_terminal), "nothing follows the end");
    assert_eq!(word(&events[0]), "response.created");
    let (mut items, mut grown) = (Vec::<Value>::new(), Vec::<String>::new());
    for (expected, event) in events.iter().enumerate() {
        assert_eq!(number(&event["sequence_number"]), expected);
        let output_index = event.get("output_index").map(number);
        match (word(event).as_str(), output_index) {
            ("response.output_item.added", Some(index)) => {
                assert_eq!(index, items.len(), "items are counted without gaps");
                items.push(Value::Null);
                grown.push(String::new());
            }
            (
                "response.output_text.delta"
                | "response.reasoning_text.delta"
                | "response.function_call_arguments.delta",
                Some(index),
            ) => {
                assert!(items[index].is_null(), "a complete item does not grow");
                grown[index].push_str(&text(&event["delta"]));
            }
            ("response.output_text.done" | "response.reasoning_text.done", Some(index)) => {
                assert_eq!(text(&event["text"]), grown[index]);
            }
            ("response.function_call_arguments.done", Some(index)) => {
                assert_eq!(text(&event["arguments"]), grown[index]);
            }
            ("response.output_item.done", Some(index)) => items[index] = event["item"].clone(),
            _ => {}
        }
    }
    let end = terminal[0];
    if matches!(word(end).as_str(), "response.completed" | "response.incomplete") {
        assert_eq!(end["response"]["output"], Value::Array(items), "the response holds what was told");
    }
}

proptest! {
    /// Any input is refused with the caller's own parameter, or becomes a conversation that Converse accepts.
    #[test]
    fn any_input_is_refused_or_follows_the_rules(items in prop::collection::vec(any_item(), 0..12), has_tools in any::<bool>()) {
        let tools = if has_tools { json!([{"type": "function", "name": "f.g"}]) } else { Value::Null };
        let fixture: Fixture = serde_json::from_value(json!({"target": "nova-pro", "request": {"model": "m", "input": items, "tools": tools}})).expect("a fixture");
        match translate(&fixture) {
            Ok(translation) => {
                assert_converse_rules(&translation.body);
                prop_assert!(translation.notes.iter().all(|note| !note.param.contains("message")));
            }
            Err(error) => prop_assert!(error.param.is_some_and(|param| param.starts_with("input"))),
        }
    }

    #[test]
    fn any_stream_follows_the_rules(
        events in prop::collection::vec(any_event(), 0..20),
        end in prop_oneof![Just(None), Just(Some("end_turn")), Just(Some("max_tokens")), Just(Some("malformed_tool_use"))],
        is_structured in any::<bool>(),
    ) {
        let format = json!({"type": "json_schema", "json_schema": {"name": "person", "schema": {"type": "object"}}});
        let request = json!({
            "model": "m", "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "function", "function": {"name": "get_weather"}}],
            "response_format": if is_structured { format } else { Value::Null },
        });
        let fixture: Fixture = serde_json::from_value(json!({"target": "nova-lite", "request": request})).expect("a fixture");
        let mut events = events;
        events.extend(end.map(|reason| ("messageStop".to_owned(), json!({"stopReason": reason}))));
        let written = run(&fixture.plan(), &events);
        assert_stream_rules(&written);
        if end.is_none() {
            prop_assert_eq!(&written[written.len() - 1]["type"], "error");
        }
    }

    /// The same answer, whole and streamed, is the same output.
    #[test]
    fn streamed_and_whole_answers_agree(text in "[a-z<>é ]{0,20}", calls in 0..3_usize, cut in 0..20_usize, reason in prop_oneof![Just("end_turn"), Just("max_tokens")]) {
        let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f"}}]});
        let fixture: Fixture = serde_json::from_value(json!({"target": "nova-lite", "request": request})).expect("a fixture");
        let plan = fixture.plan();
        let mut content = vec![json!({"text": text})];
        content.extend((0..calls).map(|index| json!({"toolUse": {"toolUseId": format!("t{index}"), "name": "f", "input": {"x": 1}}})));
        let whole = json!({"output": {"message": {"content": content}}, "stopReason": reason});
        let answer = reply::read(serde_json::from_value(whole).expect("a response"), &plan).expect("an answer");
        let (head, echo) = builder_parts();
        let whole = serde_json::to_value(ResponseBuilder::whole(head, echo, &answer, None).object()).expect("JSON");

        let cut = (0..=cut.min(text.len())).rev().find(|cut| text.is_char_boundary(*cut)).unwrap_or(0);
        let mut events = Vec::new();
        let (begin, end) = text.split_at(cut);
        for piece in [begin, end] {
            events.push(("contentBlockDelta".to_owned(), json!({"contentBlockIndex": 0, "delta": {"text": piece}})));
        }
        events.push(("contentBlockStop".to_owned(), json!({"contentBlockIndex": 0})));
        for index in 1..=calls {
            events.push(("contentBlockStart".to_owned(), json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": format!("t{}", index - 1), "name": "f"}}})));
            events.push(("contentBlockDelta".to_owned(), json!({"contentBlockIndex": index, "delta": {"toolUse": {"input": "{\"x\":1}"}}})));
            events.push(("contentBlockStop".to_owned(), json!({"contentBlockIndex": index})));
        }
        events.push(("messageStop".to_owned(), json!({"stopReason": reason})));
        let written = run(&plan, &events);
        assert_stream_rules(&written);
        prop_assert_eq!(&written[written.len() - 1]["response"], &whole);
    }
}
