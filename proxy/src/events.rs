//! What the proxy tells of itself: each event is one log line and its metrics, in one place.
//!
//! Names are the telemetry crate's. No event holds a prompt, a completion or a secret.

mod count;
mod line;
mod series;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use nova_hashistack::consul::WatchCounts;
use nova_telemetry::metrics as names;
use nova_telemetry::{error_chain, keys};
use nova_translate::converse::TokenUsage;
use nova_translate::reply;
use slog::{Level, Logger, debug, error, info, warn};
use tokio::time::Instant;

use crate::receipt::{CandidateStanding, CandidateState, ConfigSource, ConsulState, RegistrationState};
use crate::record::{Outcome, UsageRecord};
use crate::upstream::{BreakerKey, BreakerState, Transitions};

use line::RequestLine;
pub use series::SeriesCache;

/// The status that is counted for a caller who left, as nginx does.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request's head has been read. Logged at debug: the end tells all of it.
pub(crate) fn request_started(record: &UsageRecord) {
    debug!(record.context.log, "request started"; keys::ROUTE => record.context.route);
}

/// A request has ended, in whatever way.
pub(crate) fn request_completed(record: &UsageRecord, now: Instant) {
    let status = status(&record.outcome);
    let usage = reply::sum(record.usage.iter().copied());
    count::request(record, status, usage, now);
    log(record, status, usage, now);
}

/// The status that a request is counted under.
pub(crate) fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Pending => CLIENT_CLOSED_REQUEST,
        Outcome::Completed => 200,
        // The status line of a broken stream said 200; what is counted is what it was.
        Outcome::Failed(error) | Outcome::Broken(error) => error.status(),
        Outcome::Lost => 500,
    }
}

/// The outcome in one word.
pub(crate) fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Pending => "client_closed",
        Outcome::Completed => "completed",
        Outcome::Failed(_) => "failed",
        Outcome::Broken(_) => "broken",
        Outcome::Lost => "lost",
    }
}

fn log(record: &UsageRecord, status: u16, usage: TokenUsage, now: Instant) {
    let (log, line) = (&record.context.log, RequestLine { record, status, usage, now });
    if let Some(reason) = &record.native_stop_reason {
        warn!(log, "bedrock gave a stop reason that this version does not know"; keys::STOP_REASON => reason, line);
    }
    match &record.outcome {
        Outcome::Failed(error) | Outcome::Broken(error) if status >= 500 => {
            error!(log, "request failed"; "code" => error.code(), keys::ERROR => error.message(), "cause" => error.cause(), line);
        }
        Outcome::Failed(error) | Outcome::Broken(error) => {
            info!(log, "request refused"; "code" => error.code(), keys::ERROR => error.message(), "cause" => error.cause(), line);
        }
        Outcome::Lost => error!(log, "request lost: the work on it panicked"; line),
        Outcome::Pending => info!(log, "client left"; line),
        Outcome::Completed => info!(log, "request completed"; line),
    }
}

