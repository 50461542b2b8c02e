//! Tool calls and results told as text.
//!
//! When the caller forbids tools (`tool_choice: "none"`) or sends none, the model must not call any. Converse refuses a history with tool
//! blocks unless tools are configured, and with tools configured the model may call them. Telling the history as text is the one form in
//! which the caller's wish surely holds.

use serde_json::Value;

use crate::converse::{ContentBlock, ToolResultContent};

/// Why there is text where calls and results were.
pub(super) const REWRITTEN: &str =
    "no tool can be called in this request, so that earlier calls and results are told as text";

/// A call as text, with the caller's own id and name.
pub(super) fn call(id: &str, name: &str, input: &Value) -> ContentBlock {
    ContentBlock::Text(format!("[Call {id}: called the tool {name} with {input}]"))
}

/// A result as text, with its images and documents behind it. There is always a text in front, which says what they are.
pub(super) fn result(id: &str, name: &str, content: Vec<ToolResultContent>) -> Vec<ContentBlock> {
    let mut told = Vec::new();
    let mut attached = Vec::new();
    for content in content {
        match content {
            ToolResultContent::Text(text) => told.push(text),
            ToolResultContent::Image(image) => attached.push(ContentBlock::Image(image)),
            ToolResultContent::Document(document) => attached.push(ContentBlock::Document(document)),
        }
    }
    let text = if told.is_empty() {
        format!("[Call {id}: the tool {name} returned what follows]")
    } else {
        format!("[Call {id}: the tool {name} returned: {}]", told.join("\n"))
    };
    let mut blocks = vec![ContentBlock::Text(text)];
    blocks.append(&mut attached);
    blocks
}
