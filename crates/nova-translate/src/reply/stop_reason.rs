//! Bedrock's stop reasons in OpenAI's words.
//!
//! Source: Bedrock API Reference, Converse, `stopReason`, and Amazon Nova 2 user guide, request and response schema, which names more.

use openai_api::chat::FinishReason;

use super::ReplyError;

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// In OpenAI's words.
    pub reason: FinishReason,
    /// In Bedrock's words, where OpenAI has none that fit: new stop reasons are shown, never passed off as a plain `stop`.
    pub native: Option<String>,
}

/// Translates a stop reason. `has_tool_calls` tells whether the caller gets any, `has_structured` whether the tool that stands for the
/// response format was called.
pub(super) fn translate(
    stop_reason: &str,
    has_tool_calls: bool,
    has_structured: bool,
) -> Result<Finish, ReplyError> {
    let reason = match stop_reason {
        "end_turn" | "stop_sequence" | "tool_use" if has_tool_calls => FinishReason::ToolCalls,
        // A call was announced and none came: the caller sees that something is missing.
        "tool_use" if !has_structured => {
            return Ok(Finish { reason: FinishReason::Stop, native: Some(stop_reason.to_owned()) });
        }
        // The only tool that was called is the one that stands for the response format.
        "end_turn" | "stop_sequence" | "tool_use" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        "malformed_model_output" | "malformed_tool_use" | "service_unavailable" => {
            return Err(ReplyError::Failed(stop_reason.to_owned()));
        }
        unknown => {
            let reason = if has_tool_calls { FinishReason::ToolCalls } else { FinishReason::Stop };
            return Ok(Finish { reason, native: Some(unknown.to_owned()) });
        }
    };
    Ok(Finish { reason, native: None })
}
