//! The table of metrics.

use metrics::Unit;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// Goes up only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricSpec {
    /// The name that Prometheus sees.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// The unit of its values, which is also the end of its name.
    pub unit: Unit,
    /// Its labels, beside the global ones (`version`, `ring`).
    pub labels: &'static [&'static str],
    /// What it tells, for people.
    pub help: &'static str,
}

/// Requests answered.
pub const REQUESTS_TOTAL: &str = "nova_proxy_requests_total";
/// From the request's headers to the last byte of its answer.
pub const REQUEST_DURATION_SECONDS: &str = "nova_proxy_request_duration_seconds";
/// From the request's headers to the first token of a streamed answer.
pub const TIME_TO_FIRST_TOKEN_SECONDS: &str = "nova_proxy_time_to_first_token_seconds";
/// Output tokens a second, after the first.
pub const OUTPUT_TOKENS_PER_SECOND: &str = "nova_proxy_output_tokens_per_second";
/// Tokens as Bedrock reports them.
pub const TOKENS_TOTAL: &str = "nova_proxy_tokens_total";
/// Why models stopped.
pub const STOP_REASONS_TOTAL: &str = "nova_proxy_stop_reasons_total";
/// Calls to Bedrock.
pub const UPSTREAM_ATTEMPTS_TOTAL: &str = "nova_proxy_upstream_attempts_total";
/// Calls made again.
pub const UPSTREAM_RETRIES_TOTAL: &str = "nova_proxy_upstream_retries_total";
/// Calls that went on to another region.
pub const UPSTREAM_FAILOVERS_TOTAL: &str = "nova_proxy_upstream_failovers_total";
/// Where the breaker of a model in a region stands.
pub const BREAKER_STATE: &str = "nova_proxy_breaker_state";
/// Changes of the state of a breaker.
pub const BREAKER_TRANSITIONS_TOTAL: &str = "nova_proxy_breaker_transitions_total";
/// Streams that did not reach their end.
pub const STREAMS_BROKEN_TOTAL: &str = "nova_proxy_streams_broken_total";
/// Parameters left out.
pub const DROPPED_PARAMS_TOTAL: &str = "nova_proxy_dropped_params_total";
/// Requests being worked on.
pub const REQUESTS_IN_FLIGHT: &str = "nova_proxy_requests_in_flight";
/// Requests that wait.
pub const QUEUE_DEPTH: &str = "nova_proxy_queue_depth";
/// How long requests waited.
pub const QUEUE_WAIT_SECONDS: &str = "nova_proxy_queue_wait_seconds";
/// Open client connections.
pub const CONNECTIONS_OPEN: &str = "nova_proxy_connections_open";
/// Connections that ended before HTTP began.
pub const CONNECTIONS_REFUSED_TOTAL: &str = "nova_proxy_connections_refused_total";
/// Connections and streams that were ended because they overstayed.
pub const CONNECTIONS_OVERDUE_TOTAL: &str = "nova_proxy_connections_overdue_total";
/// Failed accepts.
pub const ACCEPT_ERRORS_TOTAL: &str = "nova_proxy_accept_errors_total";
/// Attempts to apply a certificate.
pub const TLS_RELOADS_TOTAL: &str = "nova_proxy_tls_reloads_total";
/// When the certificate in force ends.
pub const TLS_CERTIFICATE_NOT_AFTER_SECONDS: &str = "nova_proxy_tls_certificate_not_after_timestamp_seconds";
/// Whether the login at Vault is good.
pub const VAULT_UP: &str = "nova_proxy_vault_up";
/// When a secret was read.
pub const SECRET_READ_SECONDS: &str = "nova_proxy_secret_read_timestamp_seconds";
/// When a secret ends.
pub const SECRET_ENDS_SECONDS: &str = "nova_proxy_secret_ends_timestamp_seconds";
/// Attempts to apply a configuration.
pub const CONFIG_RELOADS_TOTAL: &str = "nova_proxy_config_reloads_total";
/// The configuration in force.
pub const CONFIG_INFO: &str = "nova_proxy_config_info";
/// How long the configuration in force has been so.
pub const CONFIG_AGE_SECONDS: &str = "nova_proxy_config_age_seconds";
/// The index of Consul at which the documents in force were read.
pub const CONFIG_APPLIED_INDEX: &str = "nova_proxy_config_applied_index";
/// Whether the files or documents that were seen last were refused.
pub const CONFIG_REFUSED: &str = "nova_proxy_config_refused";
/// Whether a candidate is in force in place of `config`.
pub const CONFIG_CANDIDATE: &str = "nova_proxy_config_candidate";
/// Whether Consul answers the watch.
pub const CONSUL_UP: &str = "nova_proxy_consul_up";
/// Whether this instance is registered with the local agent.
pub const CONSUL_REGISTERED: &str = "nova_proxy_consul_registered";
/// Calls of the watch that came back before their wait was over.
pub const CONSUL_WATCH_WAKEUPS_TOTAL: &str = "nova_proxy_consul_watch_wakeups_total";
/// Answers whose index went backwards.
pub const CONSUL_WATCH_RESETS_TOTAL: &str = "nova_proxy_consul_watch_resets_total";
/// Calls of the watch that failed.
pub const CONSUL_WATCH_ERRORS_TOTAL: &str = "nova_proxy_consul_watch_errors_total";
/// Those of them that told nothing new.
pub const CONSUL_WATCH_UNCHANGED_TOTAL: &str = "nova_proxy_consul_watch_unchanged_total";
/// Log records lost.
pub const LOG_DROPPED_TOTAL: &str = "nova_proxy_log_dropped_total";
/// Failed tasks.
pub const TASK_FAILURES_TOTAL: &str = "nova_proxy_task_failures_total";

