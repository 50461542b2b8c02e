//! The body of a chat request.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::message::Message;
use super::tool::{Tool, ToolChoice};
use crate::RawJson;

/// A chat request, with every field of the API reference and the extensions that clients of Bedrock gateways send (`top_k`).
///
/// `null` means the same as absence. Fields that this type does not know are kept in `rest`, so that they can be named to the caller.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ChatRequest {
    /// The model's name, as the caller knows it.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Parameters for audio output.
    pub audio: Option<Value>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// Deprecated in favor of `tool_choice`.
    pub function_call: Option<Value>,
    /// Deprecated in favor of `tools`.
    pub functions: Option<Value>,
    /// Bias per token id, -100 to 100.
    pub logit_bias: Option<Map<String, Value>>,
    /// Whether to return log probabilities.
    pub logprobs: Option<bool>,
    /// Upper bound of the tokens to generate, reasoning included.
    pub max_completion_tokens: Option<u32>,
    /// The older name of `max_completion_tokens`.
    pub max_tokens: Option<u32>,
    /// Up to 16 pairs to attach to the request.
    pub metadata: Option<Map<String, Value>>,
    /// Kinds of output: `text`, `audio`.
    pub modalities: Option<Vec<String>>,
    /// How many choices to generate.
    pub n: Option<u32>,
    /// Whether the model may call several tools in one turn.
    pub parallel_tool_calls: Option<bool>,
    /// Predicted output.
    pub prediction: Option<Value>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// Groups requests for cache routing.
    pub prompt_cache_key: Option<String>,
    /// How long OpenAI keeps a cached prefix.
    pub prompt_cache_retention: Option<String>,
    /// How hard a reasoning model thinks.
    pub reasoning_effort: Option<Effort>,
    /// The shape of the answer.
    pub response_format: Option<ResponseFormat>,
    /// A stable identifier of the end user.
    pub safety_identifier: Option<String>,
    /// For repeatable sampling.
    pub seed: Option<i64>,
    /// `auto`, `default`, `flex`, `priority`.
    pub service_tier: Option<String>,
    /// Where to stop.
    pub stop: Option<Stop>,
    /// Whether OpenAI stores the completion.
    pub store: Option<bool>,
    /// Whether to stream the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub stream: bool,
    /// Options of a stream.
    pub stream_options: Option<StreamOptions>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// Which tool the model calls, if any.
    pub tool_choice: Option<ToolChoice>,
    /// The tools that the model may call.
    pub tools: Option<Vec<Tool>>,
    /// Extension: sample from the `top_k` likeliest tokens.
    pub top_k: Option<u32>,
    /// How many alternatives per token, with `logprobs`.
    pub top_logprobs: Option<u32>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// The older name of `safety_identifier`.
    pub user: Option<String>,
    /// `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// Options of the web search tool.
    pub web_search_options: Option<Value>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

fn null_is_default<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)?.unwrap_or_default())
}

/// `stop`: one sequence or several.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(untagged, expecting = "a string or an array of strings")]
pub enum Stop {
    /// One sequence.
    One(String),
    /// Several sequences.
    Many(Vec<String>),
}

impl Stop {
    /// All sequences, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// `stream_options`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct StreamOptions {
    /// Whether the last chunk carries the usage of the whole request.
    pub include_usage: Option<bool>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `reasoning_effort`.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Effort {
    /// Do not reason.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// As much as possible.
    Xhigh,
}

impl Effort {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
        }
    }
}

/// By way of a string, as [`super::Role`].
impl TryFrom<String> for Effort {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "none" => Ok(Self::None),
            "minimal" => Ok(Self::Minimal),
            "low" => Ok(Self::Low),
            "medium" => Ok(Self::Medium),
            "high" => Ok(Self::High),
            "xhigh" => Ok(Self::Xhigh),
            _ => Err("unknown effort, expected none, minimal, low, medium, high or xhigh".to_owned()),
        }
    }
}

/// `response_format`. `kind` is the field `type`: `text`, `json_object` or `json_schema`.
#[derive(Debug, Clone, Deserialize)]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The schema, with `json_schema`.
    pub json_schema: Option<JsonSchemaFormat>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `response_format.json_schema`.
#[derive(Debug, Clone, Deserialize)]
pub struct JsonSchemaFormat {
    /// The schema's name: letters, digits, underscores and dashes, at most 64.
    pub name: String,
    /// What the answer is for.
    pub description: Option<String>,
    /// The JSON Schema.
    pub schema: Option<RawJson>,
    /// Whether the answer must follow the schema exactly.
    pub strict: Option<bool>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
