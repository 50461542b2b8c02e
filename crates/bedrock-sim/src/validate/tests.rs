//! One table: what Nova refuses, and in which words. Each case breaks a request that is otherwise good.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::catalogue;
use crate::service_model::ServiceModel;
use crate::shape;

const LITE: &str = "us.amazon.nova-lite-v1:0";
const MICRO: &str = "us.amazon.nova-micro-v1:0";
const NOVA2: &str = "us.amazon.nova-2-lite-v1:0";
const PNG: &str = "iVBORw0KGgo=";

/// What the simulator says to that body, or the empty text.
fn refusal(body: &Value, model: &str) -> String {
    let model = catalogue::resolve(model, "us-east-1", &BTreeMap::new()).unwrap();
    let shapes = ServiceModel::load().unwrap();
    shape::check(&shapes, "ConverseRequest", body)
        .and_then(|()| check(&Subject { body, model }))
        .map_or_else(|exception| exception.message, |()| String::new())
}

/// A good request with `patch` in place of its members.
fn with(patch: &Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
    for (key, value) in patch.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn user(content: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

fn tools(tools: &Value) -> Value {
    json!({"toolConfig": {"tools": tools}})
}

fn tool(name: &str) -> Value {
    json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}})
}

fn call(id: &str) -> Value {
    json!({"toolUse": {"toolUseId": id, "name": "f", "input": {}}})
}

fn result(id: &str) -> Value {
    json!({"toolResult": {"toolUseId": id, "content": [{"text": "ok"}]}})
}

/// A conversation with calls, their results, and what follows.
fn conversation(calls: &[Value], answers: &[Value]) -> Value {
    json!({
        "toolConfig": {"tools": [tool("f")]},
        "messages": [
            {"role": "user", "content": [{"text": "hi"}]},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": answers},
        ],
    })
}

fn image(format: &str, bytes: &str) -> Value {
    json!({"image": {"format": format, "source": {"bytes": bytes}}})
}

fn document(name: &str) -> Value {
    json!({"document": {"format": "txt", "name": name, "source": {"bytes": "aGVsbG8="}}})
}

fn additional(fields: &Value) -> Value {
    json!({"additionalModelRequestFields": fields})
}

#[rstest]
#[case(LITE, json!({}))]
#[case(LITE, json!({"system": [{"text": "be kind"}, {"cachePoint": {"type": "default"}}]}))]
#[case(LITE, json!({"inferenceConfig": {"maxTokens": 10000, "temperature": 0, "topP": 1, "stopSequences": ["a", "b", "c", "d"]}}))]
#[case(LITE, json!({"inferenceConfig": {}, "system": [], "additionalModelRequestFields": {}}))]
#[case(LITE, user(&json!([{"text": "look"}, image("png", PNG), {"cachePoint": {"type": "default", "ttl": "5m"}}])))]
#[case(LITE, user(&json!([{"text": "read"}, document("a (1) [b]-c")])))]
#[case(LITE, conversation(&[call("a"), call("b")], &[result("b"), result("a"), json!({"text": "go on"})]))]
#[case(LITE, additional(&json!({"inferenceConfig": {"topK": 128}})))]
#[case(NOVA2, additional(&json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}})))]
#[case(NOVA2, json!({"inferenceConfig": {"maxTokens": 9}, "additionalModelRequestFields":
    {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}, "inferenceConfig": {"topK": 5}}}))]
#[case(NOVA2, tools(&json!([{"systemTool": {"name": "nova_grounding"}}])))]
#[case(LITE, json!({"requestMetadata": {"team": "a b:c_@$#=/+,-.1"}, "serviceTier": {"type": "flex"},
    "performanceConfig": {"latency": "optimized"}}))]
#[case(LITE, json!({"guardrailConfig": {"guardrailIdentifier": "abc123", "guardrailVersion": "DRAFT"}}))]
fn good_requests_pass(#[case] model: &str, #[case] patch: Value) {
    assert_eq!(refusal(&with(&patch), model), "");
}

#[rstest]
#[case::no_messages(json!({"messages": []}), "A conversation must start with a user message")]
#[case::assistant_first(json!({"messages": [{"role": "assistant", "content": [{"text": "a"}]}]}),
    "A conversation must start with a user message")]
