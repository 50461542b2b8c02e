//! A whole answer.

use serde::Serialize;

/// The chat completion object.
#[derive(Debug, Clone, Serialize)]
pub struct ChatCompletion {
    /// `chatcmpl-…`.
    pub id: String,
    /// Always `chat.completion`.
    pub object: &'static str,
    /// Unix time in seconds.
    pub created: u64,
    /// The model's name, as the caller gave it.
    pub model: String,
    /// One per `n`.
    pub choices: Vec<Choice>,
    /// Absent when Bedrock did not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The tier that served the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// OpenAI's backend configuration; there is none here.
    pub system_fingerprint: Option<String>,
}

impl ChatCompletion {
    /// The value of `object`.
    pub const OBJECT: &'static str = "chat.completion";
}

/// One answer.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// 0 to n - 1.
    pub index: u32,
    /// What the model said.
    pub message: AssistantMessage,
    /// Never available from Nova.
    pub logprobs: Option<()>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Extension: Bedrock's stop reason, where OpenAI has no word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_finish_reason: Option<String>,
}

/// The assistant's message.
#[derive(Debug, Clone, Serialize)]
pub struct AssistantMessage {
    /// Always `assistant`.
    pub role: &'static str,
    /// `null` when the model only called tools.
    pub content: Option<String>,
    /// Nova has no refusals of its own.
    pub refusal: Option<String>,
    /// Extension: the model's reasoning, where it is readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// The calls that the model asks for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallOut>,
}

/// A call that the model asks for.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct ToolCallOut {
    /// Repeated by the tool message that answers it.
    pub id: String,
    /// Always `function`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What to call.
    pub function: FunctionCallOut,
}

/// The function of a call.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct FunctionCallOut {
    /// The name that the request gave it.
    pub name: String,
    /// A JSON object as text.
    pub arguments: String,
}

/// `finish_reason`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// A natural end or a stop sequence.
    Stop,
    /// The token limit or the context window.
    Length,
    /// The model calls tools.
    ToolCalls,
    /// A filter or a guardrail.
    ContentFilter,
}

/// `usage`, in tokens.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct Usage {
    /// Everything that was read, cached or not.
    pub prompt_tokens: u64,
    /// Everything that was generated, reasoning included.
    pub completion_tokens: u64,
    /// The sum.
    pub total_tokens: u64,
    /// Parts of `prompt_tokens`.
    pub prompt_tokens_details: PromptTokensDetails,
    /// Parts of `completion_tokens`, where Bedrock reports them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_tokens_details: Option<CompletionTokensDetails>,
}

/// `usage.prompt_tokens_details`.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct PromptTokensDetails {
    /// Read from the cache.
    pub cached_tokens: u64,
    /// Extension: written to the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_creation_tokens: Option<u64>,
}

/// `usage.completion_tokens_details`.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct CompletionTokensDetails {
    /// Spent on reasoning.
    pub reasoning_tokens: u64,
}
