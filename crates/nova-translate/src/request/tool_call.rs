//! Calls in the history: their ids, their arguments, and that each has exactly one result.

use openai_api::chat::ToolCall;
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::ToolNames;
use crate::TranslateError;
use crate::converse::ToolUse;
use crate::note::Notes;

/// The calls of the last assistant turn that wait for their results.
///
/// Converse refuses missing, foreign and repeated results without saying where; here the message is named.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    message_index: usize,
    calls: Vec<OpenCall>,
}

#[derive(Debug)]
struct OpenCall {
    id: String,
    name: String,
    answered: bool,
}

impl OpenCalls {
    /// Opens the calls of the assistant message at `message_index`.
    pub(super) fn open(&mut self, message_index: usize, calls: &[ToolCall]) -> Result<(), TranslateError> {
        self.message_index = message_index;
        self.calls.clear();
        for (index, call) in calls.iter().enumerate() {
            let path = format!("messages[{message_index}].tool_calls[{index}].id");
            if call.id.is_empty() {
                return Err(TranslateError::invalid(path, "the id of a tool call must not be empty"));
            }
            if self.calls.iter().any(|open| open.id == call.id) {
                return Err(TranslateError::invalid(
                    path,
                    format!("the id {:?} is used twice in one message", call.id),
                ));
            }
            let name = call.function.as_ref().map(|function| function.name.clone()).unwrap_or_default();
            self.calls.push(OpenCall { id: call.id.clone(), name, answered: false });
        }
        Ok(())
    }

    /// Takes the result of a call, and tells the name of what was called.
    pub(super) fn answer(
        &mut self,
        message_index: usize,
        id: Option<&str>,
    ) -> Result<String, TranslateError> {
        let path = format!("messages[{message_index}].tool_call_id");
        let Some(id) = id else {
            return Err(TranslateError::missing(
                path,
                "a tool message needs tool_call_id, the id of the call that it answers",
            ));
        };
        let expected =
            || self.calls.iter().map(|call| format!("{:?}", call.id)).collect::<Vec<_>>().join(", ");
        let Some(position) = self.calls.iter().position(|call| call.id == id) else {
            let message = if self.calls.is_empty() {
                "messages with role \"tool\" must follow an assistant message with \"tool_calls\"".to_owned()
            } else {
                format!("{id:?} is not an id of the preceding tool_calls, which are {}", expected())
            };
            return Err(TranslateError::invalid(path, message));
        };
        let call = &mut self.calls[position];
        if call.answered {
            return Err(TranslateError::invalid(path, format!("the tool call {id:?} has a result already")));
        }
        call.answered = true;
        Ok(call.name.clone())
    }

    /// Ends the turn of results.
    pub(super) fn close(&mut self) -> Result<(), TranslateError> {
        let unanswered: Vec<_> =
            self.calls.iter().filter(|call| !call.answered).map(|call| format!("{:?}", call.id)).collect();
        if !unanswered.is_empty() {
            let message = format!(
                "an assistant message with \"tool_calls\" must be followed by tool messages that answer each of them; without an answer: {}",
                unanswered.join(", ")
            );
            return Err(TranslateError::invalid(
                format!("messages[{}].tool_calls", self.message_index),
                message,
            ));
        }
        self.calls.clear();
        Ok(())
    }
}

/// Translates the call at `path`.
pub(super) fn translate(
    call: ToolCall,
    path: &str,
    names: &mut ToolNames,
    notes: &mut Notes,
) -> Result<ToolUse, TranslateError> {
    let Some(function) = call.function else {
        let message = format!(
            "only calls of type \"function\" are known here, this one is {:?}",
            call.kind.unwrap_or_default()
        );
        return Err(TranslateError::unsupported(format!("{path}.function"), message));
    };
    let input = arguments(function.arguments.as_deref().unwrap_or_default(), path, notes);
    Ok(ToolUse { tool_use_id: legal_id(&call.id), name: names.register(&function.name), input })
}

/// The arguments as an object, which is what Converse takes. A model's own slip (no JSON, several objects in a row, another type) must not end
/// the conversation: it is kept, word for word, as the one member `arguments`.
fn arguments(text: &str, path: &str, notes: &mut Notes) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Value::Object(object),
        other => {
            notes.rewrite(
                format!("{path}.function.arguments"),
                "not one JSON object: sent as the text of a member \"arguments\"",
            );
            let kept = other.unwrap_or_else(|_| Value::String(text.to_owned()));
            Value::Object(Map::from_iter([("arguments".to_owned(), kept)]))
        }
    }
}

/// An id in Converse's charset and length. Source: Bedrock API Reference, ToolUseBlock: `[a-zA-Z0-9_.:-]+`, 1 to 64 characters.
///
/// The same id always becomes the same one, so that a call and its result still meet.
pub(super) fn legal_id(id: &str) -> String {
    const LENGTH_MAX: usize = 64;
    const HASH_LENGTH: usize = 17;
    let is_legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | ':' | '-');
    if id.len() <= LENGTH_MAX && !id.is_empty() && id.chars().all(is_legal) {
        return id.to_owned();
    }
    let stem: String = id
        .chars()
        .take(LENGTH_MAX - HASH_LENGTH)
        .map(|char| if is_legal(char) { char } else { '_' })
        .collect();
    format!("{stem}-{:016x}", xxh3_64(id.as_bytes()))
}
