//! Golden translations: each file of `fixtures/requests` is a request with its target and options, each snapshot what becomes of it.
//!
//! `INSTA_UPDATE=always cargo test -p nova-translate` writes the snapshots anew; read the difference before you commit it.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::converse::GuardrailTrace;
use crate::reply::ReplyPlan;

/// A file of `fixtures/`: what all three kinds have in common.
#[derive(Deserialize)]
pub(crate) struct Fixture {
    target: String,
    #[serde(default)]
    options: FixtureOptions,
    pub(crate) request: Value,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FixtureOptions {
    strict: bool,
    max_tokens: Option<u32>,
    reasoning_effort: Option<openai_api::chat::Effort>,
    service_tier: Option<String>,
    prompt_cache: Vec<String>,
    guardrail: Option<Value>,
    request_metadata: std::collections::BTreeMap<String, String>,
}

impl Fixture {
    pub(crate) fn translate(&self) -> Result<Translation, TranslateError> {
        let request: ChatRequest = serde_json::from_value(self.request.clone()).expect("a chat request");
        translate(request, &self.target(), &self.options(), &RemoteImages::new())
    }

    pub(crate) fn target(&self) -> Target {
        Catalogue::built_in().resolve(&self.target, None, "us-east-1").expect("a target")
    }

    pub(crate) fn options(&self) -> Options {
        let asked = &self.options;
        Options {
            strict: asked.strict,
            max_tokens: asked.max_tokens,
            reasoning_effort: asked.reasoning_effort,
            service_tier: asked.service_tier.clone(),
            prompt_cache: PromptCache {
                system: asked.prompt_cache.iter().any(|place| place == "system"),
                messages: asked.prompt_cache.iter().any(|place| place == "messages"),
            },
            guardrail: asked.guardrail.as_ref().map(|guardrail| Guardrail {
                id: guardrail["id"].as_str().expect("an id").to_owned(),
                version: guardrail["version"].as_str().expect("a version").to_owned(),
                trace: Some(GuardrailTrace::Enabled),
            }),
            request_metadata: asked.request_metadata.clone(),
            ..Options::default()
        }
    }

    pub(crate) fn plan(&self) -> ReplyPlan {
        self.translate().expect("a translation").plan
    }
}

#[test]
fn requests_translate_as_recorded() {
    insta::glob!("../../fixtures/requests", "*.json", |path| {
        let text = std::fs::read_to_string(path).expect("a fixture");
        let fixture: Fixture = serde_json::from_str(&text).expect("a fixture");
        let outcome = match fixture.translate() {
            Ok(translation) => json!({
                "converse": serde_json::to_value(&translation.body).expect("a body"),
                "notes": translation.notes,
                "choices": translation.choices,
            }),
            Err(error) => {
                json!({"error": {"message": error.message, "param": error.param, "code": error.code}})
            }
        };
        insta::with_settings!({snapshot_path => "../../fixtures/requests", prepend_module_to_snapshot => false}, {
            insta::assert_json_snapshot!(outcome);
        });
    });
}

/// What Converse demands of every conversation, whatever the caller sent.
pub(crate) fn assert_converse_rules(body: &ConverseRequest) {
    use crate::converse::{ContentBlock, RequestRole};
    assert_eq!(body.messages.first().map(|message| message.role), Some(RequestRole::User));
    for pair in body.messages.windows(2) {
        assert_ne!(pair[0].role, pair[1].role, "roles alternate");
    }
    for message in &body.messages {
        assert!(!message.content.is_empty());
        let blank =
            |block: &ContentBlock| matches!(block, ContentBlock::Text(text) if text.trim().is_empty());
        assert!(!message.content.iter().any(blank), "no blank text");
    }
    let has_tool_blocks = body
        .messages
        .iter()
        .flat_map(|message| &message.content)
        .any(|block| matches!(block, ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_)));
    assert!(!has_tool_blocks || body.tool_config.is_some(), "tool blocks need tools");
}

