//! Answers: what is said, which tools are called, what ends an answer.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::catalogue;

fn model(id: &str) -> &'static Model {
    catalogue::resolve(id, "us-east-1", &std::collections::BTreeMap::new()).unwrap()
}

fn answer_to(body: &Value) -> Answer {
    let script = Script::find(body).unwrap();
    answer(body, model("us.amazon.nova-2-lite-v1:0"), script.as_ref(), Usage::default())
}

fn ask(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}

fn tool(name: &str, schema: &Value) -> Value {
    json!({"toolSpec": {"name": name, "inputSchema": {"json": schema}}})
}

fn said(answer: &Answer) -> String {
    answer
        .blocks
        .iter()
        .filter(|block| block.kind == BlockKind::Text)
        .flat_map(|block| block.pieces.clone())
        .collect()
}

fn called(answer: &Answer) -> Vec<String> {
    let name = |block: &Block| match &block.kind {
        BlockKind::ToolUse { name, .. } => Some(name.clone()),
        _ => None,
    };
    answer.blocks.iter().filter_map(name).collect()
}

#[test]
fn the_default_answer_echoes_the_question_and_is_always_the_same() {
    let first = answer_to(&ask("What is Nova?"));
    assert!(said(&first).contains("What is Nova?"), "{}", said(&first));
    assert!(said(&first).starts_with("Simulated amazon.nova-2-lite-v1:0"));
    assert_eq!(first.stop_reason, "end_turn");
    assert_eq!(first, answer_to(&ask("What is Nova?")));
    assert_eq!(first.usage.output_tokens, tokens::of_text(&said(&first)));
}

#[test]
fn images_and_documents_are_named_with_format_and_size() {
    let mut body = ask("look");
    body["messages"][0]["content"] = json!([
        {"text": "look"},
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"document": {"format": "pdf", "name": "report", "source": {"bytes": "aGVsbG8="}}},
    ]);
    let text = said(&answer_to(&body));
    assert!(text.contains("image (png, 8 bytes)"), "{text}");
    assert!(text.contains("document \u{201c}report\u{201d} (pdf, 5 bytes)"), "{text}");
}

#[rstest]
#[case::auto_without_a_name("hello", json!(null), &[])]
#[case::auto_with_names_in_their_order("use get_b and get_a", json!({"auto": {}}), &["get_b", "get_a"])]
#[case::auto_ignores_part_of_a_word("use get_abc", json!({"auto": {}}), &[])]
#[case::any_takes_the_first("hello", json!({"any": {}}), &["get_a"])]
#[case::any_takes_the_named("use get_b", json!({"any": {}}), &["get_b"])]
#[case::a_tool_is_taken("hello", json!({"tool": {"name": "get_b"}}), &["get_b"])]
fn tools_are_called(#[case] text: &str, #[case] choice: Value, #[case] expected: &[&str]) {
    let mut body = ask(text);
    let schema = json!({"type": "object", "properties": {}});
    body["toolConfig"] =
        json!({"tools": [tool("get_a", &schema), tool("get_b", &schema)], "toolChoice": choice});
    let answer = answer_to(&body);
    assert_eq!(called(&answer), expected);
    assert_eq!(answer.stop_reason, if expected.is_empty() { "end_turn" } else { "tool_use" });
}

#[test]
fn tool_results_are_quoted_and_end_the_conversation() {
    let mut body = ask("use get_a");
    body["toolConfig"] = json!({"tools": [tool("get_a", &json!({"type": "object"}))]});
    body["messages"] = json!([
        {"role": "user", "content": [{"text": "use get_a"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "1", "name": "get_a", "input": {}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "1", "content": [{"json": {"degrees": 21}}]}}]},
    ]);
    let answer = answer_to(&body);
    assert!(said(&answer).contains(r#"{"degrees":21}"#), "{}", said(&answer));
    assert!(called(&answer).is_empty());
}

#[test]
fn max_tokens_cuts_the_text_and_stop_sequences_end_it() {
    let mut body = ask(r#"[[sim {"text":"one two three four"}]]"#);
    body["inferenceConfig"] = json!({"maxTokens": 2});
    let cut = answer_to(&body);
    assert_eq!(
        (said(&cut).as_str(), cut.stop_reason.as_str(), cut.usage.output_tokens),
        ("one two ", "max_tokens", 2)
    );
    body["inferenceConfig"] = json!({"stopSequences": ["four", "two"]});
    let stopped = answer_to(&body);
    assert_eq!((said(&stopped).as_str(), stopped.stop_reason.as_str()), ("one ", "stop_sequence"));
}

#[test]
fn reasoning_comes_first_and_is_billed() {
    let mut body = ask(r#"[[sim {"text":"abcd"}]]"#);
    body["additionalModelRequestFields"] =
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}});
    let answer = answer_to(&body);
    assert_eq!(answer.blocks[0].kind, BlockKind::Reasoning);
    assert_eq!(answer.blocks[0].pieces.concat(), "[REDACTED]");
    assert_eq!(answer.usage.output_tokens, 17);
}

