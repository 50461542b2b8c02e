//! The default text: an echo that shows a person that a simulator speaks, and what it received.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::catalogue::Model;
use crate::script::Script;
use crate::validate::{list, text};

/// Characters of the question, or of a tool result, that are repeated.
const ECHO_CHARACTERS: usize = 200;

/// The last message of the user.
pub(crate) fn last_user_message(body: &Value) -> Option<&Value> {
    list(body, "messages").iter().rfind(|message| text(message, "role") == "user")
}

/// The reply to the last message of the user.
pub(super) fn reply(body: &Value, model: &Model) -> String {
    let blocks = last_user_message(body).map(|message| list(message, "content")).unwrap_or_default();
    let mut parts = Vec::new();
    let results: Vec<String> =
        blocks.iter().filter_map(|block| block.get("toolResult")).map(result).collect();
    if !results.is_empty() {
        parts.push(format!("the tools returned {}.", results.join(", ")));
    }
    let said: Vec<String> = blocks
        .iter()
        .filter_map(|block| block.get("text").and_then(Value::as_str))
        .map(Script::strip)
        .filter(|said| !said.is_empty())
        .collect();
    if !said.is_empty() {
        parts.push(format!("you said \u{201c}{}\u{201d}.", shorten(&said.join(" "))));
    }
    let media: Vec<String> = blocks.iter().filter_map(medium).collect();
    if !media.is_empty() {
        parts.push(format!("I received {}.", media.join(", ")));
    }
    if parts.is_empty() {
        parts.push("hello.".to_owned());
    }
    format!("Simulated {}: {}", model.id, parts.join(" "))
}

fn result(result: &Value) -> String {
    let content: Vec<String> = list(result, "content")
        .iter()
        .filter_map(|part| match (part.get("text").and_then(Value::as_str), part.get("json")) {
            (Some(text), _) => Some(Script::strip(text)),
            (None, Some(json)) => Some(json.to_string()),
            (None, None) => medium(part),
        })
        .collect();
    let outcome = if text(result, "status") == "error" { "error " } else { "" };
    format!("{outcome}\u{201c}{}\u{201d}", shorten(&content.join(" ")))
}

fn medium(block: &Value) -> Option<String> {
    let (kind, content) =
        ["image", "document", "video"].iter().find_map(|kind| Some((*kind, block.get(*kind)?)))?;
    let source = content.get("source");
    let bytes = source
        .map(|source| text(source, "bytes"))
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .map_or(0, |bytes| bytes.len());
    let name = match text(content, "name") {
        "" => String::new(),
        name => format!(" \u{201c}{name}\u{201d}"),
    };
    Some(format!("{kind}{name} ({}, {bytes} bytes)", text(content, "format")))
}

fn shorten(text: &str) -> String {
    let mut letters = text.chars();
    let head: String = letters.by_ref().take(ECHO_CHARACTERS).collect();
    if letters.next().is_some() { format!("{head}\u{2026}") } else { head }
}