/// A connection ended within its PROXY header or TLS handshake. Logged at debug: port scanners and health checks of TCP make many.
pub(crate) fn opening_failed(
    log: &Logger,
    peer: SocketAddr,
    reason: &'static str,
    error: &(dyn Error + 'static),
) {
    metrics::counter!(names::CONNECTIONS_REFUSED_TOTAL, "reason" => reason).increment(1);
    debug!(log, "connection ended before HTTP began"; keys::PEER => %peer, keys::ERROR => error_chain(error));
}

/// A certificate is in force. `reloaded` tells a renewal from the start.
pub(crate) fn certificate_in_force(log: &Logger, not_after: Timestamp, reloaded: bool) {
    #[expect(clippy::cast_precision_loss, reason = "seconds of any calendar fit in 52 bits")]
    metrics::gauge!(names::TLS_CERTIFICATE_NOT_AFTER_SECONDS).set(not_after.as_second() as f64);
    if reloaded {
        metrics::counter!(names::TLS_RELOADS_TOTAL, "result" => "applied").increment(1);
    }
    if not_after <= Timestamp::now() {
        error!(log, "the TLS certificate has ended: clients that verify it will not connect"; "not_after" => %not_after);
    } else {
        info!(log, "TLS certificate in force"; "not_after" => %not_after);
    }
}

/// A certificate was refused; the old one stays.
pub(crate) fn certificate_refused(log: &Logger, error: &(dyn Error + 'static)) {
    metrics::counter!(names::TLS_RELOADS_TOTAL, "result" => "refused").increment(1);
    error!(log, "TLS certificate refused, the last good one stays in force"; keys::ERROR => error_chain(error));
}

/// There is no next certificate. The one in force serves on until it ends, where there is one.
pub(crate) fn certificate_not_signed(log: &Logger, error: &(dyn Error + 'static), until: Option<Timestamp>) {
    metrics::counter!(names::TLS_RELOADS_TOTAL, "result" => "refused").increment(1);
    let reason = error_chain(error);
    match until {
        Some(until) => {
            warn!(log, "no next TLS certificate; the one in force serves on to its end, and another is asked for again and again"; keys::ERROR => reason, "not_after" => %until);
        }
        None => {
            error!(log, "no TLS certificate is in force that clients would take; one is asked for again and again"; keys::ERROR => reason);
        }
    }
}

/// Consul is shown this client certificate from now on.
pub(crate) fn consul_certificate_in_force(log: &Logger, not_after: Timestamp) {
    info!(log, "client certificate for Consul in force"; "not_after" => %not_after);
}

/// There is no next client certificate. Consul is shown the one in force to its end, and none after it.
pub(crate) fn consul_certificate_not_signed(
    log: &Logger,
    error: &(dyn Error + 'static),
    until: Option<Timestamp>,
) {
    let reason = error_chain(error);
    match until {
        Some(until) => {
            warn!(log, "no next client certificate for Consul; the one in force serves on to its end, and another is asked for again and again"; keys::ERROR => reason, "not_after" => %until);
        }
        None => {
            error!(log, "Consul is shown no client certificate that it would take; the configuration in force stays, and one is asked for again and again"; keys::ERROR => reason);
        }
    }
}

/// Where a breaker stands, for dashboards: 0 closed, 1 half open, 2 open.
pub(crate) fn breaker_state(key: &BreakerKey, state: BreakerState) {
    let labels = [("region", key.region.to_string()), ("model", key.model_id.to_string())];
    metrics::gauge!(names::BREAKER_STATE, &labels).set(match state {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    });
}

/// How often a breaker has changed its state since it was made.
pub(crate) fn breaker_transitions(key: &BreakerKey, transitions: Transitions) {
    let Transitions { closed, half_opened, opened } = transitions;
    for (to, count) in [("closed", closed), ("half_open", half_opened), ("open", opened)] {
        let labels =
            [("region", key.region.to_string()), ("model", key.model_id.to_string()), ("to", to.to_owned())];
        metrics::counter!(names::BREAKER_TRANSITIONS_TOTAL, &labels).absolute(count);
    }
}

/// Breakers of what is no longer called: an alert on them must end.
pub(crate) fn breakers_gone(keys: &[BreakerKey]) {
    for key in keys {
        breaker_state(key, BreakerState::Closed);
    }
}

/// An operator has changed the log's level.
pub(crate) fn log_level_changed(log: &Logger, level: Level, configured: Level) {
    warn!(log, "the log's level was changed by an operator until the next reload";
        "log_level" => level.as_str(), "configured" => configured.as_str());
}

/// A configuration was put into force.
pub(crate) fn config_applied(log: &Logger, hash: &str, models: usize, source: ConfigSource) {
    metrics::counter!(names::CONFIG_RELOADS_TOTAL, "result" => "applied").increment(1);
    info!(log, "configuration applied"; keys::CONFIG => hash, keys::COUNT => models, keys::SOURCE => source.as_str());
}

/// A configuration was refused because of its files or its documents; the old one stays.
pub(crate) fn config_refused(log: &Logger, reason: &str, kept: &str, because_of: ConfigSource) {
    metrics::counter!(names::CONFIG_RELOADS_TOTAL, "result" => "refused").increment(1);
    error!(log, "configuration refused, the last good one stays in force";
        keys::ERROR => reason, keys::CONFIG => kept, keys::SOURCE => because_of.as_str());
}

/// Which documents are in force, and whether later files or documents are refused.
pub(crate) fn config_standing(applied_index: Option<u64>, is_refused: bool) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "an index passes 52 bits after millions of years of writes"
    )]
    metrics::gauge!(names::CONFIG_APPLIED_INDEX).set(applied_index.unwrap_or_default() as f64);
    metrics::gauge!(names::CONFIG_REFUSED).set(f64::from(u8::from(is_refused)));
}

/// What this instance does about a candidate for `config` has changed.
pub(crate) fn candidate(log: &Logger, before: Option<&CandidateStanding>, now: Option<&CandidateStanding>) {
    let is_applied = |standing: Option<&CandidateStanding>| {
        standing.is_some_and(|standing| standing.state == CandidateState::Applied)
    };
    metrics::gauge!(names::CONFIG_CANDIDATE).set(f64::from(u8::from(is_applied(now))));
    let id = now.or(before).and_then(|standing| standing.id.as_deref());
    match now {
        None if is_applied(before) => {
            info!(log, "the candidate was taken away, and config is in force again"; "candidate" => id);
        }
        None => info!(log, "the candidate was taken away"; "candidate" => id),
        Some(now) => {
            let reason = now.refusal.as_ref().map(|refusal| refusal.problem.as_str());
            match now.state {
                CandidateState::Applied => {
                    warn!(log, "a candidate is in force in place of config"; "candidate" => id)
                }
                CandidateState::NotMine => {
                    info!(log, "other instances try a candidate for config"; "candidate" => id)
                }
                CandidateState::Refused => {
                    error!(log, "the candidate is not in force"; "candidate" => id, keys::ERROR => reason);
                }
            }
        }
    }
}

/// The documents in force were kept for the next start, or could not be, for this reason.
pub(crate) fn documents_kept(log: &Logger, not_kept: Option<&str>) {
    match not_kept {
        None => info!(log, "documents are kept again for the next start"),
        Some(reason) => {
            error!(log, "documents are in force but not kept: a start while Consul is gone would not have them"; keys::ERROR => reason);
        }
    }
}

/// How this instance stands with Consul has changed.
pub(crate) fn consul_state(log: &Logger, state: ConsulState, reason: Option<&str>) {
    let is_up = !matches!(state, ConsulState::Off | ConsulState::Unreachable | ConsulState::Denied);
    metrics::gauge!(names::CONSUL_UP).set(f64::from(u8::from(is_up)));
    if state == ConsulState::InSync {
        info!(log, "Consul's documents are followed"; keys::STATE => state.as_str());
    } else {
        warn!(log, "Consul's documents are not seen; what is in force stays"; keys::STATE => state.as_str(), keys::ERROR => reason);
    }
}

/// The token of this process was not deleted at its end.
pub(crate) fn token_left(log: &Logger, reason: &str) {
    warn!(log, "the Consul token of this process was not deleted; it ends by itself if its auth method says so"; keys::ERROR => reason);
}

/// This process has a token of Vault, the first one or the next.
pub(crate) fn vault_token_in_force(log: &Logger, due_in: Option<Duration>) {
    metrics::gauge!(names::VAULT_UP).set(1.0);
    info!(log, "Vault has given a token"; "renewed_in_s" => due_in.map(|due_in| due_in.as_secs()));
}

/// There is no next token. What there is serves on, and so do the secrets that were read with it, until they end.
pub(crate) fn vault_token_not_renewed(log: &Logger, reason: &str) {
    metrics::gauge!(names::VAULT_UP).set(0.0);
    warn!(log, "Vault gives no token; it is asked again and again, and what was read of it serves on until it ends"; keys::ERROR => reason);
}

/// The login fails, and the token is made to last longer in its place: nothing is lost yet.
pub(crate) fn vault_login_covered(log: &Logger, reason: &str) {
    warn!(log, "Vault takes no login; the token is renewed for as long as it may be"; keys::ERROR => reason);
}

/// The token of this process was not revoked at its end.
pub(crate) fn vault_token_left(log: &Logger, reason: &str) {
    warn!(log, "the Vault token of this process was not revoked; it ends by itself"; keys::ERROR => reason);
}

/// A declared secret was read.
pub(crate) fn secret_read(log: &Logger, name: &str, place: &str) {
    info!(log, "secret read"; keys::SECRET => name, "place" => place);
}

/// A declared secret cannot be read, or is not good for what it is declared for.
pub(crate) fn secret_not_read(log: &Logger, name: &str, reason: &str) {
    warn!(log, "a secret cannot be used yet; it is read again and again"; keys::SECRET => name, keys::ERROR => reason);
}

/// A secret cannot be had from its own place, and the last known one is used.
pub(crate) fn sealed_secret_used(log: &Logger, name: &str, read_at: Timestamp, ends_at: Option<Timestamp>) {
    warn!(log, "the last known secret is used, which was kept sealed"; keys::SECRET => name, "read_at" => %read_at, "ends_at" => ends_at.map(|at| at.to_string()));
}

/// There is a kept secret that is of no use.
pub(crate) fn sealed_secret_unusable(log: &Logger, name: &str, reason: &str) {
    warn!(log, "the secret that was kept sealed is not used"; keys::SECRET => name, keys::ERROR => reason);
}

/// A secret is in use and not kept.
pub(crate) fn secret_not_sealed(log: &Logger, name: &str, reason: &str) {
    warn!(log, "a secret is in use but not kept: a start without its source would not have it"; keys::SECRET => name, keys::ERROR => reason);
}

/// Since when a secret is the one in use, and until when.
pub(crate) fn secret_times(name: &str, read_at: Timestamp, ends_at: Option<Timestamp>) {
    let seconds = |at: Timestamp| at.as_duration().as_secs_f64();
    metrics::gauge!(names::SECRET_READ_SECONDS, keys::SECRET => name.to_owned()).set(seconds(read_at));
    if let Some(ends_at) = ends_at {
        metrics::gauge!(names::SECRET_ENDS_SECONDS, keys::SECRET => name.to_owned()).set(seconds(ends_at));
    }
}

/// What has happened to the watch on the documents until now.
pub(crate) fn watch_counts(counts: WatchCounts) {
    let WatchCounts { wakeups, unchanged, resets, errors } = counts;
    metrics::counter!(names::CONSUL_WATCH_WAKEUPS_TOTAL).absolute(wakeups);
    metrics::counter!(names::CONSUL_WATCH_UNCHANGED_TOTAL).absolute(unchanged);
    metrics::counter!(names::CONSUL_WATCH_RESETS_TOTAL).absolute(resets);
    metrics::counter!(names::CONSUL_WATCH_ERRORS_TOTAL).absolute(errors);
}

/// Whether this instance is in Consul's catalog has changed.
pub(crate) fn registration_state(log: &Logger, id: &str, state: RegistrationState, reason: Option<&str>) {
    let is_registered = state == RegistrationState::Registered;
    metrics::gauge!(names::CONSUL_REGISTERED).set(f64::from(u8::from(is_registered)));
    let state = state.as_str();
    match reason {
        None => info!(log, "registration with Consul"; keys::SERVICE_ID => id, keys::STATE => state),
        Some(reason) => {
            warn!(log, "registration with Consul"; keys::SERVICE_ID => id, keys::STATE => state, keys::ERROR => reason);
        }
    }
}

/// Which configuration is in force, for dashboards.
pub(crate) fn config_in_force(hash: &str, previous: Option<&str>) {
    if let Some(previous) = previous.filter(|previous| *previous != hash) {
        metrics::gauge!(names::CONFIG_INFO, "hash" => previous.to_owned()).set(0.0);
    }
    metrics::gauge!(names::CONFIG_INFO, "hash" => hash.to_owned()).set(1.0);
}
