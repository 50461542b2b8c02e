//! Scripts inside a prompt: `[[sim {…}]]` in the last user message, or in the one text of InvokeModel, says how the simulator answers.
//!
//! A script travels with its request, so tests that share a simulator do not disturb each other. The keys are
//! documented in the crate's documentation. A script that does not parse is refused, so that a misspelt key
//! cannot make a test pass.

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::exception::Exception;
use crate::validate::{list, text};

const OPENING: &str = "[[sim ";
const CLOSING: &str = "]]";
/// More garbage than any frame could hold shows nothing new.
const MAX_TRAILING_BYTES: usize = 1 << 20;

/// What a script asks for. Every key is optional.
#[derive(Debug, Clone, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct Script {
    pub(crate) text: Option<String>,
    pub(crate) tool_uses: Option<Vec<ScriptedToolUse>>,
    pub(crate) reasoning: Option<String>,
    pub(crate) stop_reason: Option<String>,
    pub(crate) usage: Option<ScriptedUsage>,
    pub(crate) chunks: Option<usize>,
    pub(crate) deltas: Option<Vec<String>>,
    pub(crate) guardrail: bool,
    pub(crate) blocked_images: u32,
    pub(crate) counts_tokens: bool,
    pub(crate) first_byte_delay_ms: u64,
    pub(crate) delta_delay_ms: u64,
    #[serde(flatten)]
    pub(crate) fault: ScriptedFault,
    pub(crate) times: Option<u64>,
    pub(crate) key: Option<String>,
}

/// The part of a script that breaks an answer; `times` limits how often it applies.
#[derive(Debug, Clone, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct ScriptedFault {
    pub(crate) error: Option<ScriptedError>,
    pub(crate) hang: bool,
    pub(crate) hang_after_events: Option<usize>,
    pub(crate) disconnect: bool,
    pub(crate) disconnect_after_events: Option<usize>,
    pub(crate) end_after_events: Option<usize>,
    pub(crate) corrupt_event: Option<usize>,
    pub(crate) trailing_bytes: usize,
    pub(crate) empty_stream: bool,
    pub(crate) unknown_event: Option<usize>,
    pub(crate) malformed_body: bool,
    pub(crate) empty_output: bool,
}

/// One call of a tool.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptedToolUse {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) input: Value,
    /// Sent verbatim as the call's partial JSON in a stream, valid or not.
    #[serde(default)]
    pub(crate) raw_input: Option<String>,
}

/// Counts that replace the simulator's own.
#[derive(Debug, Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ScriptedUsage {
    #[serde(alias = "inputTokens")]
    pub(crate) input_tokens: Option<u64>,
    #[serde(alias = "outputTokens")]
    pub(crate) output_tokens: Option<u64>,
    #[serde(alias = "cacheReadInputTokens")]
    pub(crate) cache_read_input_tokens: Option<u64>,
    #[serde(alias = "cacheWriteInputTokens")]
    pub(crate) cache_write_input_tokens: Option<u64>,
}

/// An exception, before the stream or within it.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptedError {
    /// AWS's name, such as `ThrottlingException`.
    #[serde(rename = "type")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) message: Option<String>,
    /// Another HTTP status than the exception's own.
    #[serde(default)]
    pub(crate) status: Option<u16>,
    /// Further members of the body.
    #[serde(default)]
    pub(crate) members: Map<String, Value>,
    /// Absent: HTTP status before the stream. Present: an exception frame after that many events.
    #[serde(default)]
    pub(crate) after_events: Option<usize>,
}

/// Every key that a script may have. `serde` cannot refuse unknown keys beside a flattened part.
const KEYS: &[&str] = &[
    "text",
    "tool_uses",
    "reasoning",
    "stop_reason",
    "usage",
    "chunks",
    "deltas",
    "guardrail",
    "blocked_images",
    "counts_tokens",
    "first_byte_delay_ms",
    "delta_delay_ms",
    "error",
    "hang",
    "hang_after_events",
    "disconnect",
    "disconnect_after_events",
    "end_after_events",
    "corrupt_event",
    "trailing_bytes",
    "empty_stream",
    "unknown_event",
    "malformed_body",
    "empty_output",
    "times",
    "key",
];

impl Script {
    /// The script of the last user message, if it has one.
    ///
    /// # Errors
    /// `ValidationException` that says what is wrong with the script.
    pub(crate) fn find(body: &Value) -> Result<Option<Self>, Exception> {
        let last = list(body, "messages").iter().rfind(|message| text(message, "role") == "user");
        let Some(last) = last else { return Ok(None) };
        for text in spoken(last) {
            if let Some(script) = Self::find_in(text)? {
                return Ok(Some(script));
            }
        }
        Ok(None)
    }

    /// The script in a text, if it has one.
    ///
    /// # Errors
    /// `ValidationException` that says what is wrong with the script.
    pub(crate) fn find_in(text: &str) -> Result<Option<Self>, Exception> {
        text.split_once(OPENING).map(|(_, rest)| Self::parse(rest)).transpose()
    }

