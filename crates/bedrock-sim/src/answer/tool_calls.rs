//! Which tools the simulated model calls, and with what.
//!
//! `toolChoice` any or a tool: one call. Otherwise the tools that the last user message names, all at once, in
//! the order in which it names them; after tool results none, so that a conversation ends.

use serde_json::Value;

use super::{last_user_message, schema_instance};
use crate::script::{Script, ScriptedToolUse};
use crate::validate::{list, text};

/// The calls, or none.
pub(super) fn choose(body: &Value) -> Vec<ScriptedToolUse> {
    let Some(config) = body.get("toolConfig") else { return Vec::new() };
    let tools: Vec<&Value> = list(config, "tools").iter().filter_map(|tool| tool.get("toolSpec")).collect();
    let blocks = last_user_message(body).map(|message| list(message, "content")).unwrap_or_default();
    let named = named(&tools, blocks);
    let choice = config.get("toolChoice").filter(|choice| !choice.is_null());
    let chosen: Vec<&Value> = if let Some(tool) = choice.and_then(|choice| choice.get("tool")) {
        tools.iter().copied().filter(|spec| text(spec, "name") == text(tool, "name")).collect()
    } else if choice.is_some_and(|choice| choice.get("any").is_some()) {
        named.first().or_else(|| tools.first()).copied().into_iter().collect()
    } else if blocks.iter().any(|block| block.get("toolResult").is_some()) {
        Vec::new()
    } else {
        named
    };
    chosen.into_iter().map(call).collect()
}

/// The tools whose names stand in the texts, in the order of their first mention.
fn named<'a>(tools: &[&'a Value], blocks: &[Value]) -> Vec<&'a Value> {
    let said: Vec<String> = blocks
        .iter()
        .filter_map(|block| block.get("text").and_then(Value::as_str))
        .map(Script::strip)
        .collect();
    let said = said.join("\n");
    let words: Vec<&str> =
        said.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).collect();
    let mut found: Vec<(usize, &Value)> = tools
        .iter()
        .filter_map(|spec| Some((words.iter().position(|word| *word == text(spec, "name"))?, *spec)))
        .collect();
    found.sort_by_key(|(position, _)| *position);
    found.into_iter().map(|(_, spec)| spec).collect()
}

fn call(spec: &Value) -> ScriptedToolUse {
    let schema = spec.get("inputSchema").and_then(|schema| schema.get("json")).unwrap_or(&Value::Null);
    let instance = schema_instance::of(schema);
    ScriptedToolUse {
        name: text(spec, "name").to_owned(),
        id: None,
        // A schema that names no type still asks for an object: Converse takes no other input.
        input: if instance.is_object() { instance } else { Value::Null },
        raw_input: None,
    }
}
