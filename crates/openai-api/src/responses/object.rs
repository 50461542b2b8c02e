//! The response object.
//!
//! It borrows what the request said: it is written several times in a stream, and never kept.

use serde::Serialize;
use serde_json::{Map, Value};

use super::output::OutputItem;
use super::request::TextConfig;
use super::tool::{FunctionTool, ToolChoice};

/// The response object. What the server does not do is told by its fixed values.
#[derive(Debug, Clone, Serialize)]
pub struct ResponseObject<'a> {
    /// `resp_…`.
    pub id: &'a str,
    /// Always `response`.
    pub object: &'static str,
    /// Unix time in seconds.
    pub created_at: u64,
    /// How far it is.
    pub status: Status,
    /// Nothing is answered later: always `false`.
    pub background: bool,
    /// Why it failed.
    pub error: Option<ResponseError<'a>>,
    /// Why it is incomplete.
    pub incomplete_details: Option<IncompleteDetails>,
    /// As the request said.
    pub instructions: Option<&'a str>,
    /// As the request said.
    pub max_output_tokens: Option<u32>,
    /// As the request said.
    pub max_tool_calls: Option<u32>,
    /// As the request said.
    pub metadata: &'a Map<String, Value>,
    /// The model's name, as the caller gave it.
    pub model: &'a str,
    /// What the model said, as far as it is complete.
    pub output: &'a [OutputItem],
    /// As the request said.
    pub parallel_tool_calls: bool,
    /// Nothing is stored: always `null`.
    pub previous_response_id: Option<()>,
    /// As the request said.
    pub prompt_cache_key: Option<&'a str>,
    /// As the request said.
    pub reasoning: ReasoningEcho<'a>,
    /// As the request said.
    pub safety_identifier: Option<&'a str>,
    /// The tier that serves the request.
    pub service_tier: &'a str,
    /// Nothing is stored: always `false`.
    pub store: bool,
    /// As the request said.
    pub temperature: Option<f64>,
    /// As the request said.
    pub text: &'a TextConfig,
    /// As the request said.
    pub tool_choice: &'a ToolChoice,
    /// As the request said.
    pub tools: &'a [FunctionTool],
    /// Never available from Nova: always 0.
    pub top_logprobs: u32,
    /// As the request said.
    pub top_p: Option<f64>,
    /// Nothing is cut off the input: always `disabled`.
    pub truncation: &'static str,
    /// Absent until the end, and when Bedrock did not report it.
    pub usage: Option<ResponseUsage>,
    /// As the request said.
    pub user: Option<&'a str>,
    /// Extension: Bedrock's stop reason, where OpenAI has no word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_finish_reason: Option<&'a str>,
}

impl ResponseObject<'_> {
    /// The value of `object`.
    pub const OBJECT: &'static str = "response";
}

/// `reasoning` as the request said.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ReasoningEcho<'a> {
    /// How hard the model thinks.
    pub effort: Option<&'a str>,
    /// Nova sums nothing up: always `null`.
    pub summary: Option<()>,
}

/// `status`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The answer is being written.
    InProgress,
    /// The answer is whole.
    Completed,
    /// The answer was cut off.
    Incomplete,
    /// The model broke off.
    Failed,
}

/// `incomplete_details`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub struct IncompleteDetails {
    /// `max_output_tokens` or `content_filter`.
    pub reason: &'static str,
}

/// `error`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub struct ResponseError<'a> {
    /// One of OpenAI's words: `server_error`.
    pub code: &'static str,
    /// For a person.
    pub message: &'a str,
}

/// `usage`, in tokens.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct ResponseUsage {
    /// Everything that was read, cached or not.
    pub input_tokens: u64,
    /// Parts of `input_tokens`.
    pub input_tokens_details: InputTokensDetails,
    /// Everything that was generated, reasoning included.
    pub output_tokens: u64,
    /// Parts of `output_tokens`.
    pub output_tokens_details: OutputTokensDetails,
    /// The sum.
    pub total_tokens: u64,
}

/// `usage.input_tokens_details`.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct InputTokensDetails {
    /// Read from the cache.
    pub cached_tokens: u64,
    /// Written to the cache.
    pub cache_write_tokens: u64,
}

/// `usage.output_tokens_details`.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct OutputTokensDetails {
    /// Spent on reasoning. 0 where Bedrock does not tell: the reference has no word for "unknown" here.
    pub reasoning_tokens: u64,
}
