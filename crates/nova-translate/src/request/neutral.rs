//! Tool calls and results told as text.
//!
//! When the caller forbids tools (`tool_choice: "none"`) or sends none, the model must not call any. Converse refuses a history with tool
//! blocks unless tools are configured, and with tools configured the model may call them. Telling the history as text is the one form in
//! which the caller's wish surely holds.

use crate::converse::{ContentBlock, ToolResult, ToolResultContent, ToolUse};

/// A call as text.
pub(super) fn call(tool_use: &ToolUse) -> ContentBlock {
    ContentBlock::Text(format!("[Called the tool {} with {}]", tool_use.name, tool_use.input))
}

/// A result as text, with its images and documents behind it.
pub(super) fn result(name: &str, result: ToolResult) -> Vec<ContentBlock> {
    let mut blocks = Vec::new();
    for content in result.content {
        blocks.push(match content {
            ToolResultContent::Text(text) => {
                ContentBlock::Text(format!("[The tool {name} returned: {text}]"))
            }
            ToolResultContent::Image(image) => ContentBlock::Image(image),
            ToolResultContent::Document(document) => ContentBlock::Document(document),
        });
    }
    blocks
}
