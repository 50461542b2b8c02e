//! Golden streams: each file of `fixtures/streams` is a request and the events that answer it.

use openai_api::chat::ToolCallOut;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::request::tests::Fixture;

#[derive(Deserialize)]
struct StreamFixture {
    #[serde(flatten)]
    fixture: Fixture,
    events: Vec<(String, Value)>,
}

/// Feeds the events, and tells what came out: the deltas, and how it ended.
fn run(plan: &ReplyPlan, events: &[(String, Value)]) -> Value {
    let mut translator = StreamTranslator::new(Arc::new(plan.clone()));
    let mut deltas = Vec::new();
    for (event_type, payload) in events {
        let payload = payload.to_string();
        let event = Event::parse(event_type, payload.as_bytes()).expect("an event");
        let result = translator.event(event, &mut |piece| {
            deltas.extend(piece.chat_delta().map(|delta| serde_json::to_value(delta).expect("a delta")))
        });
        if let Err(error) = result {
            return json!({"deltas": deltas, "error": error.to_string()});
        }
    }
    match translator.finish() {
        Ok(finish) => json!({
            "deltas": deltas,
            "finish_reason": finish.reason,
            "native_finish_reason": finish.native,
            "usage": translator.usage().map(crate::reply::usage),
            "service_tier": translator.service_tier(),
        }),
        Err(error) => json!({"deltas": deltas, "error": error.to_string()}),
    }
}

#[test]
fn streams_translate_as_recorded() {
    insta::glob!("../../../fixtures/streams", "*.json", |path| {
        let text = std::fs::read_to_string(path).expect("a fixture");
        let fixture: StreamFixture = serde_json::from_str(&text).expect("a fixture");
        insta::with_settings!({snapshot_path => "../../../fixtures/streams", prepend_module_to_snapshot => false}, {
            insta::assert_json_snapshot!(run(&fixture.fixture.plan(), &fixture.events));
        });
    });
}

fn any_event() -> impl Strategy<Value = (String, Value)> {
    let index = 0..3_u32;
    let text = prop_oneof!["[a-z<>/]{0,12}", Just("<thinking>".to_owned()), Just("</thinking>".to_owned())];
    let name = prop_oneof![Just("get_weather"), Just("person")];
    prop_oneof![
        Just(("messageStart".to_owned(), json!({"role": "assistant"}))),
        (index.clone(), name).prop_map(|(index, name)| {
            (
                "contentBlockStart".to_owned(),
                json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": "t", "name": name}}}),
            )
        }),
        (index.clone(), text.clone()).prop_map(|(index, text)| (
            "contentBlockDelta".to_owned(),
            json!({"contentBlockIndex": index, "delta": {"text": text}})
        )),
        (index.clone(), text).prop_map(|(index, text)| (
            "contentBlockDelta".to_owned(),
            json!({"contentBlockIndex": index, "delta": {"toolUse": {"input": text}}})
        )),
        index.prop_map(|index| ("contentBlockStop".to_owned(), json!({"contentBlockIndex": index}))),
        prop_oneof![Just("end_turn"), Just("tool_use"), Just("malformed_tool_use"), Just("new")]
            .prop_map(|reason| ("messageStop".to_owned(), json!({"stopReason": reason}))),
        Just(("metadata".to_owned(), json!({"usage": {"inputTokens": 1, "outputTokens": 2}}))),
        Just(("someday".to_owned(), json!({}))),
    ]
}

proptest! {
    /// Whatever comes, the end is either a finish reason or an error, and calls are counted without gaps.
    #[test]
    fn any_events_end_in_one_finish_or_one_error(events in prop::collection::vec(any_event(), 0..20)) {
        let request = json!({
            "model": "m", "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "function", "function": {"name": "get_weather"}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": {"type": "object"}}},
        });
        let fixture: Fixture = serde_json::from_value(json!({"target": "nova-lite", "request": request})).expect("a fixture");
        let outcome = run(&fixture.plan(), &events);
        prop_assert!(outcome.get("finish_reason").is_some() != outcome.get("error").is_some());
        let deltas = outcome["deltas"].as_array().expect("deltas");
        let roles = deltas.iter().filter(|delta| delta.get("role").is_some()).count();
        prop_assert_eq!(roles, usize::from(!deltas.is_empty()));
        let begun = deltas.iter().filter_map(|delta| delta["tool_calls"][0].get("id").map(|_| &delta["tool_calls"][0]["index"]));
        for (expected, index) in begun.enumerate() {
            prop_assert_eq!(index.as_u64(), Some(expected as u64));
        }
        // Nothing is said to have finished unless the model said so.
        let stopped = events.iter().any(|(kind, _)| kind == "messageStop");
        prop_assert!(stopped || outcome.get("error").is_some());
    }

    /// The same answer, whole and streamed, is the same message.
    #[test]
    fn streamed_and_whole_answers_agree(text in "[a-z<>é ]{0,20}", leaked in any::<bool>(), calls in 0..3_usize, cut in 0..20_usize) {
        let text = if leaked { format!("<thinking>plan</thinking>{text}") } else { text };
        let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f"}}]});
        let fixture: Fixture = serde_json::from_value(json!({"target": "nova-lite", "request": request})).expect("a fixture");
        let plan = fixture.plan();

        let mut content = vec![json!({"text": text})];
        content.extend((0..calls).map(|index| json!({"toolUse": {"toolUseId": format!("t{index}"), "name": "f", "input": {"x": 1}}})));
        let whole = json!({"output": {"message": {"content": content}}, "stopReason": "end_turn"});
        let answer = crate::reply::read(serde_json::from_value(whole).expect("a response"), &plan).expect("an answer");

        let cut = (0..=cut.min(text.len())).rev().find(|cut| text.is_char_boundary(*cut)).unwrap_or(0);
        let mut events = vec![("messageStart".to_owned(), json!({}))];
        let (first, rest) = text.split_at(cut);
        for piece in [first, rest] {
            events.push(("contentBlockDelta".to_owned(), json!({"contentBlockIndex": 0, "delta": {"text": piece}})));
        }
        events.push(("contentBlockStop".to_owned(), json!({"contentBlockIndex": 0})));
        for index in 1..=calls {
            events.push(("contentBlockStart".to_owned(), json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": format!("t{}", index - 1), "name": "f"}}})));
            events.push(("contentBlockDelta".to_owned(), json!({"contentBlockIndex": index, "delta": {"toolUse": {"input": "{\"x\":1}"}}})));
            events.push(("contentBlockStop".to_owned(), json!({"contentBlockIndex": index})));
        }
        events.push(("messageStop".to_owned(), json!({"stopReason": "end_turn"})));
        let outcome = run(&plan, &events);

        let field = |name: &str| outcome["deltas"].as_array().into_iter().flatten().filter_map(|delta| delta[name].as_str()).collect::<String>();
        prop_assert_eq!(field("content"), answer.message.content.unwrap_or_default());
        prop_assert_eq!(field("reasoning_content"), answer.message.reasoning_content.unwrap_or_default());
        prop_assert_eq!(&outcome["finish_reason"], &serde_json::to_value(answer.finish.reason).expect("a word"));
        let arguments: Vec<String> = answer.message.tool_calls.iter().map(|call: &ToolCallOut| call.function.arguments.clone()).collect();
        prop_assert_eq!(arguments, vec![r#"{"x":1}"#.to_owned(); calls]);
    }
}