    fn parse(rest: &str) -> Result<Self, Exception> {
        let refused = |reason: String| {
            Exception::validation(format!("the simulator script in the prompt is not valid: {reason}"))
        };
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = values
            .next()
            .ok_or_else(|| refused("it is empty".to_owned()))?
            .map_err(|error| refused(error.to_string()))?;
        let behind = rest.get(values.byte_offset()..).unwrap_or_default();
        if !behind.trim_start().starts_with(CLOSING) {
            return Err(refused(format!("`{CLOSING}` must follow the JSON object")));
        }
        let unknown =
            value.as_object().and_then(|keys| keys.keys().find(|key| !KEYS.contains(&key.as_str())));
        if let Some(key) = unknown {
            return Err(refused(format!("unknown key `{key}`; known are {}", KEYS.join(", "))));
        }
        let script: Self = serde_json::from_value(value).map_err(|error| refused(error.to_string()))?;
        if script.fault.trailing_bytes > MAX_TRAILING_BYTES {
            return Err(refused(format!("`trailing_bytes` is more than {MAX_TRAILING_BYTES}")));
        }
        let status = script.fault.error.as_ref().and_then(|error| error.status);
        if let Some(status) = status.filter(|status| !is_error_status(*status)) {
            return Err(refused(format!("status {status} is not between 400 and 599")));
        }
        if script.times.is_some() != script.key.is_some() {
            return Err(refused("`times` and `key` belong together".to_owned()));
        }
        Ok(script)
    }

    /// The text without its script: what the simulator echoes.
    pub(crate) fn strip(text: &str) -> String {
        let Some((before, rest)) = text.split_once(OPENING) else { return text.to_owned() };
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde::de::IgnoredAny>();
        let _parsed = values.next();
        let behind = rest.get(values.byte_offset()..).unwrap_or_default().trim_start();
        format!("{before}{}", behind.strip_prefix(CLOSING).unwrap_or(behind)).trim().to_owned()
    }

    /// The script with its faults taken out when they have applied `times` times for its key.
    pub(crate) fn counted(mut self, counts: &mut KeyCounts) -> Self {
        if let (Some(times), Some(key)) = (self.times, self.key.as_deref())
            && counts.next(key) > times
        {
            self.fault = ScriptedFault::default();
        }
        self
    }
}

/// Whether an exception may have that HTTP status.
pub(crate) fn is_error_status(status: u16) -> bool {
    (400..=599).contains(&status)
}

/// The texts of a user message: its own, and those of tool results.
pub(crate) fn spoken(message: &Value) -> impl Iterator<Item = &str> {
    list(message, "content").iter().flat_map(|block| {
        let results = block.get("toolResult").map(|result| list(result, "content")).unwrap_or_default();
        std::iter::once(block).chain(results).filter_map(|block| block.get("text").and_then(Value::as_str))
    })
}

/// How often each script key was seen. The oldest keys fall out at the limit.
pub(crate) struct KeyCounts {
    limit: usize,
    counts: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl KeyCounts {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, counts: HashMap::new(), order: VecDeque::new() }
    }

    /// Counts one more request with that key and returns how many there were.
    fn next(&mut self, key: &str) -> u64 {
        if !self.counts.contains_key(key) {
            self.order.push_back(key.to_owned());
            if self.order.len() > self.limit
                && let Some(oldest) = self.order.pop_front()
            {
                self.counts.remove(&oldest);
            }
        }
        let count = self.counts.entry(key.to_owned()).or_default();
        *count += 1;
        *count
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prompt(text: &str) -> Value {
        json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
    }

    #[test]
    fn a_script_is_found_in_the_middle_of_a_text_and_stripped_from_it() {
        let text = r#"hello [[sim {"text":"a ]] b","chunks":2}]] there"#;
        let script = Script::find(&prompt(text)).unwrap().unwrap();
        assert_eq!(script.text.as_deref(), Some("a ]] b"));
        assert_eq!(script.chunks, Some(2));
        assert_eq!(Script::strip(text), "hello  there");
    }

    #[test]
    fn a_script_with_a_fault_of_its_own_is_refused() {
        for (text, reason) in [
            (r#"[[sim {"txt":"a"}]]"#, "unknown key `txt`"),
            (r#"[[sim {"text":1}]]"#, "invalid type"),
            (r#"[[sim {"text":"a"}"#, "must follow"),
            (r#"[[sim {"times":1}]]"#, "belong together"),
            (r#"[[sim {"trailing_bytes":99999999}]]"#, "more than 1048576"),
            (r#"[[sim {"error":{"type":"X","status":101}}]]"#, "not between 400 and 599"),
            (r#"[[sim {"error":{"type":"X","oops":1}}]]"#, "oops"),
            ("[[sim ", "empty"),
        ] {
            let message = Script::find(&prompt(text)).unwrap_err().message;
            assert!(message.contains(reason), "{text}: {message}");
        }
    }

    #[test]
    fn faults_stop_after_their_times_and_keys_are_bounded() {
        let text = r#"[[sim {"text":"done","error":{"type":"ThrottlingException"},"times":2,"key":"k"}]]"#;
        let script = Script::find(&prompt(text)).unwrap().unwrap();
        let mut counts = KeyCounts::new(2);
        for expected in [true, true, false, false] {
            assert_eq!(script.clone().counted(&mut counts).fault.error.is_some(), expected);
        }
        counts.next("other");
        counts.next("third");
        assert_eq!(counts.next("k"), 1, "the oldest key was forgotten");
        assert!(counts.counts.len() <= 2);
    }

    #[test]
    fn only_the_last_user_message_is_read() {
        let body = json!({"messages": [
            {"role": "user", "content": [{"text": r#"[[sim {"text":"old"}]]"#}]},
            {"role": "assistant", "content": [{"text": "old"}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": r#"[[sim {"text":"new"}]]"#}]}}]},
        ]});
        assert_eq!(Script::find(&body).unwrap().unwrap().text.as_deref(), Some("new"));
    }
}
