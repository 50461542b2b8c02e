//! An answer as it comes: each event becomes the pieces that it adds to the message, at once.
//!
//! The end is told apart from the pieces: [`StreamTranslator::finish`] gives the finish reason only when the whole stream was read, so that a
//! stream that breaks after its last words never looks finished.

use std::sync::Arc;

use super::stop_reason::{self, Finish};
use super::thinking::{Part, ThinkingSplitter};
use super::whole::REDACTED;
use super::{Piece, ReplyError, ReplyPlan};
use crate::converse::{BlockDelta, Event, TokenUsage, ToolUseStart};

/// The state of one streamed answer.
#[derive(Debug)]
pub struct StreamTranslator {
    plan: Arc<ReplyPlan>,
    started: bool,
    /// The blocks that have begun and not ended: one or two at a time.
    open: Vec<(u32, Block)>,
    tool_calls: u32,
    /// Whether the synthetic tool was called: further calls of it are left out.
    structured_seen: bool,
    /// Text beside a structured answer. It is the content only if the tool is never called.
    beside: String,
    stop_reason: Option<String>,
    usage: Option<TokenUsage>,
    service_tier: Option<String>,
}

#[derive(Debug)]
enum Block {
    Text(ThinkingSplitter),
    ToolCall {
        index: u32,
        has_arguments: bool,
    },
    Structured {
        has_arguments: bool,
    },
    /// A call that the caller did not want.
    Skipped,
}

impl StreamTranslator {
    /// Before the first event.
    #[must_use]
    pub fn new(plan: Arc<ReplyPlan>) -> Self {
        Self {
            plan,
            started: false,
            open: Vec::new(),
            tool_calls: 0,
            structured_seen: false,
            beside: String::new(),
            stop_reason: None,
            usage: None,
            service_tier: None,
        }
    }