fn any_message() -> impl Strategy<Value = Value> {
    let text = prop_oneof![Just(String::new()), Just(" \n".to_owned()), "[a-z é\u{2028}]{1,8}"];
    let call = |id: u8| json!({"id": format!("call {id}"), "type": "function", "function": {"name": "f.g", "arguments": "{}"}});
    prop_oneof![
        (prop_oneof![Just("system"), Just("developer"), Just("user"), Just("assistant")], text.clone())
            .prop_map(|(role, text)| json!({"role": role, "content": text})),
        text.clone().prop_map(|text| json!({"role": "user", "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]})),
        (text.clone(), 0..3_u8).prop_map(move |(text, count)| {
            json!({"role": "assistant", "content": text, "tool_calls": (0..count).map(call).collect::<Vec<_>>()})
        }),
        (0..3_u8, text).prop_map(|(id, text)| json!({"role": "tool", "tool_call_id": format!("call {id}"), "content": text})),
    ]
}

proptest! {
    /// Any conversation is either refused with the parameter at fault, or becomes one that Converse accepts.
    #[test]
    fn any_conversation_is_refused_or_follows_the_rules(
        messages in prop::collection::vec(any_message(), 0..12),
        has_tools in any::<bool>(),
        choice in prop_oneof![Just(None), Just(Some("none")), Just(Some("auto")), Just(Some("required"))],
    ) {
        let tools = if has_tools { json!([{"type": "function", "function": {"name": "f.g"}}]) } else { Value::Null };
        let request = json!({"model": "m", "messages": messages, "tools": tools, "tool_choice": choice});
        let fixture = Fixture { target: "nova-pro".to_owned(), options: FixtureOptions::default(), request };
        match fixture.translate() {
            Ok(translation) => assert_converse_rules(&translation.body),
            Err(error) => prop_assert!(error.param.is_some() && !error.message.is_empty()),
        }
    }

    /// Numbers out of any range never panic, and what is sent is in Converse's range.
    #[test]
    fn any_number_is_refused_or_sent_in_range(temperature in any::<f64>(), top_p in any::<f64>(), top_k in any::<u32>(), limit in any::<u32>()) {
        prop_assume!(temperature.is_finite() && top_p.is_finite());
        let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
            "temperature": temperature, "top_p": top_p, "top_k": top_k, "max_tokens": limit});
        let fixture = Fixture { target: "nova-lite".to_owned(), options: FixtureOptions::default(), request };
        if let Ok(translation) = fixture.translate() {
            let config = translation.body.inference_config;
            prop_assert!(config.temperature.is_some_and(|value| (0.0..=1.0).contains(&value)));
            prop_assert!(config.top_p.is_some_and(|value| (0.0..=1.0).contains(&value)));
            prop_assert!(config.max_tokens.is_some_and(|value| (1..=10_000).contains(&value)));
        }
    }
}

fn translated(request: Value) -> Translation {
    let target = "nova-2-lite".to_owned();
    Fixture { target, options: FixtureOptions::default(), request }.translate().expect("a translation")
}

#[test]
fn greedy_decoding_tells_whether_it_changed_anything() {
    let messages = json!([{"role": "user", "content": "x"}]);
    let mut translation =
        translated(json!({"model": "m", "messages": messages, "top_p": 0.5, "reasoning_effort": "low"}));
    assert_eq!([translation.decode_greedily(), translation.decode_greedily()], [true, false]);
    let body = serde_json::to_value(&translation.body).expect("a body");
    assert_eq!(body["inferenceConfig"], json!({"temperature": 0.0}));
    assert_eq!(body["additionalModelRequestFields"]["inferenceConfig"], json!({"topK": 1}));
    assert_eq!(body["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"], "low");
}

#[test]
fn greedy_decoding_leaves_a_request_alone_whose_model_refuses_sampling() {
    let messages = json!([{"role": "user", "content": "x"}]);
    let mut translation = translated(json!({"model": "m", "messages": messages, "reasoning_effort": "high"}));
    let before = serde_json::to_value(&translation.body).expect("a body");
    assert!(!translation.decode_greedily());
    assert_eq!(serde_json::to_value(&translation.body).expect("a body"), before);
}

#[test]
fn stripped_cache_points_are_noted_and_nothing_else_changes() {
    let part = json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
    let messages = json!([{"role": "system", "content": [part]}, {"role": "user", "content": [part]}]);
    let mut translation = translated(json!({"model": "m", "messages": messages}));
    assert!(translation.has_cache_points());
    translation.strip_cache_points();
    assert!(!translation.has_cache_points());
    let body = serde_json::to_value(&translation.body).expect("a body");
    assert_eq!(body["system"], json!([{"text": "x"}]));
    assert_eq!(body["messages"], json!([{"role": "user", "content": [{"text": "x"}]}]));
    translation.strip_cache_points();
    assert_eq!(translation.notes.len(), 1, "what is not there is not stripped again");
}
