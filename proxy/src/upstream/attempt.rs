//! The record of what a call tried, kept by the caller so that it outlives a call that is dropped.

use std::time::Duration;

use tokio::time::Instant;

use super::error::{UpstreamError, UpstreamErrorKind};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// A whole answer, or the first event of a stream.
    Answered,
    /// It failed so.
    Failed(UpstreamErrorKind),
    /// The call was dropped before the attempt ended, usually because the client went away.
    Abandoned,
}

impl AttemptOutcome {
    /// Whether AWS may charge for it: it was answered, or it was sent and nobody knows what became of it. A refusal
    /// costs nothing.
    #[must_use]
    pub fn may_have_been_billed(self) -> bool {
        use UpstreamErrorKind as Kind;
        match self {
            Self::Answered | Self::Abandoned => true,
            Self::Failed(kind) => matches!(
                kind,
                Kind::FirstByteTimeout
                    | Kind::IdleTimeout
                    | Kind::ConnectionLost
                    | Kind::StreamTruncated
                    | Kind::CorruptFrame
                    | Kind::UndecodedBytes
                    | Kind::UnexpectedResponse
                    | Kind::ReplyTooLarge
                    | Kind::ModelTimeout
                    | Kind::ModelStreamError
            ),
        }
    }
}

/// One request that was sent, or that could not be sent.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The AWS region that was asked.
    pub region: Box<str>,
    /// When the attempt began.
    pub started: Instant,
    /// How long it took to the whole answer, the first event, the failure, or the drop.
    pub duration: Duration,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// AWS's id of the request, when an answer carried one.
    pub aws_request_id: Option<Box<str>>,
}

/// The attempts of one or more calls, in order.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Vec<Attempt>);

impl Attempts {
    /// No attempt as yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was tried, in order.
    pub fn as_slice(&self) -> &[Attempt] {
        &self.0
    }

    /// Begins an attempt, which counts as abandoned until it is told how it ended.
    pub(super) fn begin(&mut self, region: &str) -> OpenAttempt<'_> {
        OpenAttempt {
            attempts: &mut self.0,
            attempt: Some(Attempt {
                region: region.into(),
                started: Instant::now(),
                duration: Duration::ZERO,
                outcome: AttemptOutcome::Abandoned,
                aws_request_id: None,
            }),
        }
    }
}

impl FromIterator<Attempt> for Attempts {
    fn from_iter<I: IntoIterator<Item = Attempt>>(attempts: I) -> Self {
        Self(attempts.into_iter().collect())
    }
}

/// An attempt under way. Dropping it records it.
pub(super) struct OpenAttempt<'a> {
    attempts: &'a mut Vec<Attempt>,
    attempt: Option<Attempt>,
}

impl OpenAttempt<'_> {
    pub(super) fn answered(mut self, aws_request_id: Option<&str>) {
        if let Some(attempt) = &mut self.attempt {
            attempt.outcome = AttemptOutcome::Answered;
            attempt.aws_request_id = aws_request_id.map(Into::into);
        }
    }

    pub(super) fn failed(mut self, error: &UpstreamError) {
        if let Some(attempt) = &mut self.attempt {
            attempt.outcome = AttemptOutcome::Failed(error.kind);
            attempt.aws_request_id.clone_from(&error.aws_request_id);
        }
    }
}

impl Drop for OpenAttempt<'_> {
    fn drop(&mut self) {
        if let Some(mut attempt) = self.attempt.take() {
            attempt.duration = attempt.started.elapsed();
            self.attempts.push(attempt);
        }
    }
}
