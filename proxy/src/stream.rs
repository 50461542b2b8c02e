//! A streamed answer on its way to the caller: Bedrock's events in, server-sent events out, each as it comes.
//!
//! The body is pulled by the connection, so that a slow caller slows Bedrock down, and a caller who leaves drops the body, the stream and with
//! it the call. It ends in exactly one way: as a complete answer ends in its API, or with one event of a failure, after which nothing
//! follows.

mod body;
mod chat_form;
mod choice;
mod relay;
mod responses_form;
mod sse;
mod writer;

use std::task::{Context, Poll};
use std::time::Duration;

use nova_lifecycle::Shutdown;
use openai_api::chat::Usage;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::limit::Admitted;
use crate::record::{Outcome, RecordGuard};
use crate::reply::ByteStream;

use body::AnswerBody;

pub use chat_form::ChunkHead;
pub use choice::Choice;
pub use relay::{Item, Progress, Relay};
pub use writer::EventWriter;

/// An answer that has begun: its first events have come from Bedrock.
#[derive(Debug)]
pub struct AnswerStream {
    /// One per `n`.
    pub choices: Vec<Choice>,
    /// Writes events.
    pub writer: EventWriter,
    /// The longest silence.
    pub keep_alive: Duration,
    /// When something was last sent. Events of Bedrock that add nothing for the caller do not count.
    pub last_sent: Instant,
    /// Written when the stream ends, or is dropped.
    pub record: RecordGuard,
    /// Held until the stream ends.
    pub _admitted: Admitted,
    /// Ends streams that outlast the drain.
    pub shutdown: Shutdown,
}

impl AnswerStream {
    /// The body.
    #[must_use]
    pub fn into_body(mut self) -> ByteStream {
        self.writer.begin();
        Box::pin(AnswerBody::new(self))
    }

    /// Takes the next item of any choice that has one. Tells whether the stream has ended.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        for index in 0..self.choices.len() {
            let Some(choice) = self.choices.get_mut(index).filter(|choice| !choice.has_ended()) else {
                continue;
            };
            if let Poll::Ready(item) = choice.poll_next(cx) {
                return Poll::Ready(self.take(index, item));
            }
        }
        Poll::Pending
    }

    /// Ends the stream because the proxy stops now.
    fn cut(&mut self) -> bool {
        self.shutdown.report_cut();
        self.fail(ApiError::stopped())
    }

    /// Handles one item of a choice. Tells whether the stream has ended.
    fn take(&mut self, index: usize, item: Item) -> bool {
        let Some(choice) = self.choices.get_mut(index) else { return false };
        match choice.take(item, &mut self.writer) {
            Ok(Progress::Nothing) => false,
            Ok(Progress::Content) => {
                self.record.first_token();
                false
            }
            Ok(Progress::Ended(finish)) => {
                self.record.note_finish(&finish);
                self.choices.iter().all(Choice::has_ended) && self.complete()
            }
            Err(error) => self.fail(*error),
        }
    }

    fn complete(&mut self) -> bool {
        let usage = self.usage();
        self.writer.done(usage);
        self.record.outcome = Outcome::Completed;
        true
    }

    fn fail(&mut self, error: ApiError) -> bool {
        let usage = self.usage();
        self.writer.error(&error, usage);
        self.record.outcome = Outcome::Broken(Box::new(error));
        true
    }

    /// The usage of all answers, if each has told its own.
    fn usage(&mut self) -> Option<Usage> {
        self.note_usage();
        let usage = &self.record.usage;
        (usage.len() == self.choices.len())
            .then(|| nova_translate::reply::usage(nova_translate::reply::sum(usage.iter().copied())))
    }

    /// Keeps what was reported so far.
    fn note_usage(&mut self) {
        self.record.usage = self.choices.iter().filter_map(Choice::usage).collect();
    }
}

impl Drop for AnswerStream {
    fn drop(&mut self) {
        // A caller who leaves after the usage was reported still has it on record.
        self.note_usage();
    }
}
