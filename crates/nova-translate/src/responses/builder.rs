//! The pieces of an answer as a response: its events as they come, and the object that they add up to.
//!
//! An item is told to be complete only when another one begins or the answer ends: a limit may cut it off behind its last piece, and then
//! what its caller gets is marked as incomplete.

use openai_api::chat::{FinishReason, Usage};
use openai_api::error::ErrorObject;
use openai_api::responses::{
    ErrorEvent, IncompleteDetails, InputTokensDetails, ItemStatus, OutputItem, OutputPart,
    OutputTokensDetails, ReasoningEcho, ResponseError, ResponseObject, ResponseUsage, Status, StreamEvent,
};

use super::Echo;
use crate::reply::{Answer, Finish, Piece};

/// What a response has beyond its request and its answer.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// Letters and digits that no other response has: the response becomes `resp_…`, its items `msg_…_0` and so on.
    pub suffix: String,
    /// Unix time in seconds.
    pub created_at: u64,
    /// The tier that serves the request.
    pub service_tier: String,
}

/// The state of one response.
#[derive(Debug)]
pub struct ResponseBuilder {
    id: String,
    head: ResponseHead,
    echo: Echo,
    output: Vec<OutputItem>,
    /// The items that may still grow: a message or a reasoning, or calls.
    open: Vec<Open>,
    /// How many events there were.
    events: u64,
    end: End,
}

/// An item that may still grow.
#[derive(Debug, Clone, Copy)]
struct Open {
    output_index: usize,
    /// The number of the call, if it is one.
    call: Option<u32>,
    /// Whether the call's arguments are there. A message is over as soon as something else begins.
    is_over: bool,
}

/// How the response ended.
#[derive(Debug)]
struct End {
    status: Status,
    incomplete: Option<&'static str>,
    failure: Option<String>,
    native: Option<String>,
    usage: Option<ResponseUsage>,
}

impl ResponseBuilder {
    /// A response without output.
    #[must_use]
    pub fn new(head: ResponseHead, echo: Echo) -> Self {
        Self {
            id: format!("resp_{}", head.suffix),
            head,
            echo,
            output: Vec::new(),
            open: Vec::new(),
            events: 0,
            end: End {
                status: Status::InProgress,
                incomplete: None,
                failure: None,
                native: None,
                usage: None,
            },
        }
    }

    /// The response to an answer that came in one piece.
    #[must_use]
    pub fn whole(head: ResponseHead, echo: Echo, answer: &Answer, usage: Option<Usage>) -> Self {
        let mut builder = Self::new(head, echo);
        let emit = &mut |_: &StreamEvent<'_>| {};
        let message = &answer.message;
        builder.piece(Piece::Reasoning(message.reasoning_content.as_deref().unwrap_or_default()), emit);
        builder.piece(Piece::Text(message.content.as_deref().unwrap_or_default()), emit);
        for (index, call) in (0..).zip(&message.tool_calls) {
            builder.piece(Piece::CallStart { index, id: &call.id, name: &call.function.name }, emit);
            builder.piece(Piece::CallArguments { index, text: &call.function.arguments }, emit);
            builder.piece(Piece::CallEnd { index }, emit);
        }
        builder.finish(&answer.finish, usage, emit);
        builder
    }

