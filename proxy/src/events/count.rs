//! What a request adds to the metrics.

use nova_telemetry::metrics as names;
use nova_translate::converse::TokenUsage;
use tokio::time::Instant;

use super::series::{NO_MODEL, Series};
use crate::record::{Outcome, UsageRecord};
use crate::upstream::{Attempt, AttemptOutcome};

/// Counts a request that has ended.
pub(super) fn request(record: &UsageRecord, status: u16, usage: TokenUsage, now: Instant) {
    let model = record.model.as_deref().unwrap_or(NO_MODEL);
    let snapshot = &record.context.snapshot;
    let series = snapshot.series.of(record.context.route, model, &snapshot.config_hash);
    let elapsed = now.duration_since(record.context.started);
    series.count_request(status);
    series.duration.record(elapsed.as_secs_f64());
    if let Some(queued) = record.timings.queue {
        series.queue_wait.record(queued.as_secs_f64());
    }
    for param in record.dropped_params() {
        metrics::counter!(names::DROPPED_PARAMS_TOTAL, "param" => known_param(param)).increment(1);
    }
    attempts(record, model, &series);
    if matches!(record.outcome, Outcome::Broken(_) | Outcome::Pending)
        && record.stream
        && record.was_answered()
    {
        let cause = match &record.outcome {
            Outcome::Broken(error) => error.code().to_owned(),
            _ => "client_closed".to_owned(),
        };
        metrics::counter!(names::STREAMS_BROKEN_TOTAL, "cause" => cause).increment(1);
    }
    if !record.was_answered() {
        return;
    }
    series.count_tokens(usage);
    for reason in &record.finish_reasons {
        series.count_stop(reason);
    }
    if let Some(first) = record.time_to_first_token {
        series.first_token().record(first.as_secs_f64());
        let writing = elapsed.saturating_sub(first).as_secs_f64();
        if record.stream && writing > 0.0 && usage.output_tokens > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
            series.tokens_per_second().record(usage.output_tokens as f64 / writing);
        }
    }
}

/// Callers choose the names of fields that are not known, so that these are counted together.
fn known_param(param: &str) -> String {
    let known = nova_translate::request::KNOWN_DROPS.contains(&param);
    if known { param.to_owned() } else { "unknown".to_owned() }
}

fn attempts(record: &UsageRecord, model: &str, series: &Series) {
    for attempts in &record.attempts {
        let mut before: Option<&Attempt> = None;
        for attempt in attempts.as_slice() {
            series.count_attempt(&attempt.region, attempt_word(attempt));
            match before.replace(attempt) {
                Some(before) if before.region == attempt.region => {
                    let labels = [("model", model.to_owned()), ("region", attempt.region.to_string())];
                    metrics::counter!(names::UPSTREAM_RETRIES_TOTAL, &labels).increment(1);
                }
                Some(before) => {
                    let (from, to) = (before.region.to_string(), attempt.region.to_string());
                    let labels = [("model", model.to_owned()), ("from", from), ("to", to)];
                    metrics::counter!(names::UPSTREAM_FAILOVERS_TOTAL, &labels).increment(1);
                }
                None => {}
            }
        }
    }
}

fn attempt_word(attempt: &Attempt) -> &'static str {
    match attempt.outcome {
        AttemptOutcome::Answered => "answered",
        AttemptOutcome::Failed(kind) => kind.as_str(),
        AttemptOutcome::Abandoned => "abandoned",
    }
}