#[case::system_role(json!({"messages": [{"role": "system", "content": [{"text": "a"}]}]}), "system role")]
#[case::unknown_role(json!({"messages": [{"role": "tool", "content": [{"text": "a"}]}]}),
    "Value at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set")]
#[case::same_role_twice(json!({"messages": [{"role": "user", "content": [{"text": "a"}]}, {"role": "user", "content": [{"text": "b"}]}]}),
    "must alternate between user and assistant roles")]
#[case::empty_content(user(&json!([])), "The content field in the Message object at messages.0 is empty. Add a ContentBlock")]
#[case::blank_text(user(&json!([{"text": " \n"}])),
    "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again.")]
#[case::blank_system(json!({"system": [{"text": " "}]}), "SystemContentBlock object at system.0 is blank")]
#[case::empty_system(json!({"system": [{"text": ""}]}), "Value at 'system.1.member.text' failed to satisfy constraint: Member must have length greater than or equal to 1")]
#[case::two_kinds_in_a_block(user(&json!([{"text": "a", "image": {"format": "png", "source": {"bytes": PNG}}}])),
    "The ContentBlock object at messages.0.content.0 must set one of the following keys: text, image")]
#[case::unknown_member(json!({"top_k": 5}), "Malformed input request: #: extraneous key [top_k] is not permitted, please reformat your input and try again.")]
#[case::unknown_nested_member(json!({"inferenceConfig": {"top_k": 5}}), "#/inferenceConfig: extraneous key [top_k]")]
#[case::wrong_type(json!({"inferenceConfig": {"maxTokens": "5"}}), "STRING_VALUE can not be converted to a Integer")]
#[case::audio(user(&json!([{"audio": {"format": "mp3", "source": {"bytes": "YQ=="}}}])), "doesn't support the audio content block")]
#[case::v1_reasoning_history(json!({"messages": [{"role": "user", "content": [{"text": "a"}]},
    {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "a"}}}]}]}), "reasoningContent")]
#[case::assistant_image(json!({"messages": [{"role": "user", "content": [{"text": "a"}]},
    {"role": "assistant", "content": [image("png", PNG)]}]}), "image field for assistant messages")]
#[case::max_tokens_zero(json!({"inferenceConfig": {"maxTokens": 0}}),
    "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1")]
#[case::max_tokens_over(json!({"inferenceConfig": {"maxTokens": 10001}}), "exceeds the model limit of 10000")]
#[case::temperature(json!({"inferenceConfig": {"temperature": 1.5}}), "Value '1.5' at 'inferenceConfig.temperature'")]
#[case::top_p(json!({"inferenceConfig": {"topP": -0.1}}), "'inferenceConfig.topP' failed to satisfy constraint")]
#[case::empty_stop(json!({"inferenceConfig": {"stopSequences": [""]}}), "'inferenceConfig.stopSequences.1.member'")]
#[case::blank_stop(json!({"inferenceConfig": {"stopSequences": [" "]}}), "stopSequences.0 is blank")]
#[case::five_stops(json!({"inferenceConfig": {"stopSequences": ["a", "b", "c", "d", "e"]}}), "expected maximum item count: 4, found: 5")]
#[case::text_format(json!({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}}}),
    "doesn't support the outputConfig.textFormat field")]
#[case::metadata_key(json!({"requestMetadata": {"a*": "b"}}), "Member must satisfy regular expression pattern")]
#[case::metadata_value(json!({"requestMetadata": {"a": "x".repeat(257)}}), "Member must have length less than or equal to 256")]
#[case::metadata_count(json!({"requestMetadata": (0..17).map(|n| (n.to_string(), json!("a"))).collect::<serde_json::Map<_, _>>()}),
    "Value at 'requestMetadata' failed to satisfy constraint: Member must have length less than or equal to 16")]
#[case::service_tier(json!({"serviceTier": {"type": "fast"}}), "Value 'fast' at 'serviceTier.type'")]
#[case::guardrail_id(json!({"guardrailConfig": {"guardrailIdentifier": "A B", "guardrailVersion": "1"}}), "guardrailConfig.guardrailIdentifier")]
#[case::guardrail_half(json!({"guardrailConfig": {"guardrailIdentifier": "abc"}}), "must be provided together")]
fn general_faults_are_refused(#[case] patch: Value, #[case] words: &str) {
    let message = refusal(&with(&patch), LITE);
    assert!(message.contains(words), "{message}");
}