    /// Takes an event and gives what it adds to the message to `emit`, in order.
    ///
    /// # Errors
    /// When the event does not fit what came before.
    pub fn event(&mut self, event: Event<'_>, emit: &mut impl FnMut(Piece<'_>)) -> Result<(), ReplyError> {
        if self.stop_reason.is_some() && !matches!(event, Event::Metadata(_) | Event::Unknown) {
            return Err(ReplyError::Protocol("an event after messageStop"));
        }
        match event {
            Event::MessageStart(_) if self.started => {
                return Err(ReplyError::Protocol("a second messageStart"));
            }
            Event::MessageStart(_) => self.start(emit),
            Event::ContentBlockStart(block) => {
                self.start(emit);
                if let Some(tool_use) = block.start.tool_use {
                    self.begin_tool_use(block.content_block_index, &tool_use, emit);
                }
            }
            Event::ContentBlockDelta(block) => {
                self.start(emit);
                self.delta(block.content_block_index, block.delta, emit)?;
            }
            Event::ContentBlockStop(block) => self.end_block(block.content_block_index, emit),
            Event::MessageStop(stop) => {
                self.start(emit);
                self.end_all_blocks(emit);
                self.stop_reason = Some(stop.stop_reason.into_owned());
            }
            Event::Metadata(metadata) => {
                self.usage = metadata.usage.or(self.usage);
                if let Some(tier) = metadata.service_tier {
                    self.service_tier = Some(tier.kind);
                }
            }
            Event::Unknown => {}
        }
        Ok(())
    }

    /// Whether anything but the opening was given out.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.started
    }

    /// The usage, if it was reported yet.
    #[must_use]
    pub fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }

    /// The tier that served the call, in Bedrock's words, if it was reported yet.
    #[must_use]
    pub fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    /// The stream was read to its end: why the answer ended.
    ///
    /// # Errors
    /// When the model was not done, or broke off.
    pub fn finish(&self) -> Result<Finish, ReplyError> {
        let stop_reason = self.stop_reason.as_deref().ok_or(ReplyError::Truncated)?;
        stop_reason::translate(stop_reason, self.tool_calls > 0, self.structured_seen)
    }

    fn start(&mut self, emit: &mut impl FnMut(Piece<'_>)) {
        if !self.started {
            self.started = true;
            emit(Piece::Start);
        }
    }

    fn begin_tool_use(&mut self, block: u32, tool_use: &ToolUseStart<'_>, emit: &mut impl FnMut(Piece<'_>)) {
        let plan = Arc::clone(&self.plan);
        let begun = if plan.is_structured(&tool_use.name) {
            if self.structured_seen { Block::Skipped } else { Block::Structured { has_arguments: false } }
        } else if plan.single_tool_call && self.tool_calls > 0 {
            Block::Skipped
        } else {
            let index = self.tool_calls;
            self.tool_calls += 1;
            let name = plan.tool_names.original(&tool_use.name);
            emit(Piece::CallStart { index, id: &tool_use.tool_use_id, name });
            Block::ToolCall { index, has_arguments: false }
        };
        self.structured_seen |= matches!(begun, Block::Structured { .. });
        self.open.push((block, begun));
    }

    fn delta(
        &mut self,
        block: u32,
        delta: BlockDelta<'_>,
        emit: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), ReplyError> {
        if let Some(text) = delta.text {
            self.text(block, &text.0, emit);
        }
        if let Some(tool_use) = delta.tool_use {
            self.arguments(block, &tool_use.input, emit)?;
        }
        if let Some(text) = delta.reasoning_content.and_then(|reasoning| reasoning.text)
            && text.0 != REDACTED
        {
            emit(Piece::Reasoning(&text.0));
        }
        Ok(())
    }

    fn text(&mut self, block: u32, text: &str, emit: &mut impl FnMut(Piece<'_>)) {
        if !self.plan.split_thinking && self.plan.structured.is_none() {
            return emit(Piece::Text(text));
        }
        if !self.open.iter().any(|(index, _)| *index == block) {
            self.open.push((block, Block::Text(ThinkingSplitter::default())));
        }
        let beside = self.plan.structured.is_some().then_some(&mut self.beside);
        if let Some((_, Block::Text(splitter))) = self.open.iter_mut().find(|(index, _)| *index == block) {
            let mut emit = text_emitter(beside, emit);
            if self.plan.split_thinking { splitter.feed(text, &mut emit) } else { emit(Part::Answer, text) }
        }
    }

    fn arguments(
        &mut self,
        block: u32,
        input: &str,
        emit: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), ReplyError> {
        let open = self.open.iter_mut().find(|(index, _)| *index == block);
        match open.map(|(_, block)| block) {
            Some(Block::ToolCall { index, has_arguments }) => {
                *has_arguments |= !input.is_empty();
                emit(Piece::CallArguments { index: *index, text: input });
            }
            Some(Block::Structured { has_arguments }) => {
                *has_arguments |= !input.is_empty();
                emit(Piece::Text(input));
            }
            Some(Block::Skipped) => {}
            Some(Block::Text(_)) | None => {
                return Err(ReplyError::Protocol("arguments of a tool that was not called"));
            }
        }
        Ok(())
    }

    fn end_block(&mut self, block: u32, emit: &mut impl FnMut(Piece<'_>)) {
        if let Some(position) = self.open.iter().position(|(index, _)| *index == block) {
            let (_, block) = self.open.remove(position);
            self.close(block, emit);
        }
    }

    fn end_all_blocks(&mut self, emit: &mut impl FnMut(Piece<'_>)) {
        for (_, block) in std::mem::take(&mut self.open) {
            self.close(block, emit);
        }
        if !self.structured_seen && !self.beside.is_empty() {
            emit(Piece::Text(&std::mem::take(&mut self.beside)));
        }
    }

    /// A call without arguments gets an empty object: clients parse the arguments as JSON.
    fn close(&mut self, block: Block, emit: &mut impl FnMut(Piece<'_>)) {
        match block {
            Block::Text(mut splitter) => {
                let beside = self.plan.structured.is_some().then_some(&mut self.beside);
                splitter.finish(&mut text_emitter(beside, emit));
            }
            Block::ToolCall { index, has_arguments } => {
                if !has_arguments {
                    emit(Piece::CallArguments { index, text: "{}" });
                }
                emit(Piece::CallEnd { index });
            }
            Block::Structured { has_arguments: false } => emit(Piece::Text("{}")),
            Block::Structured { .. } | Block::Skipped => {}
        }
    }
}

/// Where text goes: to the caller, or beside a structured answer.
fn text_emitter<'e>(
    mut beside: Option<&'e mut String>,
    emit: &'e mut impl FnMut(Piece<'_>),
) -> impl FnMut(Part, &str) + 'e {
    move |part, text| match (part, beside.as_deref_mut()) {
        (Part::Reasoning, _) => emit(Piece::Reasoning(text)),
        (Part::Answer, Some(beside)) => beside.push_str(text),
        (Part::Answer, None) => emit(Piece::Text(text)),
    }
}

#[cfg(test)]
mod tests;
