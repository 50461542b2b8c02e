//! A request for a response to a chat request.

use openai_api::chat::ChatRequest;
use openai_api::responses::ResponsesRequest;

use super::items::Messages;
use super::{Echo, Origin, tools};
use crate::TranslateError;
use crate::note::{Note, NoteKind};
use crate::request::header_safe;

/// A chat request, and where it came from.
#[derive(Debug, Clone)]
pub struct Converted {
    /// What [`Origin::translate`] takes.
    pub chat: ChatRequest,
    /// Where it came from.
    pub origin: Origin,
}

/// Converts a request for a response. It asks for one answer, and of a stream for the usage, which a response always tells.
///
/// # Errors
/// When the request needs state or tools that only OpenAI's servers have, or breaks a rule of the API that chat has not.
pub fn convert(request: ResponsesRequest) -> Result<Converted, TranslateError> {
    refuse_what_needs_a_server(&request)?;
    let echo = Echo::of(&request);
    let mut notes = what_is_ignored(&request)?;
    let mut messages = Messages::default();
    if let Some(instructions) = request.instructions {
        messages.instructions(instructions);
    }
    let Some(input) = request.input else {
        let message = "input is missing: send a string, or the items of the conversation";
        return Err(TranslateError::missing("input", message));
    };
    messages.input(input)?;
    notes.append(&mut messages.notes);
    let text = request.text.unwrap_or_default();
    let chat = ChatRequest {
        model: request.model,
        messages: messages.messages,
        max_completion_tokens: request.max_output_tokens,
        metadata: request.metadata,
        parallel_tool_calls: request.parallel_tool_calls,
        prompt_cache_key: request.prompt_cache_key,
        prompt_cache_retention: request.prompt_cache_retention,
        reasoning_effort: request.reasoning.and_then(|reasoning| reasoning.effort),
        response_format: text.format.map(tools::format).transpose()?,
        safety_identifier: request.safety_identifier,
        service_tier: request.service_tier,
        store: request.store,
        stream: request.stream.unwrap_or(false),
        temperature: request.temperature,
        tool_choice: request.tool_choice.map(tools::choice).transpose()?,
        tools: request.tools.map(tools::tools).transpose()?,
        top_p: request.top_p,
        user: request.user,
        verbosity: text.verbosity,
        ..ChatRequest::default()
    };
    let origin = Origin { messages: messages.origins, notes, echo };
    Ok(Converted { chat, origin })
}

/// What needs state that a server keeps, or work that it does later.
fn refuse_what_needs_a_server(request: &ResponsesRequest) -> Result<(), TranslateError> {
    const WHOLE: &str = "send the whole conversation in input, with the output of earlier responses in it";
    let needs = [
        (
            request.previous_response_id.is_some(),
            "previous_response_id",
            format!("responses are not stored here: {WHOLE}"),
        ),
        (request.conversation.is_some(), "conversation", format!("conversations are not stored here: {WHOLE}")),
        (
            request.prompt.is_some(),
            "prompt",
            "prompt templates are not stored here: send their text in instructions and input".to_owned(),
        ),
        (
            request.background == Some(true),
            "background",
            "nothing is answered in the background here: leave background out and wait for the answer, or stream it".to_owned(),
        ),
    ];
    match needs.into_iter().find(|(is_set, ..)| *is_set) {
        Some((_, param, message)) => Err(TranslateError::unsupported(param, message)),
        None => Ok(()),
    }
}

/// What Responses has beyond chat, and Nova has not. `max_tool_calls` limits calls of built-in tools, of which there are none.
fn what_is_ignored(request: &ResponsesRequest) -> Result<Vec<Note>, TranslateError> {
    const LOGPROBS: &str = "message.output_text.logprobs";
    let include = request.include.as_deref().unwrap_or_default();
    let wants_logprobs = [
        (include.iter().any(|name| name == LOGPROBS), "include", LOGPROBS),
        (request.top_logprobs.is_some_and(|count| count > 0), "top_logprobs", "top_logprobs"),
    ];
    if let Some((_, param, word)) = wants_logprobs.into_iter().find(|(is_set, ..)| *is_set) {
        let message = format!("Bedrock returns no log probabilities for Amazon Nova: leave {word} out");
        return Err(TranslateError::unsupported(param, message));
    }
    let cut = match request.truncation.as_deref() {
        None | Some("disabled") => false,
        Some("auto") => true,
        Some(other) => {
            let message = format!("truncation is {other:?}, and must be \"auto\" or \"disabled\"");
            return Err(TranslateError::invalid("truncation", message));
        }
    };
    let reasoning = request.reasoning.as_ref();
    let sums_up = reasoning.is_some_and(|asked| asked.summary.is_some() || asked.generate_summary.is_some());
    let pads = request.stream_options.as_ref().and_then(|options| options.include_obfuscation) == Some(true);
    let ignored = [
        (!include.is_empty(), "include", "nothing of what can be included is there"),
        (cut, "truncation", "an input over the context window is refused, nothing is cut off"),
        (sums_up, "reasoning.summary", "Nova does not sum up its reasoning"),
        (pads, "stream_options.include_obfuscation", "events are not padded"),
        (request.context_management.is_some(), "context_management", "conversations are not compacted here"),
        (
            request.prompt_cache_options.is_some(),
            "prompt_cache_options",
            "Bedrock finds cached prefixes by itself",
        ),
    ];
    let mut notes: Vec<Note> = ignored
        .into_iter()
        .filter(|(is_set, ..)| *is_set)
        .map(|(_, param, reason)| Note {
            kind: NoteKind::Dropped,
            param: param.into(),
            reason: reason.into(),
        })
        .collect();
    notes.extend(request.rest.keys().map(|name| Note {
        kind: NoteKind::Dropped,
        param: header_safe(name).into(),
        reason: "this parameter is not known here".into(),
    }));
    Ok(notes)
}
