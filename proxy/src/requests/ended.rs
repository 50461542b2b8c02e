//! A request that has ended, as operators see it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::events;
use crate::record::{Outcome, UsageRecord, milliseconds};

/// A request that has ended.
#[derive(Debug, Clone, Serialize)]
pub struct EndedRequest {
    id: String,
    route: &'static str,
    model: Option<String>,
    key_id: Option<String>,
    status: u16,
    outcome: &'static str,
    /// The error's word for programs.
    code: Option<String>,
    /// What the caller was told.
    error: Option<String>,
    stream: bool,
    /// RFC 3339, in UTC.
    ended_at: String,
    duration_ms: f64,
    time_to_first_token_ms: Option<f64>,
    /// The phases that it got to.
    phases_ms: BTreeMap<&'static str, f64>,
    #[serde(skip)]
    duration: Duration,
}

impl EndedRequest {
    pub(super) fn of(record: &UsageRecord, now: Instant) -> Self {
        let error = match &record.outcome {
            Outcome::Failed(error) | Outcome::Broken(error) => Some(error),
            Outcome::Pending | Outcome::Completed | Outcome::Lost => None,
        };
        let duration = now.duration_since(record.context.started);
        Self {
            id: record.context.request_id.clone(),
            route: record.context.route,
            model: record.model.clone(),
            key_id: record.principal.as_ref().map(|principal| principal.id.clone()),
            status: events::status(&record.outcome),
            outcome: events::outcome_word(&record.outcome),
            code: error.map(|error| error.code().to_owned()),
            error: error.map(|error| error.message().to_owned()),
            stream: record.stream,
            ended_at: Timestamp::now().to_string(),
            duration_ms: milliseconds(duration),
            time_to_first_token_ms: record.time_to_first_token.map(milliseconds),
            phases_ms: record.timings.phases().map(|(name, took)| (name, milliseconds(took))).collect(),
            duration,
        }
    }

    /// From its head to its end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}
