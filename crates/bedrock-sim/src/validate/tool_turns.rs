//! Tool use and tool results: each call of an assistant turn is answered in the next user turn, and nothing
//! else is.

use std::collections::HashSet;

use serde_json::Value;

use super::{Subject, list, text};
use crate::exception::Exception;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let uses_tools = subject
        .blocks()
        .any(|(_, block)| block.get("toolUse").is_some() || block.get("toolResult").is_some());
    if uses_tools && subject.body.get("toolConfig").is_none_or(Value::is_null) {
        return Err(Exception::validation(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    subject.blocks().try_for_each(|(place, block)| block_formats(&place, block))?;
    let messages = subject.messages();
    let mut asked: Vec<&str> = Vec::new();
    for (turn, message) in messages.iter().enumerate() {
        if text(message, "role") == "user" {
            answers(turn, message, &asked)?;
            asked.clear();
        } else {
            asked = calls(turn, message)?;
        }
    }
    // An unanswered call at the end of the conversation; the text is AWS's for a missing answer.
    if asked.is_empty() { Ok(()) } else { Err(missing(messages.len(), &asked)) }
}

fn block_formats(place: &str, block: &Value) -> Result<(), Exception> {
    if let Some(call) = block.get("toolUse")
        && !call.get("input").is_some_and(Value::is_object)
    {
        return Err(not_an_object(&format!("{place}.toolUse.input")));
    }
    let Some(result) = block.get("toolResult") else { return Ok(()) };
    let content = list(result, "content");
    if content.is_empty() && text(result, "status") == "error" {
        return Err(Exception::validation(format!(
            "The content field at {place}.toolResult cannot be empty when status value is error."
        )));
    }
    for (index, part) in content.iter().enumerate() {
        if part.get("json").is_some_and(|json| !json.is_object()) {
            return Err(not_an_object(&format!("{place}.toolResult.content.{index}.json")));
        }
    }
    Ok(())
}

fn not_an_object(place: &str) -> Exception {
    Exception::validation(format!(
        "The format of the value at {place} is invalid. Provide a json object for the field and try again."
    ))
}

/// The ids of an assistant turn's calls.
fn calls(turn: usize, message: &Value) -> Result<Vec<&str>, Exception> {
    let ids = ids(message, "toolUse");
    if let Some(twice) = duplicate(&ids) {
        return Err(Exception::validation(format!(
            "The toolUse blocks at messages.{turn}.content contain duplicate Ids: {twice}"
        )));
    }
    // The text is the simulator's: an assistant turn cannot answer.
    if !self::ids(message, "toolResult").is_empty() {
        return Err(Exception::validation(format!(
            "The toolResult blocks at messages.{turn}.content must be in a user message."
        )));
    }
    Ok(ids)
}

fn answers(turn: usize, message: &Value, asked: &[&str]) -> Result<(), Exception> {
    if !ids(message, "toolUse").is_empty() {
        // The text is the simulator's: a user turn cannot call.
        return Err(Exception::validation(format!(
            "The toolUse blocks at messages.{turn}.content must be in an assistant message."
        )));
    }
    let answered = ids(message, "toolResult");
    let absent: Vec<&str> = asked.iter().copied().filter(|id| !answered.contains(id)).collect();
    if let Some(twice) = duplicate(&answered) {
        return Err(Exception::validation(format!(
            "The toolResult blocks at messages.{turn}.content contain duplicate Ids: {twice}"
        )));
    }
    if answered.len() > asked.len() {
        return Err(Exception::validation(format!(
            "The number of toolResult blocks at messages.{turn}.content exceeds the number of toolUse blocks of \
             previous turn."
        )));
    }
    if absent.is_empty() { Ok(()) } else { Err(missing(turn, &absent)) }
}

fn missing(turn: usize, ids: &[&str]) -> Exception {
    Exception::validation(format!(
        "Expected toolResult blocks at messages.{turn}.content for the following Ids: {}",
        ids.join(", ")
    ))
}

fn ids<'a>(message: &'a Value, kind: &str) -> Vec<&'a str> {
    list(message, "content")
        .iter()
        .filter_map(|block| block.get(kind))
        .map(|block| text(block, "toolUseId"))
        .collect()
}

fn duplicate<'a>(ids: &[&'a str]) -> Option<&'a str> {
    let mut seen = HashSet::new();
    ids.iter().copied().find(|id| !seen.insert(*id))
}
