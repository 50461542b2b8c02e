//! Calls in the history: their ids, their arguments, and that each has exactly one result.

use std::collections::HashMap;

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
    /// Where in `calls` an id is.
    positions: HashMap<String, usize>,
    /// How often an id was called under before, by the id that is sent. Some clients count from the start in each turn.
    used: HashMap<String, usize>,
}

/// A call that waits for its result, or has it.
#[derive(Debug, Clone)]
pub(super) struct OpenCall {
    /// The caller's id.
    pub(super) id: String,
    /// The id that is sent, unique in the conversation.
    pub(super) sent_id: String,
    /// The caller's name of what was called.
    pub(super) name: String,
    answered: bool,
}

/// How many ids an error lists.
const IDS_SHOWN_MAX: usize = 10;

impl OpenCalls {
    /// Opens the calls of the assistant message at `message_index`.
    pub(super) fn open(&mut self, message_index: usize, calls: &[ToolCall]) -> Result<(), TranslateError> {
        self.message_index = message_index;
        self.forget();
        for (index, call) in calls.iter().enumerate() {
            let path = format!("messages[{message_index}].tool_calls[{index}].id");
            if call.id.is_empty() {
                return Err(TranslateError::invalid(path, "the id of a tool call must not be empty"));
            }
            if self.positions.insert(call.id.clone(), index).is_some() {
                let message = format!("the id {:?} is used twice in one message", shorten(&call.id));
                return Err(TranslateError::invalid(path, message));
            }
            let name = call.function.as_ref().map(|function| function.name.clone()).unwrap_or_default();
            let sent_id = self.unused_id(&call.id);
            self.calls.push(OpenCall { id: call.id.clone(), sent_id, name, answered: false });
        }
        Ok(())
    }

    /// The id that is sent for the call at `index` of the message that was opened last.
    pub(super) fn sent_id(&self, index: usize) -> String {
        self.calls.get(index).map(|call| call.sent_id.clone()).unwrap_or_default()
    }

    /// Takes the result of a call, and tells which one it is.
    pub(super) fn answer(
        &mut self,
        message_index: usize,
        id: Option<&str>,
    ) -> Result<OpenCall, TranslateError> {
        let path = format!("messages[{message_index}].tool_call_id");
        let Some(id) = id else {
            return Err(TranslateError::missing(
                path,
                "a tool message needs tool_call_id, the id of the call that it answers",
            ));
        };
        let Some(call) = self.positions.get(id).and_then(|&position| self.calls.get_mut(position)) else {
            let message = if self.calls.is_empty() {
                "messages with role \"tool\" must follow an assistant message with \"tool_calls\"".to_owned()
            } else {
                let expected = list(self.calls.iter());
                format!("{:?} is not an id of the preceding tool_calls, which are {expected}", shorten(id))
            };
            return Err(TranslateError::invalid(path, message));
        };
        if call.answered {
            let message = format!("the tool call {:?} has a result already", shorten(id));
            return Err(TranslateError::invalid(path, message));
        }
        call.answered = true;
        Ok(call.clone())
    }

    /// Ends the turn of results.
    pub(super) fn close(&mut self) -> Result<(), TranslateError> {
        if self.calls.iter().any(|call| !call.answered) {
            let message = format!(
                "an assistant message with \"tool_calls\" must be followed by tool messages that answer each of them; without an answer: {}",
                list(self.calls.iter().filter(|call| !call.answered))
            );
            return Err(TranslateError::invalid(
                format!("messages[{}].tool_calls", self.message_index),
                message,
            ));
        }
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.calls.clear();
        self.positions.clear();
    }

    /// A legal id that no earlier call was sent with: Bedrock refuses an id that comes twice.
    fn unused_id(&mut self, id: &str) -> String {
        let first = legal_id(id);
        let mut count = self.used.get(&first).copied().unwrap_or_default();
        let mut sent = first.clone();
        while count > 0 && self.used.contains_key(&sent) {
            count += 1;
            sent = legal_id(&format!("{first}-{count}"));
        }
        self.used.insert(first, count.max(1));
        self.used.entry(sent.clone()).or_insert(1);
        sent
    }
}

fn list<'a>(calls: impl Iterator<Item = &'a OpenCall> + Clone) -> String {
    let ids: Vec<_> =
        calls.clone().take(IDS_SHOWN_MAX).map(|call| format!("{:?}", shorten(&call.id))).collect();
    let others = calls.skip(IDS_SHOWN_MAX).count();
    let mut text = ids.join(", ");
    if others > 0 {
        text = format!("{text} and {others} more");
    }
    text
}

/// An id as an error shows it: whoever writes it chooses its length.
fn shorten(id: &str) -> String {
    const SHOWN_MAX: usize = 64;
    id.chars().take(SHOWN_MAX).collect()
}

/// Translates the call at `path`.
pub(super) fn translate(
    call: ToolCall,
    sent_id: String,
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
    Ok(ToolUse { tool_use_id: sent_id, name: names.register(&function.name), input })
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
