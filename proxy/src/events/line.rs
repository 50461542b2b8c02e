//! What the log tells of a request that has ended: the members of its one line.
//!
//! Written straight from the record, without a copy of any value: this runs for every request.

use std::fmt::{self, Display};
use std::time::Duration;

use nova_telemetry::keys;
use nova_translate::converse::TokenUsage;
use slog::{KV, Record, Result, Serializer, Value};
use tokio::time::Instant;

use super::outcome_word;
use crate::record::{self, UsageRecord};

/// A request that has ended, as members of a log line.
#[derive(Clone, Copy)]
pub(super) struct RequestLine<'a> {
    pub(super) record: &'a UsageRecord,
    pub(super) status: u16,
    pub(super) usage: TokenUsage,
    pub(super) now: Instant,
}

impl KV for RequestLine<'_> {
    fn serialize(&self, to: &Record<'_>, members: &mut dyn Serializer) -> Result {
        let Self { record, status, usage, now } = self;
        let mut line = Members { to, members };
        let principal = record.principal.as_deref();
        line.add(keys::ROUTE, record.context.route)?;
        line.add(keys::PEER, record.context.client.map(Shown))?;
        line.add(keys::STATUS, *status)?;
        line.add(keys::DURATION_MS, whole_milliseconds(now.duration_since(record.context.started)))?;
        line.add("outcome", outcome_word(&record.outcome))?;
        line.add(keys::MODEL, record.model.as_deref())?;
        line.add(keys::TARGET, record.target.as_ref().map(|target| target.model_id.as_str()))?;
        line.add(keys::REGION, record.region())?;
        line.add(keys::KEY_ID, principal.map(|principal| principal.id.as_str()))?;
        line.add("team", principal.and_then(|principal| principal.team.as_deref()))?;
        line.add("user", record.user.as_deref())?;
        line.add(keys::STREAM, record.stream)?;
        line.add(keys::TIME_TO_FIRST_TOKEN_MS, record.time_to_first_token.map(whole_milliseconds))?;
        line.add("queued_ms", record.timings.queue.map(record::milliseconds))?;
        line.add("read_ms", record.timings.read.map(record::milliseconds))?;
        line.add("translate_ms", record.timings.translate.map(record::milliseconds))?;
        line.add("upstream_first_byte_ms", record.timings.upstream_first_byte.map(record::milliseconds))?;
        line.add("tracestate", record.context.trace.as_ref().and_then(|trace| trace.state.as_deref()))?;
        line.add(keys::INPUT_TOKENS, usage.input_tokens)?;
        line.add(keys::OUTPUT_TOKENS, usage.output_tokens)?;
        line.add("cache_read_tokens", usage.cache_read_input_tokens)?;
        line.add("cache_write_tokens", usage.cache_write_input_tokens)?;
        line.add("images", (record.images > 0).then_some(record.images))?;
        // Calls that may have been billed without telling their usage: whoever accounts for them has to estimate.
        line.add("unreported_calls", record.unreported_calls())?;
        line.add("finish_reason", Joined::of(&record.finish_reasons))?;
        let attempts: usize = record.attempts.iter().map(|attempts| attempts.as_slice().len()).sum();
        line.add(keys::ATTEMPT, attempts)?;
        line.add(keys::AWS_REQUEST_ID, record.aws_request_id())?;
        line.add(keys::DROPPED_PARAMS, Joined::of(&record.dropped_params()))?;
        line.add(keys::CONFIG, &*record.context.snapshot.config_hash)
    }
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where members go.
struct Members<'a, 'b> {
    to: &'a Record<'b>,
    members: &'a mut dyn Serializer,
}

impl Members<'_, '_> {
    fn add(&mut self, key: &'static str, value: impl Value) -> Result {
        value.serialize(self.to, key.into(), self.members)
    }
}

/// As it displays itself.
struct Shown<T>(T);

impl<T: Display> Value for Shown<T> {
    fn serialize(&self, _: &Record<'_>, key: slog::Key, members: &mut dyn Serializer) -> Result {
        members.emit_arguments(key, &format_args!("{}", self.0))
    }
}

/// Words with commas between them.
struct Joined<'a>(&'a [&'a str]);

impl<'a> Joined<'a> {
    /// Nothing where there are no words.
    fn of(words: &'a [&'a str]) -> Option<Shown<Self>> {
        (!words.is_empty()).then_some(Shown(Self(words)))
    }
}

impl Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}
