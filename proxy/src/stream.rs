//! A streamed answer on its way to the caller: Bedrock's events in, server-sent events out, each as it comes.
//!
//! The body is pulled by the connection, so that a slow caller slows Bedrock down, and a caller who leaves drops the body, the stream and with
//! it the call. It ends in exactly one way: as a complete answer ends in its API, or with one event of a failure, after which nothing
//! follows.

mod chat_form;
mod choice;
mod responses_form;
mod sse;
mod writer;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::select_all;
use futures_util::stream;
use nova_lifecycle::Shutdown;
use openai_api::chat::Usage;
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;
use crate::limit::Admitted;
use crate::record::{Outcome, RecordGuard};
use crate::reply::ByteStream;

pub use chat_form::ChunkHead;
pub use choice::Choice;
pub use writer::EventWriter;

/// How many bytes of events that are there already go out in one write.
const COALESCED_BYTES_MAX: usize = 16 * 1024;

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

/// What can happen next.
enum Next {
    /// A choice has something, or has ended.
    Item(usize, choice::Item),
    /// Nothing came for a while.
    Quiet,
    /// The proxy stops now.
    Forced,
}

impl AnswerStream {
    /// The body.
    #[must_use]
    pub fn into_body(self) -> ByteStream {
        let mut begun = self;
        begun.writer.begin();
        Box::pin(stream::unfold(Some(begun), |state| async move {
            let mut state = state?;
            let (bytes, ended) = state.advance().await;
            Some((Ok::<Bytes, Infallible>(bytes), (!ended).then_some(state)))
        }))
    }

    /// Waits for something to send. Tells whether it was the last.
    async fn advance(&mut self) -> (Bytes, bool) {
        if !self.writer.is_empty() {
            // The opening does not wait for the first event.
            let ended = self.take_what_is_there();
            self.last_sent = Instant::now();
            return (self.writer.take(), ended);
        }
        loop {
            let ended = match self.next().await {
                Next::Quiet => {
                    self.writer.keep_alive();
                    false
                }
                Next::Forced => {
                    self.shutdown.report_cut();
                    self.fail(ApiError::stopped())
                }
                Next::Item(index, item) => self.take(index, item) || self.take_what_is_there(),
            };
            if ended || !self.writer.is_empty() {
                self.last_sent = Instant::now();
                return (self.writer.take(), ended);
            }
        }
    }

    async fn next(&mut self) -> Next {
        let waiting = timeout_at(self.last_sent + self.keep_alive, next_of(&mut self.choices));
        tokio::select! {
            biased;
            () = self.shutdown.forced().cancelled() => Next::Forced,
            next = waiting => next.map_or(Next::Quiet, |(index, item)| Next::Item(index, item)),
        }
    }

    /// Takes events that are there already, so that they go out in one write.
    fn take_what_is_there(&mut self) -> bool {
        for index in 0..self.choices.len() {
            while self.writer.len() < COALESCED_BYTES_MAX {
                let Some(item) = self.choices.get_mut(index).and_then(Choice::next_ready) else { break };
                if self.take(index, item) {
                    return true;
                }
            }
        }
        false
    }

    /// Handles one item of a choice. Tells whether the stream has ended.
    fn take(&mut self, index: usize, item: choice::Item) -> bool {
        let Some(choice) = self.choices.get_mut(index) else { return false };
        match choice.take(item, &mut self.writer) {
            Ok(choice::Progress::Nothing) => false,
            Ok(choice::Progress::Content) => {
                self.record.first_token();
                false
            }
            Ok(choice::Progress::Ended(finish)) => {
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

/// The next item of any choice that has not ended.
async fn next_of(choices: &mut [Choice]) -> (usize, choice::Item) {
    // Nearly all streams have one choice, which needs no bookkeeping.
    if let [only] = choices {
        return (0, only.next().await);
    }
    let open = choices.iter_mut().enumerate().filter(|(_, choice)| !choice.has_ended());
    // All choices have ended only when the stream has, and then nobody waits.
    select_all(open.map(|(index, choice)| Box::pin(async move { (index, choice.next().await) }))).await.0
}