#[rstest]
#[case::no_tools(tools(&json!([])), "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1")]
#[case::bad_name(tools(&json!([tool("a.b")])), "Value 'a.b' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+")]
#[case::empty_name(tools(&json!([tool("")])), "2 validation errors detected: Value '' at 'toolConfig.tools.1.member.toolSpec.name'")]
#[case::long_name(tools(&json!([tool(&"a".repeat(65))])), "Member must have length less than or equal to 64")]
#[case::same_name_twice(tools(&json!([tool("a"), tool("a")])), "duplicate tool names: a")]
#[case::no_schema(tools(&json!([{"toolSpec": {"name": "a", "inputSchema": {"json": "x"}}}])), "toolSpec.inputSchema.json is invalid")]
#[case::schema_type(tools(&json!([{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "array"}}}}])),
    "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.")]
#[case::strict(tools(&json!([{"toolSpec": {"name": "a", "strict": true, "inputSchema": {"json": {"type": "object"}}}}])), "extraneous key [strict]")]
#[case::cache_point(tools(&json!([tool("a"), {"cachePoint": {"type": "default"}}])),
    "The model returned the following errors: Malformed input request: #/toolConfig/tools/1: extraneous key [cachePoint] is not permitted")]
#[case::v1_system_tool(tools(&json!([{"systemTool": {"name": "nova_grounding"}}])), "extraneous key [systemTool]")]
#[case::unknown_choice(json!({"toolConfig": {"tools": [tool("a")], "toolChoice": {"tool": {"name": "b"}}}}), "The tool b in toolConfig.toolChoice.tool")]
#[case::choice_of_two(json!({"toolConfig": {"tools": [tool("a")], "toolChoice": {"any": {}, "auto": {}}}}), "must set one of the following keys")]
#[case::no_config({ let mut body = conversation(&[call("a")], &[result("a")]); body.as_object_mut().unwrap().remove("toolConfig"); body },
    "The toolConfig field must be defined when using toolUse and toolResult content blocks.")]
#[case::missing_result(conversation(&[call("a"), call("b")], &[result("a")]), "Expected toolResult blocks at messages.2.content for the following Ids: b")]
#[case::no_result(conversation(&[call("a")], &[json!({"text": "x"})]), "Expected toolResult blocks at messages.2.content for the following Ids: a")]
#[case::extra_result(conversation(&[call("a")], &[result("a"), result("b")]), "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.")]
#[case::other_result(conversation(&[call("a")], &[result("b")]), "for the following Ids: a")]
#[case::result_twice(conversation(&[call("a"), call("b")], &[result("a"), result("a")]), "duplicate Ids: a")]
#[case::call_twice(conversation(&[call("a"), call("a")], &[result("a")]), "The toolUse blocks at messages.1.content contain duplicate Ids: a")]
#[case::orphan(json!({"toolConfig": {"tools": [tool("f")]}, "messages": [{"role": "user", "content": [result("a")]}]}), "exceeds the number of toolUse blocks")]
#[case::bad_id(conversation(&[call("a b")], &[result("a b")]), "Value at 'messages.2.member.content.1.member.toolUse.toolUseId'")]
#[case::call_by_user(json!({"toolConfig": {"tools": [tool("f")]}, "messages": [{"role": "user", "content": [call("a")]}]}), "must be in an assistant message")]
#[case::unanswered_end(json!({"toolConfig": {"tools": [tool("f")]}, "messages": [{"role": "user", "content": [{"text": "a"}]},
    {"role": "assistant", "content": [call("a")]}]}), "Expected toolResult blocks at messages.2.content")]
#[case::input_not_an_object(conversation(&[json!({"toolUse": {"toolUseId": "a", "name": "f", "input": "x"}})], &[result("a")]),
    "The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object for the field and try again.")]
#[case::json_not_an_object(conversation(&[call("a")], &[json!({"toolResult": {"toolUseId": "a", "content": [{"json": [1]}]}})]),
    "The format of the value at messages.2.content.0.toolResult.content.0.json is invalid.")]
#[case::empty_error(conversation(&[call("a")], &[json!({"toolResult": {"toolUseId": "a", "content": [], "status": "error"}})]),
    "The content field at messages.2.content.0.toolResult cannot be empty when status value is error.")]