/// A non-streamed answer may take an hour; most take seconds; a refusal takes microseconds. Ten bounds to the decade (the preferred
/// numbers R10 of ISO 3) from 5 ms to 100 s: a rollout compares the percentiles of two versions, and a percentile is known no better
/// than its bucket is wide. Beyond that the bounds double.
const REQUEST_SECONDS: &[f64] = &[
    0.005, 0.0063, 0.008, 0.01, 0.0125, 0.016, 0.02, 0.025, 0.0315, 0.04, 0.05, 0.063, 0.08, 0.1, 0.125,
    0.16, 0.2, 0.25, 0.315, 0.4, 0.5, 0.63, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0, 10.0,
    12.5, 16.0, 20.0, 25.0, 31.5, 40.0, 50.0, 63.0, 80.0, 100.0, 200.0, 400.0, 800.0, 1800.0, 3600.0,
];
/// From 10 ms to a minute, with the same bounds and for the same reason.
const FIRST_TOKEN_SECONDS: &[f64] = &[
    0.01, 0.0125, 0.016, 0.02, 0.025, 0.0315, 0.04, 0.05, 0.063, 0.08, 0.1, 0.125, 0.16, 0.2, 0.25, 0.315,
    0.4, 0.5, 0.63, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0, 10.0, 12.5, 16.0, 20.0, 25.0,
    31.5, 40.0, 50.0, 63.0,
];
const TOKENS_PER_SECOND: &[f64] =
    &[1.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0];
const QUEUE_SECONDS: &[f64] =
    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

