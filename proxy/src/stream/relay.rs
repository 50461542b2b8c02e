//! The events of one answer on their way into the caller's form, whatever they come from: no body and no clock are needed here.

use std::sync::Arc;

use nova_translate::converse::{self, TokenUsage};
use nova_translate::reply::{Finish, Piece, ReplyError, ReplyPlan, StreamTranslator};

use super::writer::EventWriter;
use crate::error::ApiError;
use crate::upstream::{Event, UpstreamError};

/// What a stream of events gives: an event, a failure, or its end.
pub type Item = Option<Result<Event, UpstreamError>>;

/// What an item came to.
pub enum Progress {
    /// Nothing for the caller.
    Nothing,
    /// A piece of the answer.
    Content,
    /// The answer is complete.
    Ended(Finish),
}

/// The state of one answer's translation.
#[derive(Debug)]
pub struct Relay {
    index: u32,
    translator: StreamTranslator,
    ended: bool,
}

/// Whether a piece is a part of the answer: its opening and the end of a call are not.
fn adds_content(piece: Piece<'_>) -> bool {
    match piece {
        Piece::Text(text) | Piece::Reasoning(text) => !text.is_empty(),
        Piece::CallStart { .. } | Piece::CallArguments { .. } => true,
        Piece::Start | Piece::CallEnd { .. } => false,
    }
}

impl Relay {
    /// For the answer with this index, read as its request has planned.
    #[must_use]
    pub fn new(index: u32, plan: Arc<ReplyPlan>) -> Self {
        Self { index, translator: StreamTranslator::new(plan), ended: false }
    }

    /// Whether the end has been handled.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The usage, if it was reported yet.
    #[must_use]
    pub fn usage(&self) -> Option<TokenUsage> {
        self.translator.usage()
    }

    /// Handles an item, and writes what it adds.
    ///
    /// # Errors
    /// When the answer cannot be completed. Boxed, because it is rare and large.
    pub fn take(&mut self, item: Item, writer: &mut EventWriter) -> Result<Progress, Box<ApiError>> {
        let event = match item {
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(Box::new(ApiError::from(&error))),
            None => {
                let finish = self.translator.finish().map_err(|error| {
                    if matches!(error, ReplyError::Failed(_)) {
                        writer.model_broke_off();
                    }
                    Box::new(error.into())
                })?;
                self.ended = true;
                writer.finish(self.index, &finish);
                return Ok(Progress::Ended(finish));
            }
        };
        let mut is_content = false;
        let event = converse::Event::parse(event.event_type.as_str(), &event.payload)
            .map_err(|_| Box::new(ApiError::unreadable_event(event.event_type.as_str())))
            .map(|parsed| {
                self.translator.event(parsed, &mut |piece| {
                    is_content |= adds_content(piece);
                    writer.piece(self.index, piece);
                })
            })?;
        event.map_err(|error| Box::new(error.into()))?;
        Ok(if is_content { Progress::Content } else { Progress::Nothing })
    }
}