#[test]
fn a_script_decides_everything() {
    let body = ask(r#"[[sim {"deltas":["a","b"],"reasoning":"why","stop_reason":"malformed_tool_use",
            "tool_uses":[{"name":"f","input":{"x":1},"id":"t1"}],"usage":{"inputTokens":7,"cache_read_input_tokens":3}}]]"#);
    let answer = answer_to(&body);
    assert_eq!(answer.stop_reason, "malformed_tool_use");
    assert_eq!(answer.usage.input_tokens, 7);
    assert_eq!(answer.usage.cache_read_input_tokens, 3);
    assert_eq!(answer.blocks.len(), 3);
    assert_eq!(answer.blocks[1].pieces, ["a", "b"]);
}

#[rstest]
#[case(json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}))]
#[case(json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 5, "maximum": 9, "multipleOf": 4}}}))]
#[case(json!({"type": "object", "properties": {"n": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}}}))]
#[case(json!({"type": "object", "properties": {"s": {"type": "string", "minLength": 12, "maxLength": 14}}}))]
#[case(json!({"type": "object", "properties": {"d": {"type": "string", "format": "date"}}}))]
#[case(json!({"type": "object", "properties": {"c": {"const": 3}, "e": {"enum": ["x", "y"]}}, "required": ["c", "e"]}))]
#[case(json!({"type": "object", "properties": {"u": {"type": ["null", "string"]}, "b": {"type": "boolean"}}}))]
#[case(json!({"type": "object", "properties": {"a": {"type": "array", "minItems": 3, "items": {"type": "object",
    "properties": {"x": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, "required": ["x"]}}}}))]
#[case(json!({"type": "object", "properties": {"p": {"$ref": "#/$defs/point"}},
    "$defs": {"point": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}))]
#[case(json!({"type": "object", "properties": {"t": {"$ref": "#/$defs/node"}},
    "$defs": {"node": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}}))]
#[case(json!({"type": "object", "allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]},
    {"properties": {"b": {"type": "string"}}, "required": ["b"]}]}))]
#[case(json!({"type": "object", "properties": {"t": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}}}))]
#[case(json!({"type": "object", "required": ["undeclared"]}))]
fn an_instance_is_valid_by_an_independent_validator(#[case] schema: Value) {
    let instance = schema_instance::of(&schema);
    assert!(jsonschema::is_valid(&schema, &instance), "{instance} is not valid for {schema}");
}

#[rstest]
#[case::required_twice(json!({"$ref": "#/$defs/n", "type": "object", "$defs": {"n": {"type": "object",
    "properties": {"l": {"$ref": "#/$defs/n"}, "r": {"$ref": "#/$defs/n"}}, "required": ["l", "r"]}}}))]
#[case::merged_twice(json!({"$ref": "#/$defs/n", "$defs": {"n": {"allOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}}}))]
#[case::many_in_many(json!({"type": "array", "minItems": 9999, "items": {"type": "array", "minItems": 9999, "items": {"type": "integer"}}}))]
fn a_schema_that_multiplies_ends(#[case] schema: Value) {
    let instance = schema_instance::of(&schema);
    assert!(instance.to_string().len() < 1_000_000);
}

proptest! {
    #[test]
    fn a_text_in_pieces_is_the_text(text in ".{0,200}", chunks in proptest::option::of(0usize..50)) {
        let pieces = split(&text, chunks);
        prop_assert_eq!(pieces.concat(), text);
        prop_assert!(!pieces.is_empty());
    }
}
