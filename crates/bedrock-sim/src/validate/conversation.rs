//! Roles, their order, and that nothing is empty or blank.

use serde_json::Value;

use super::{Subject, list, text};
use crate::exception::Exception;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let messages = subject.messages();
    let Some(first) = messages.first() else {
        return Err(Exception::validation(
            "A conversation must start with a user message. Try again with a conversation that starts with a user \
             message.",
        ));
    };
    // The role `system` is in the service model; no Nova model takes it. The text is the simulator's.
    if let Some(turn) = messages.iter().position(|message| text(message, "role") == "system") {
        return Err(Exception::validation(format!(
            "This model doesn't support the system role at messages.{turn}. Use the system field and try again."
        )));
    }
    if text(first, "role") != "user" {
        return Err(Exception::validation(
            "A conversation must start with a user message. Try again with a conversation that starts with a user \
             message.",
        ));
    }
    if messages.windows(2).any(|pair| pair.first().map(role) == pair.last().map(role)) {
        return Err(Exception::validation(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates \
             between user and assistant roles and try again.",
        ));
    }
    if let Some(turn) = messages.iter().position(|message| list(message, "content").is_empty()) {
        return Err(Exception::validation(format!(
            "The content field in the Message object at messages.{turn} is empty. Add a ContentBlock object to the \
             content field and try again."
        )));
    }
    blank_texts(subject)
}

fn role(message: &Value) -> &str {
    text(message, "role")
}

fn blank_texts(subject: &Subject<'_>) -> Result<(), Exception> {
    let system = list(subject.body, "system").iter().enumerate();
    let system = system.map(|(index, block)| (format!("system.{index}"), "SystemContentBlock", block));
    let content = subject.blocks().map(|(place, block)| (place, "ContentBlock", block));
    for (place, object, block) in system.chain(content) {
        if block.get("text").and_then(Value::as_str).is_some_and(|text| text.trim().is_empty()) {
            return Err(Exception::validation(format!(
                "The text field in the {object} object at {place} is blank. Add text to the text field, and try \
                 again."
            )));
        }
    }
    Ok(())
}