const fn spec(
    name: &'static str,
    kind: MetricKind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> MetricSpec {
    MetricSpec { name, kind, unit, labels, help }
}

/// All metrics.
pub const METRICS: &[MetricSpec] = &[
    spec(
        REQUESTS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["route", "model", "status", "config"],
        "Requests answered, by HTTP status; 499 where the client went first.",
    ),
    spec(
        REQUEST_DURATION_SECONDS,
        MetricKind::Histogram(REQUEST_SECONDS),
        Unit::Seconds,
        &["route", "model", "config"],
        "Time from a request's headers to the last byte of its answer.",
    ),
    spec(
        TIME_TO_FIRST_TOKEN_SECONDS,
        MetricKind::Histogram(FIRST_TOKEN_SECONDS),
        Unit::Seconds,
        &["model", "config"],
        "Time from a request's headers to the first token of a streamed answer.",
    ),
    spec(
        OUTPUT_TOKENS_PER_SECOND,
        MetricKind::Histogram(TOKENS_PER_SECOND),
        Unit::CountPerSecond,
        &["model", "config"],
        "Output tokens a second of a streamed answer after its first token.",
    ),
    spec(
        TOKENS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["model", "direction", "config"],
        "Tokens as Bedrock reports them, by direction: input, output, cache_read, cache_write.",
    ),
    spec(
        STOP_REASONS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["model", "reason", "config"],
        "Finished answers by the reason that the model gave for stopping.",
    ),
    spec(
        UPSTREAM_ATTEMPTS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["model", "region", "outcome"],
        "Calls to Bedrock by outcome.",
    ),
    spec(
        UPSTREAM_RETRIES_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["model", "region"],
        "Calls to Bedrock that were made again after a failure.",
    ),
    spec(
        UPSTREAM_FAILOVERS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["model", "from", "to"],
        "Calls to Bedrock that went on to another region after a failure.",
    ),
    spec(
        BREAKER_STATE,
        MetricKind::Gauge,
        Unit::Count,
        &["region", "model"],
        "The breaker of a model id in a region: 0 closed, 1 half open, 2 open.",
    ),
    spec(
        BREAKER_TRANSITIONS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["region", "model", "to"],
        "Changes of the state of a breaker, by the state that it changed to: closed, half_open, open.",
    ),
    spec(
        STREAMS_BROKEN_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["cause"],
        "Streamed answers that did not reach their end, by cause.",
    ),
    spec(
        DROPPED_PARAMS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["param"],
        "Request parameters left out because Nova cannot honor them.",
    ),
    spec(REQUESTS_IN_FLIGHT, MetricKind::Gauge, Unit::Count, &[], "Requests being worked on."),
    spec(QUEUE_DEPTH, MetricKind::Gauge, Unit::Count, &[], "Requests that wait for a free call to Bedrock."),
    spec(
        QUEUE_WAIT_SECONDS,
        MetricKind::Histogram(QUEUE_SECONDS),
        Unit::Seconds,
        &[],
        "How long requests waited for a free call to Bedrock.",
    ),
    spec(CONNECTIONS_OPEN, MetricKind::Gauge, Unit::Count, &[], "Open client connections."),
    spec(
        CONNECTIONS_REFUSED_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["reason"],
        "Connections that ended within their PROXY header or TLS handshake, by reason.",
    ),
    spec(
        CONNECTIONS_OVERDUE_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &[],
        "Connections closed, and streams reset, because a head, a write or a rest took too long.",
    ),
    spec(
        ACCEPT_ERRORS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &[],
        "Failed accepts; they are tried again, and the log has the reason.",
    ),
    spec(
        TLS_RELOADS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["result"],
        "Attempts to apply a renewed certificate, by result.",
    ),
    spec(
        TLS_CERTIFICATE_NOT_AFTER_SECONDS,
        MetricKind::Gauge,
        Unit::Seconds,
        &[],
        "When the certificate in force ends, in seconds of Unix time; absent without TLS.",
    ),
    spec(
        VAULT_UP,
        MetricKind::Gauge,
        Unit::Count,
        &[],
        "1 while Vault gives this process its tokens; 0 while it does not, and what it gave serves on. Absent without a login.",
    ),
    spec(
        SECRET_READ_SECONDS,
        MetricKind::Gauge,
        Unit::Seconds,
        &["secret"],
        "When the secret in use was read, in seconds of Unix time, by the name that it was declared under.",
    ),
    spec(
        SECRET_ENDS_SECONDS,
        MetricKind::Gauge,
        Unit::Seconds,
        &["secret"],
        "When the secret in use ends, in seconds of Unix time; absent for one without an end.",
    ),
    spec(
        CONFIG_RELOADS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["result"],
        "Attempts to apply a configuration, by result.",
    ),
    spec(CONFIG_INFO, MetricKind::Gauge, Unit::Count, &["hash"], "1 for the configuration in force."),
    spec(
        CONFIG_AGE_SECONDS,
        MetricKind::Gauge,
        Unit::Seconds,
        &[],
        "How long the configuration in force has been so.",
    ),
    spec(
        CONFIG_APPLIED_INDEX,
        MetricKind::Gauge,
        Unit::Count,
        &[],
        "The index of Consul at which the documents in force were read; 0 where files alone are in force.",
    ),
    spec(
        CONFIG_REFUSED,
        MetricKind::Gauge,
        Unit::Count,
        &[],
        "1 while the files or documents that were seen last are refused and older ones are in force.",
    ),
    spec(
        CONFIG_CANDIDATE,
        MetricKind::Gauge,
        Unit::Count,
        &[],
        "1 while a candidate is in force on this instance in place of the document config.",
    ),
    spec(
        CONSUL_UP,
        MetricKind::Gauge,
        Unit::Count,
        &[],
        "1 while Consul answers the watch on the documents; 0 also without a consul block.",
    ),
    spec(
        CONSUL_REGISTERED,
        MetricKind::Gauge,
        Unit::Count,
        &[],
        "1 while this instance is registered with the local agent of Consul.",
    ),
    spec(
        CONSUL_WATCH_WAKEUPS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &[],
        "Calls of the watch on the documents that Consul answered before their wait was over.",
    ),
    spec(
        CONSUL_WATCH_RESETS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &[],
        "Answers whose index was not as high as one before, as after a loss of data; the leader is asked where the content is other too.",
    ),
    spec(
        CONSUL_WATCH_ERRORS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &[],
        "Calls of the watch that failed; they are made again with back-off.",
    ),
    spec(
        CONSUL_WATCH_UNCHANGED_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &[],
        "Calls of the watch that came back before their wait was over with nothing new.",
    ),
    spec(
        LOG_DROPPED_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &[],
        "Log records lost because the writer was too slow.",
    ),
    spec(
        TASK_FAILURES_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["task"],
        "Supervised tasks that panicked or ended early.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_tell_kind_and_unit() {
        for metric in METRICS {
            let name = metric.name;
            assert!(name.starts_with("nova_proxy_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == MetricKind::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
        }
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn buckets_rise() {
        for metric in METRICS {
            if let MetricKind::Histogram(bounds) = metric.kind {
                assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name);
            }
        }
    }

    #[test]
    fn every_name_is_in_the_table() {
        let source = include_str!("table.rs");
        let names =
            source.lines().filter_map(|line| line.split_once("&str = \"nova_proxy_").map(|(_, rest)| rest));
        let listed = METRICS.len();
        // The line above holds the pattern as well, but not as a declaration.
        let declared = names.filter(|rest| rest.ends_with("\";")).count();
        assert_eq!(declared, listed);
    }
}