    /// The response as far as it is.
    #[must_use]
    pub fn object(&self) -> ResponseObject<'_> {
        let (echo, end) = (&self.echo, &self.end);
        ResponseObject {
            id: &self.id,
            object: ResponseObject::OBJECT,
            created_at: self.head.created_at,
            status: end.status,
            background: false,
            error: end.failure.as_deref().map(|message| ResponseError { code: "server_error", message }),
            incomplete_details: end.incomplete.map(|reason| IncompleteDetails { reason }),
            instructions: echo.instructions.as_deref(),
            max_output_tokens: echo.max_output_tokens,
            max_tool_calls: echo.max_tool_calls,
            metadata: &echo.metadata,
            model: &echo.model,
            output: &self.output,
            parallel_tool_calls: echo.parallel_tool_calls,
            previous_response_id: None,
            prompt_cache_key: echo.prompt_cache_key.as_deref(),
            reasoning: ReasoningEcho { effort: echo.effort.map(|effort| effort.as_str()), summary: None },
            safety_identifier: echo.safety_identifier.as_deref(),
            service_tier: &self.head.service_tier,
            store: false,
            temperature: echo.temperature,
            text: &echo.text,
            tool_choice: &echo.tool_choice,
            tools: &echo.tools,
            top_logprobs: 0,
            top_p: echo.top_p,
            truncation: "disabled",
            usage: end.usage,
            user: echo.user.as_deref(),
            native_finish_reason: end.native.as_deref(),
        }
    }

    /// The events before the first piece.
    pub fn begin(&mut self, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        let sequence_number = self.number();
        emit(&StreamEvent::Created { sequence_number, response: &self.object() });
        let sequence_number = self.number();
        emit(&StreamEvent::InProgress { sequence_number, response: &self.object() });
    }

    /// The events of a piece.
    pub fn piece(&mut self, piece: Piece<'_>, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        match piece {
            Piece::Start | Piece::Text("") | Piece::Reasoning("") => {}
            Piece::Text(text) => self.text(text, false, emit),
            Piece::Reasoning(text) => self.text(text, true, emit),
            Piece::CallStart { index, id, name } => {
                let item = OutputItem::FunctionCall {
                    id: format!("fc_{}_{}", self.head.suffix, self.output.len()),
                    status: ItemStatus::InProgress,
                    arguments: String::new(),
                    call_id: id.to_owned(),
                    name: name.to_owned(),
                };
                self.add(item, Some(index), emit);
            }
            Piece::CallArguments { index, text } => self.arguments(index, text, emit),
            Piece::CallEnd { index } => {
                if let Some(open) = self.open.iter_mut().find(|open| open.call == Some(index)) {
                    open.is_over = true;
                }
            }
        }
    }

    /// The events of the end of an answer.
    pub fn finish(&mut self, finish: &Finish, usage: Option<Usage>, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        self.end.incomplete = match finish.reason {
            FinishReason::Stop | FinishReason::ToolCalls => None,
            FinishReason::Length => Some("max_output_tokens"),
            FinishReason::ContentFilter => Some("content_filter"),
        };
        let is_whole = self.end.incomplete.is_none();
        let status = if is_whole { ItemStatus::Completed } else { ItemStatus::Incomplete };
        for open in std::mem::take(&mut self.open) {
            self.close(open.output_index, status, emit);
        }
        self.end.status = if is_whole { Status::Completed } else { Status::Incomplete };
        self.end.native.clone_from(&finish.native);
        self.end.usage = usage.map(in_responses_terms);
        let sequence_number = self.number();
        let response = &self.object();
        emit(&if is_whole {
            StreamEvent::Completed { sequence_number, response }
        } else {
            StreamEvent::Incomplete { sequence_number, response }
        });
    }

    /// The event of an answer that the model broke off. Items that were being written stay without an end.
    pub fn fail(&mut self, message: String, usage: Option<Usage>, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        for open in std::mem::take(&mut self.open) {
            if let Some(item) = self.output.get_mut(open.output_index) {
                item.set_status(ItemStatus::Incomplete);
            }
        }
        self.end.status = Status::Failed;
        self.end.failure = Some(message);
        self.end.usage = usage.map(in_responses_terms);
        let sequence_number = self.number();
        emit(&StreamEvent::Failed { sequence_number, response: &self.object() });
    }

    /// The event of a stream that broke.
    pub fn error(&mut self, error: &ErrorObject, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        let sequence_number = self.number();
        emit(&StreamEvent::Error(ErrorEvent {
            sequence_number,
            code: error.code,
            message: &error.message,
            param: error.param.as_deref(),
            error,
        }));
    }

    fn number(&mut self) -> u64 {
        let number = self.events;
        self.events += 1;
        number
    }

    fn text(&mut self, text: &str, is_reasoning: bool, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        let index = match self.open.last().map(|open| open.output_index) {
            Some(index) if is_of_kind(self.output.get(index), is_reasoning) => index,
            _ => self.begin_text(is_reasoning, emit),
        };
        let sequence_number = self.number();
        let Some(item) = self.output.get_mut(index) else { return };
        let (OutputItem::Message { id, content, .. } | OutputItem::Reasoning { id, content, .. }) = item
        else {
            return;
        };
        if let Some(OutputPart::OutputText { text: all, .. } | OutputPart::ReasoningText { text: all }) =
            content.first_mut()
        {
            all.push_str(text);
        }
        let (item_id, output_index, content_index, delta) = (id.as_str(), narrow(index), 0, text);
        emit(&if is_reasoning {
            StreamEvent::ReasoningTextDelta { sequence_number, item_id, output_index, content_index, delta }
        } else {
            let logprobs = [];
            StreamEvent::OutputTextDelta {
                sequence_number,
                item_id,
                output_index,
                content_index,
                delta,
                logprobs,
            }
        });
    }

    /// Begins a message or a reasoning with its one part.
    fn begin_text(&mut self, is_reasoning: bool, emit: &mut impl FnMut(&StreamEvent<'_>)) -> usize {
        let (suffix, index, status) = (&self.head.suffix, self.output.len(), ItemStatus::InProgress);
        let content = Vec::new();
        let (item, part) = if is_reasoning {
            let id = format!("rs_{suffix}_{index}");
            let part = OutputPart::ReasoningText { text: String::new() };
            (OutputItem::Reasoning { id, status, summary: [], content }, part)
        } else {
            let id = format!("msg_{suffix}_{index}");
            let part = OutputPart::output_text(String::new());
            (OutputItem::Message { id, status, role: "assistant", content }, part)
        };
        self.add(item, None, emit);
        let sequence_number = self.number();
        if let Some(item) = self.output.get_mut(index) {
            let (item_id, output_index, content_index) = (item.id(), narrow(index), 0);
            emit(&StreamEvent::ContentPartAdded {
                sequence_number,
                item_id,
                output_index,
                content_index,
                part: &part,
            });
            if let OutputItem::Message { content, .. } | OutputItem::Reasoning { content, .. } = item {
                content.push(part);
            }
        }
        index
    }

    fn arguments(&mut self, call: u32, text: &str, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        let Some(index) = self.open.iter().find(|open| open.call == Some(call)).map(|open| open.output_index)
        else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let sequence_number = self.number();
        if let Some(OutputItem::FunctionCall { id, arguments, .. }) = self.output.get_mut(index) {
            arguments.push_str(text);
            let output_index = narrow(index);
            emit(&StreamEvent::FunctionCallArgumentsDelta {
                sequence_number,
                item_id: id,
                output_index,
                delta: text,
            });
        }
    }

    /// Begins an item. Those before it that are over are complete now.
    fn add(&mut self, item: OutputItem, call: Option<u32>, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        let (over, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition::<Vec<_>, _>(|open| open.is_over || open.call.is_none());
        self.open = open;
        for item in over {
            self.close(item.output_index, ItemStatus::Completed, emit);
        }
        let (sequence_number, output_index) = (self.number(), self.output.len());
        emit(&StreamEvent::OutputItemAdded {
            sequence_number,
            output_index: narrow(output_index),
            item: &item,
        });
        self.output.push(item);
        self.open.push(Open { output_index, call, is_over: false });
    }

    /// The events of the end of an item.
    fn close(&mut self, index: usize, status: ItemStatus, emit: &mut impl FnMut(&StreamEvent<'_>)) {
        let events = &mut self.events;
        let mut number = || {
            let number = *events;
            *events += 1;
            number
        };
        let Some(item) = self.output.get_mut(index) else { return };
        item.set_status(status);
        let (item, output_index, content_index) = (&*item, narrow(index), 0);
        let item_id = item.id();
        if let OutputItem::FunctionCall { name, arguments, .. } = item {
            let sequence_number = number();
            emit(&StreamEvent::FunctionCallArgumentsDone {
                sequence_number,
                item_id,
                output_index,
                name,
                arguments,
            });
        }
        for part in item.parts() {
            let (sequence_number, text) = (number(), part.text());
            emit(&match part {
                OutputPart::OutputText { logprobs, .. } => StreamEvent::OutputTextDone {
                    sequence_number,
                    item_id,
                    output_index,
                    content_index,
                    text,
                    logprobs: *logprobs,
                },
                OutputPart::ReasoningText { .. } => StreamEvent::ReasoningTextDone {
                    sequence_number,
                    item_id,
                    output_index,
                    content_index,
                    text,
                },
            });
            let sequence_number = number();
            emit(&StreamEvent::ContentPartDone {
                sequence_number,
                item_id,
                output_index,
                content_index,
                part,
            });
        }
        emit(&StreamEvent::OutputItemDone { sequence_number: number(), output_index, item });
    }
}

fn is_of_kind(item: Option<&OutputItem>, is_reasoning: bool) -> bool {
    match item {
        Some(OutputItem::Reasoning { .. }) => is_reasoning,
        Some(OutputItem::Message { .. }) => !is_reasoning,
        Some(OutputItem::FunctionCall { .. }) | None => false,
    }
}

/// An answer has a handful of items; the types of the wire say 32 bits.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn in_responses_terms(usage: Usage) -> ResponseUsage {
    ResponseUsage {
        input_tokens: usage.prompt_tokens,
        input_tokens_details: InputTokensDetails {
            cached_tokens: usage.prompt_tokens_details.cached_tokens,
            cache_write_tokens: usage.prompt_tokens_details.cache_creation_tokens.unwrap_or_default(),
        },
        output_tokens: usage.completion_tokens,
        output_tokens_details: OutputTokensDetails {
            reasoning_tokens: usage
                .completion_tokens_details
                .map(|details| details.reasoning_tokens)
                .unwrap_or_default(),
        },
        total_tokens: usage.total_tokens,
    }
}
