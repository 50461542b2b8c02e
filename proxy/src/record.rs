//! The usage record: what one request was, what it cost in tokens, and how it ended. Written exactly once, also when the caller leaves.
//!
//! Today it becomes one log line and the metrics; the journal will read the same record. It holds no prompt and no completion.

mod timings;

use std::sync::Arc;
use std::time::Duration;

use nova_translate::Note;
use nova_translate::catalogue::Target;
use nova_translate::converse::TokenUsage;
use nova_translate::reply::Finish;
use openai_api::chat::FinishReason;
use tokio::time::Instant;

use crate::auth::Principal;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::events;
use crate::requests::{Listing, RequestRegistry};
use crate::upstream::{AttemptOutcome, Attempts};

pub use timings::{PhaseTimings, milliseconds};

/// What one request was.
#[derive(Debug)]
pub struct UsageRecord {
    /// Its id, route, configuration and beginning.
    pub context: RequestContext,
    /// The caller, once known.
    pub principal: Option<Arc<Principal>>,
    /// The model's name as the caller gave it, once it was found to be served.
    pub model: Option<String>,
    /// What was called.
    pub target: Option<Target>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// The caller's own id of the end user.
    pub user: Option<String>,
    /// What the translation changed.
    pub notes: Vec<Note>,
    /// Where its time went.
    pub timings: PhaseTimings,
    /// The attempts of each call, with AWS's ids.
    pub attempts: Vec<Attempts>,
    /// The raw usage of each answer. An answer that broke off has none, and is to be estimated.
    pub usage: Vec<TokenUsage>,
    /// Images that were drawn: they are paid by the piece.
    pub images: u32,
    /// Bedrock's stop reasons, or OpenAI's finish reasons where they say the same.
    pub finish_reasons: Vec<&'static str>,
    /// A stop reason that OpenAI has no word for.
    pub native_stop_reason: Option<String>,
    /// From the beginning to the first piece of the answer.
    pub time_to_first_token: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Not yet. A record that is dropped like this belongs to a caller who left.
    Pending,
    /// With a whole answer.
    Completed,
    /// Refused, or failed before the first byte of the answer.
    Failed(Box<ApiError>),
    /// Failed within the stream: the caller has a part of the answer.
    Broken(Box<ApiError>),
    /// The work on it panicked. The panic is in the log.
    Lost,
}

/// Owns the record of a request under way, and writes it when it is dropped.
#[derive(Debug)]
pub struct RecordGuard {
    record: Option<Box<UsageRecord>>,
    listing: Option<Listing>,
}

impl RecordGuard {
    /// Opens the record of a request.
    #[must_use]
    pub fn open(context: RequestContext) -> Self {
        let record = UsageRecord {
            context,
            principal: None,
            model: None,
            target: None,
            stream: false,
            user: None,
            notes: Vec::new(),
            timings: PhaseTimings::default(),
            attempts: Vec::new(),
            usage: Vec::new(),
            images: 0,
            finish_reasons: Vec::new(),
            native_stop_reason: None,
            time_to_first_token: None,
            outcome: Outcome::Pending,
        };
        events::request_started(&record);
        Self { record: Some(Box::new(record)), listing: None }
    }

    /// Shows the request among those under way, and later among the ended ones that are worth a look.
    #[must_use]
    pub fn listed_in(mut self, requests: &Arc<RequestRegistry>) -> Self {
        self.listing = Some(requests.list(&self));
        self
    }

    /// Shows there what has become known of caller and model.
    pub fn update_listing(&self) {
        if let Some(listing) = &self.listing {
            listing.update(self);
        }
    }

    /// Notes the first piece of the answer.
    pub fn first_token(&mut self) {
        if self.time_to_first_token.is_none() {
            self.time_to_first_token = Some(self.context.started.elapsed());
        }
    }
}

impl std::ops::Deref for RecordGuard {
    type Target = UsageRecord;

    #[expect(clippy::expect_used, reason = "the record is taken by drop alone")]
    fn deref(&self) -> &UsageRecord {
        self.record.as_deref().expect("a record until it is dropped")
    }
}

impl std::ops::DerefMut for RecordGuard {
    #[expect(clippy::expect_used, reason = "the record is taken by drop alone")]
    fn deref_mut(&mut self) -> &mut UsageRecord {
        self.record.as_deref_mut().expect("a record until it is dropped")
    }
}

impl Drop for RecordGuard {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            // A record that an unwinding stack drops belongs to a defect, not to a caller who left.
            if std::thread::panicking() && matches!(record.outcome, Outcome::Pending) {
                record.outcome = Outcome::Lost;
            }
            let now = Instant::now();
            events::request_completed(&record, now);
            if let Some(listing) = self.listing.take() {
                listing.end(&record, now);
            }
        }
    }
}

/// The finish reason as it is written.
fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

impl UsageRecord {
    /// The names of what was dropped, for the response header: each once, in order.
    #[must_use]
    pub fn dropped_params(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for note in &self.notes {
            if note.kind == nova_translate::NoteKind::Dropped && !names.contains(&note.param.as_ref()) {
                names.push(&note.param);
            }
        }
        names
    }

    /// How many attempts may have been billed without a usage that tells how much: answers that broke off, calls that were
    /// cancelled or lost. Whoever accounts for this record has to estimate them.
    #[must_use]
    pub fn unreported_calls(&self) -> usize {
        let attempts = self.attempts.iter().flat_map(Attempts::as_slice);
        let billable = attempts.filter(|attempt| attempt.outcome.may_have_been_billed()).count();
        billable.saturating_sub(self.usage.len())
    }

    /// Whether any answer began.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        let mut attempts = self.attempts.iter().flat_map(Attempts::as_slice);
        attempts.any(|attempt| attempt.outcome == AttemptOutcome::Answered)
    }

    /// Notes why an answer ended.
    pub fn note_finish(&mut self, finish: &Finish) {
        self.finish_reasons.push(finish_word(finish.reason));
        if finish.native.is_some() {
            self.native_stop_reason.clone_from(&finish.native);
        }
    }

    /// Notes a parameter that turned out not to be honored after the translation.
    pub fn drop_param(&mut self, param: &'static str, reason: &'static str) {
        let note =
            Note { kind: nova_translate::NoteKind::Dropped, param: param.into(), reason: reason.into() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The region that was asked last.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let last = self.attempts.iter().flat_map(Attempts::as_slice).last()?;
        Some(&last.region)
    }

    /// AWS's id of the last attempt.
    #[must_use]
    pub fn aws_request_id(&self) -> Option<&str> {
        self.attempts
            .iter()
            .flat_map(Attempts::as_slice)
            .rev()
            .find_map(|attempt| attempt.aws_request_id.as_deref())
    }
}
