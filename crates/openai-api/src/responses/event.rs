//! The events of a streamed response.
//!
//! The types borrow: an event is written to the wire as soon as it is made, and never kept. Each carries its number in the stream.

use serde::Serialize;

use super::object::ResponseObject;
use super::output::{OutputItem, OutputPart};
use crate::error::ErrorObject;

/// One event. Its name on the wire is the field `type`, and the SSE field `event`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type")]
#[expect(
    missing_docs,
    reason = "the fields are the same everywhere: see `StreamEvent::name` and the API reference"
)]
pub enum StreamEvent<'a> {
    /// The response exists.
    #[serde(rename = "response.created")]
    Created { sequence_number: u64, response: &'a ResponseObject<'a> },
    /// The model works on it.
    #[serde(rename = "response.in_progress")]
    InProgress { sequence_number: u64, response: &'a ResponseObject<'a> },
    /// An item begins.
    #[serde(rename = "response.output_item.added")]
    OutputItemAdded { sequence_number: u64, output_index: u32, item: &'a OutputItem },
    /// A part of an item begins.
    #[serde(rename = "response.content_part.added")]
    ContentPartAdded {
        sequence_number: u64,
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        part: &'a OutputPart,
    },
    /// More text.
    #[serde(rename = "response.output_text.delta")]
    OutputTextDelta {
        sequence_number: u64,
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        delta: &'a str,
        logprobs: [(); 0],
    },
    /// All of the text.
    #[serde(rename = "response.output_text.done")]
    OutputTextDone {
        sequence_number: u64,
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        text: &'a str,
        logprobs: [(); 0],
    },
    /// More reasoning.
    #[serde(rename = "response.reasoning_text.delta")]
    ReasoningTextDelta {
        sequence_number: u64,
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        delta: &'a str,
    },
    /// All of the reasoning.
    #[serde(rename = "response.reasoning_text.done")]
    ReasoningTextDone {
        sequence_number: u64,
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        text: &'a str,
    },
    /// A part of an item is complete.
    #[serde(rename = "response.content_part.done")]
    ContentPartDone {
        sequence_number: u64,
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        part: &'a OutputPart,
    },
    /// More of a call's arguments.
    #[serde(rename = "response.function_call_arguments.delta")]
    FunctionCallArgumentsDelta { sequence_number: u64, item_id: &'a str, output_index: u32, delta: &'a str },
    /// All of a call's arguments.
    #[serde(rename = "response.function_call_arguments.done")]
    FunctionCallArgumentsDone {
        sequence_number: u64,
        item_id: &'a str,
        output_index: u32,
        name: &'a str,
        arguments: &'a str,
    },
    /// An item is complete.
    #[serde(rename = "response.output_item.done")]
    OutputItemDone { sequence_number: u64, output_index: u32, item: &'a OutputItem },
    /// The end of a whole answer.
    #[serde(rename = "response.completed")]
    Completed { sequence_number: u64, response: &'a ResponseObject<'a> },
    /// The end of an answer that was cut off by a limit or a filter.
    #[serde(rename = "response.incomplete")]
    Incomplete { sequence_number: u64, response: &'a ResponseObject<'a> },
    /// The end of an answer that the model broke off.
    #[serde(rename = "response.failed")]
    Failed { sequence_number: u64, response: &'a ResponseObject<'a> },
    /// The end of a stream that broke.
    #[serde(rename = "error")]
    Error(ErrorEvent<'a>),
}

impl StreamEvent<'_> {
    /// The value of `type`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "response.created",
            Self::InProgress { .. } => "response.in_progress",
            Self::OutputItemAdded { .. } => "response.output_item.added",
            Self::ContentPartAdded { .. } => "response.content_part.added",
            Self::OutputTextDelta { .. } => "response.output_text.delta",
            Self::OutputTextDone { .. } => "response.output_text.done",
            Self::ReasoningTextDelta { .. } => "response.reasoning_text.delta",
            Self::ReasoningTextDone { .. } => "response.reasoning_text.done",
            Self::ContentPartDone { .. } => "response.content_part.done",
            Self::FunctionCallArgumentsDelta { .. } => "response.function_call_arguments.delta",
            Self::FunctionCallArgumentsDone { .. } => "response.function_call_arguments.done",
            Self::OutputItemDone { .. } => "response.output_item.done",
            Self::Completed { .. } => "response.completed",
            Self::Incomplete { .. } => "response.incomplete",
            Self::Failed { .. } => "response.failed",
            Self::Error(_) => "error",
        }
    }
}

/// The end of a stream that broke.
///
/// The reference has the fields flat. OpenAI's own clients raise an exception only for an event with a member `error`, and take any other for
/// one event of many; a caller who reads the text alone would then take the broken answer for a whole one. So both forms are sent.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorEvent<'a> {
    /// Its number in the stream.
    pub sequence_number: u64,
    /// For a program.
    pub code: Option<&'a str>,
    /// For a person.
    pub message: &'a str,
    /// The parameter at fault.
    pub param: Option<&'a str>,
    /// The same, with all that a failed request without a stream tells.
    pub error: &'a ErrorObject,
}
