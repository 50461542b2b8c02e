//! What comes back from Converse.
//!
//! Reading is lenient where AWS may add: unknown members are skipped, and a block of an unknown kind is a block with nothing set.

use serde::Deserialize;
use serde_json::Value;

/// The body of a Converse answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConverseResponse {
    /// What the model said.
    pub output: ResponseOutput,
    /// Why it ended.
    pub stop_reason: String,
    /// What it costs.
    pub usage: Option<TokenUsage>,
    /// The tier that served the call.
    pub service_tier: Option<ServedTier>,
}

/// `serviceTier` of an answer.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct ServedTier {
    /// `default`, `flex`, `priority`, `reserved`, or what AWS added since.
    #[serde(rename = "type")]
    pub kind: String,
}

/// `output`.
#[derive(Debug, Clone, Deserialize)]
pub struct ResponseOutput {
    /// The assistant's turn. Absent in an answer without output, which is an error.
    pub message: Option<ResponseMessage>,
}

/// The assistant's turn.
#[derive(Debug, Clone, Deserialize)]
pub struct ResponseMessage {
    /// Its blocks in order.
    #[serde(default)]
    pub content: Vec<ResponseBlock>,
}

/// A block of the answer: one of the members is set, or none if the kind is new.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseBlock {
    /// Text.
    pub text: Option<String>,
    /// A call.
    pub tool_use: Option<ToolUseBlock>,
    /// Reasoning.
    pub reasoning_content: Option<ReasoningBlock>,
}

/// A call that the model asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolUseBlock {
    /// The call's id.
    pub tool_use_id: String,
    /// The tool.
    pub name: String,
    /// The arguments.
    #[serde(default)]
    pub input: Value,
}

/// `reasoningContent`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasoningBlock {
    /// The readable form.
    pub reasoning_text: Option<ReasoningText>,
}

/// `reasoningContent.reasoningText`.
#[derive(Debug, Clone, Deserialize)]
pub struct ReasoningText {
    /// The text; `[REDACTED]` from Nova 2.
    #[serde(default)]
    pub text: String,
}

/// `usage`: the raw counts of Bedrock. The input, what was read from the cache and what was written to it are disjoint.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsage {
    /// Read, and not from the cache.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub input_tokens: u64,
    /// Generated, reasoning included.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub output_tokens: u64,
    /// Read from the cache.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub cache_read_input_tokens: u64,
    /// Written to the cache.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub cache_write_input_tokens: u64,
}

/// A count that is not there is none, in whichever way it is not there: an answer that was paid must not fail over it.
fn null_is_zero<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
