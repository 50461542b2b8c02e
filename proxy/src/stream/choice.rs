//! One of the `n` answers of a stream: Bedrock's events, and the relay that writes them.

use std::sync::Arc;
use std::task::{Context, Poll};

use nova_translate::converse::TokenUsage;
use nova_translate::reply::ReplyPlan;

use super::relay::{Item, Progress, Relay};
use super::writer::EventWriter;
use crate::error::ApiError;
use crate::upstream::EventStream;

/// One answer.
#[derive(Debug)]
pub struct Choice {
    events: EventStream,
    relay: Relay,
}

impl Choice {
    /// The answer with this index.
    #[must_use]
    pub fn new(index: u32, events: EventStream, plan: Arc<ReplyPlan>) -> Self {
        Self { events, relay: Relay::new(index, plan) }
    }

    /// Whether the end has been handled.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.relay.has_ended()
    }

    /// The usage, if it was reported yet.
    #[must_use]
    pub fn usage(&self) -> Option<TokenUsage> {
        self.relay.usage()
    }

    /// The next item, once it is there.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Item> {
        self.events.poll_next(cx)
    }

    /// Handles an item, and writes what it adds.
    ///
    /// # Errors
    /// As [`Relay::take`].
    pub fn take(&mut self, item: Item, writer: &mut EventWriter) -> Result<Progress, Box<ApiError>> {
        self.relay.take(item, writer)
    }
}
