//! The body of a request for a response.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::input::Input;
use super::tool::{FunctionTool, ToolChoice};
use crate::RawJson;
use crate::chat::Effort;

/// A request for a response, with every field of the API reference.
///
/// `null` means the same as absence. Fields that this type does not know are kept in `rest`, so that they can be named to the caller.
#[derive(Debug, Clone, Deserialize)]
pub struct ResponsesRequest {
    /// The model's name, as the caller knows it.
    pub model: String,
    /// What the model answers. May be absent at OpenAI where the server keeps a conversation.
    pub input: Option<Input>,
    /// Instructions before the input.
    pub instructions: Option<String>,
    /// Whether to answer later, for a client that polls.
    pub background: Option<bool>,
    /// When OpenAI compacts the conversation.
    pub context_management: Option<Value>,
    /// A conversation that the server keeps.
    pub conversation: Option<Value>,
    /// More to put into the answer.
    pub include: Option<Vec<String>>,
    /// Upper bound of the tokens to generate, reasoning included.
    pub max_output_tokens: Option<u32>,
    /// Upper bound of the calls of built-in tools.
    pub max_tool_calls: Option<u32>,
    /// Up to 16 pairs to attach to the request.
    pub metadata: Option<Map<String, Value>>,
    /// Whether the model may call several tools in one turn.
    pub parallel_tool_calls: Option<bool>,
    /// A response, kept by the server, that this one goes on from.
    pub previous_response_id: Option<String>,
    /// A prompt template that the server keeps.
    pub prompt: Option<Value>,
    /// Groups requests for cache routing.
    pub prompt_cache_key: Option<String>,
    /// How OpenAI caches the prompt.
    pub prompt_cache_options: Option<Value>,
    /// How long OpenAI keeps a cached prefix.
    pub prompt_cache_retention: Option<String>,
    /// How the model reasons.
    pub reasoning: Option<Reasoning>,
    /// A stable identifier of the end user.
    pub safety_identifier: Option<String>,
    /// `auto`, `default`, `flex`, `priority`.
    pub service_tier: Option<String>,
    /// Whether the server keeps the response.
    pub store: Option<bool>,
    /// Whether to stream the answer. Absent: no.
    pub stream: Option<bool>,
    /// Options of a stream.
    pub stream_options: Option<ResponsesStreamOptions>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// The shape of the answer.
    pub text: Option<TextConfig>,
    /// Which tool the model calls, if any.
    pub tool_choice: Option<ToolChoice>,
    /// The tools that the model may call.
    pub tools: Option<Vec<FunctionTool>>,
    /// How many alternatives per token.
    pub top_logprobs: Option<u32>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// What to do when the input is over the context window: `auto` or `disabled`.
    pub truncation: Option<String>,
    /// The older name of `safety_identifier`.
    pub user: Option<String>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `stream_options`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ResponsesStreamOptions {
    /// Whether events are padded to the same length, against observers of the encrypted stream.
    pub include_obfuscation: Option<bool>,
}

/// `reasoning`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Reasoning {
    /// How hard the model thinks.
    pub effort: Option<Effort>,
    /// Whether to sum up the reasoning.
    pub summary: Option<String>,
    /// The older name of `summary`.
    pub generate_summary: Option<String>,
}

/// `text`: the shape of the answer.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct TextConfig {
    /// Plain text, any JSON object, or JSON by a schema.
    pub format: Option<TextFormat>,
    /// `low`, `medium`, `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
}

/// `text.format`. `kind` is the field `type`, and says which of the others is set.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct TextFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The schema's name, with `json_schema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the answer is for, with `json_schema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema, with `json_schema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<RawJson>,
    /// Whether the answer must follow the schema exactly, with `json_schema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

impl TextFormat {
    /// Plain text, the default.
    #[must_use]
    pub fn text() -> Self {
        Self { kind: "text".to_owned(), name: None, description: None, schema: None, strict: None }
    }
}