#[case::cache_point_beside_results(conversation(&[call("a")], &[result("a"), json!({"cachePoint": {"type": "default"}})]),
    "#/messages/2/content/1: extraneous key [cachePoint]")]
fn tool_faults_are_refused(#[case] patch: Value, #[case] words: &str) {
    let message = refusal(&with(&patch), LITE);
    assert!(message.contains(words), "{message}");
}

#[rstest]
#[case::micro_reads_no_images(MICRO, user(&json!([image("png", PNG)])),
    "This model doesn't support the image content block that you provided. Update the content block and try again.")]
#[case::wrong_magic(LITE, user(&json!([image("jpeg", PNG)])), "is not a valid jpeg image")]
#[case::not_base64(LITE, user(&json!([image("png", "%%%")])), "not valid base64")]
#[case::empty_image(LITE, user(&json!([image("png", "")])), "Member must have length greater than or equal to 1")]
#[case::unknown_format(LITE, user(&json!([image("bmp", PNG)])), "enum value set: [png, jpeg, gif, webp]")]
#[case::many_images(LITE, user(&json!(vec![image("png", PNG); 21])), "more than 20 images")]
#[case::document_name(LITE, user(&json!([{"text": "a"}, document("a.pdf")])), "The document file name can only contain alphanumeric characters")]
#[case::document_spaces(LITE, user(&json!([{"text": "a"}, document("a  b")])), "more than one consecutive whitespace")]
#[case::document_size(LITE, user(&json!([{"text": "a"}, {"document": {"format": "txt", "name": "a", "source": {"bytes": "YWFh".repeat(1_600_000)}}}])), "maximum size of 4.5 MB")]
#[case::document_twice(LITE, user(&json!([{"text": "a"}, document("a"), document("a")])), "Messages can't contain duplicate document names.")]
#[case::document_alone(LITE, user(&json!([document("a")])), "A text block must be included")]
#[case::many_documents(LITE, user(&json!([{"text": "a"}, document("1"), document("2"), document("3"), document("4"), document("5"), document("6")])),
    "You can't include more than 5 documents in a request.")]
#[case::long_ttl(LITE, user(&json!([{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}])), "Extended TTL")]
#[case::five_cache_points(LITE, json!({"system": [{"text": "a"}, {"cachePoint": {"type": "default"}}, {"cachePoint": {"type": "default"}},
    {"cachePoint": {"type": "default"}}, {"cachePoint": {"type": "default"}}, {"cachePoint": {"type": "default"}}]}), "more than 4 cache points")]
#[case::anthropic_thinking(NOVA2, additional(&json!({"thinking": {"type": "enabled"}})), "#: extraneous key [thinking] is not permitted")]
#[case::v1_reasoning(LITE, additional(&json!({"reasoningConfig": {"type": "enabled"}})), "extraneous key [reasoningConfig]")]
#[case::top_k_large(LITE, additional(&json!({"inferenceConfig": {"topK": 129}})), "#/inferenceConfig/topK: 129 is not less or equal to 128")]
#[case::top_k_zero(LITE, additional(&json!({"inferenceConfig": {"topK": 0}})), "0 is not greater or equal to 1")]
#[case::top_k_text(LITE, additional(&json!({"inferenceConfig": {"topK": "5"}})), "expected type: Integer, found: String")]
#[case::top_k_snake(LITE, additional(&json!({"inferenceConfig": {"top_k": 5}})), "#/inferenceConfig: extraneous key [top_k]")]
#[case::fields_list(LITE, additional(&json!([1])), "additionalModelRequestFields field is invalid")]
#[case::effort(NOVA2, additional(&json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "extreme"}})), "extreme is not a valid enum value")]
#[case::no_reasoning_type(NOVA2, additional(&json!({"reasoningConfig": {"maxReasoningEffort": "low"}})), "required key [type] not found")]
#[case::high_max_tokens(NOVA2, json!({"inferenceConfig": {"maxTokens": 5}, "additionalModelRequestFields":
    {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}}), "The maxTokens field must be unset")]
#[case::high_top_k(NOVA2, additional(&json!({"inferenceConfig": {"topK": 5}, "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}})),
    "The topK field must be unset")]
fn faults_that_depend_on_the_model_are_refused(
    #[case] model: &str,
    #[case] patch: Value,
    #[case] words: &str,
) {
    let message = refusal(&with(&patch), model);
    assert!(message.contains(words), "{message}");
}
