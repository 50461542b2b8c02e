//! What a response repeats of its request.

use openai_api::chat::Effort;
use openai_api::responses::{FunctionTool, ResponsesRequest, TextConfig, TextFormat, ToolChoice};
use serde_json::{Map, Value};

/// What a response repeats of its request, as the caller wrote it: what Nova did not honor is told by the notes.
#[derive(Debug, Clone)]
pub struct Echo {
    pub(super) instructions: Option<String>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) max_tool_calls: Option<u32>,
    pub(super) metadata: Map<String, Value>,
    pub(super) model: String,
    pub(super) parallel_tool_calls: bool,
    pub(super) prompt_cache_key: Option<String>,
    pub(super) effort: Option<Effort>,
    pub(super) safety_identifier: Option<String>,
    pub(super) temperature: Option<f64>,
    pub(super) text: TextConfig,
    pub(super) tool_choice: ToolChoice,
    pub(super) tools: Vec<FunctionTool>,
    pub(super) top_p: Option<f64>,
    pub(super) user: Option<String>,
}

impl Echo {
    pub(super) fn of(request: &ResponsesRequest) -> Self {
        let mut text = request.text.clone().unwrap_or_default();
        text.format.get_or_insert_with(TextFormat::text);
        Self {
            instructions: request.instructions.clone(),
            max_output_tokens: request.max_output_tokens,
            max_tool_calls: request.max_tool_calls,
            metadata: request.metadata.clone().unwrap_or_default(),
            model: request.model.clone(),
            parallel_tool_calls: request.parallel_tool_calls.unwrap_or(true),
            prompt_cache_key: request.prompt_cache_key.clone(),
            effort: request.reasoning.as_ref().and_then(|reasoning| reasoning.effort),
            safety_identifier: request.safety_identifier.clone(),
            temperature: request.temperature,
            text,
            tool_choice: request.tool_choice.clone().unwrap_or_else(|| ToolChoice::Mode("auto".to_owned())),
            tools: request.tools.clone().unwrap_or_default(),
            top_p: request.top_p,
            user: request.user.clone(),
        }
    }
}
