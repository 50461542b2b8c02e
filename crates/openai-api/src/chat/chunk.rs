//! One event of a streamed answer.
//!
//! The types borrow: a chunk is written to the wire as soon as it is made, and never kept.

use serde::Serialize;

use super::response::{FinishReason, Usage};

/// The chat completion chunk object.
#[derive(Debug, Clone, Serialize)]
pub struct ChatChunk<'a> {
    /// The same in all chunks of an answer.
    pub id: &'a str,
    /// Always `chat.completion.chunk`.
    pub object: &'static str,
    /// Unix time in seconds, the same in all chunks.
    pub created: u64,
    /// The model's name, as the caller gave it.
    pub model: &'a str,
    /// The tier that served the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<&'a str>,
    /// OpenAI's backend configuration; there is none here.
    pub system_fingerprint: Option<&'a str>,
    /// One, or none in the chunk that carries the usage.
    pub choices: &'a [ChunkChoice<'a>],
    /// `Some(None)` is `null`: with `include_usage`, every chunk but the last says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

impl ChatChunk<'_> {
    /// The value of `object`.
    pub const OBJECT: &'static str = "chat.completion.chunk";
}

/// What a chunk adds to one choice.
#[derive(Debug, Clone, Serialize)]
pub struct ChunkChoice<'a> {
    /// Which choice.
    pub index: u32,
    /// What it adds.
    pub delta: Delta<'a>,
    /// Never available from Nova.
    pub logprobs: Option<()>,
    /// Set in the last chunk of a choice.
    pub finish_reason: Option<FinishReason>,
    /// Extension: Bedrock's stop reason, where OpenAI has no word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_finish_reason: Option<&'a str>,
}

/// A piece of the assistant's message.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Delta<'a> {
    /// In the first chunk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// More text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    /// Extension: more reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<&'a str>,
    /// A call that begins, or more of its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<[ToolCallDelta<'a>; 1]>,
}

/// A piece of a call.
#[derive(Debug, Clone, Serialize)]
pub struct ToolCallDelta<'a> {
    /// Which call, counted from 0 without gaps.
    pub index: u32,
    /// In the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// In the first piece only: `function`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The piece.
    pub function: FunctionDelta<'a>,
}

/// A piece of a call's function.
#[derive(Debug, Clone, Serialize)]
pub struct FunctionDelta<'a> {
    /// In the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// More of the arguments.
    pub arguments: &'a str,
}
