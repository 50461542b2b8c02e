//! The metrics of the daemon: names, labels, help and buckets.

use metrics::Unit;
use nova_telemetry::metrics::{MetricKind, MetricSpec};

use crate::{config_canary, notify, rollouts};

/// Whether this instance leads and may act.
pub const LEADER: &str = "nova_agent_leader";
/// How often leadership came and went.
pub const LEADERSHIP_CHANGES_TOTAL: &str = "nova_agent_leadership_changes_total";
/// Writes of a leader's, by what came of them.
pub const FENCED_WRITES_TOTAL: &str = "nova_agent_fenced_writes_total";
/// Activations of tasks.
pub const TASK_RUNS_TOTAL: &str = "nova_agent_task_runs_total";
/// How long activations took.
pub const TASK_DURATION_SECONDS: &str = "nova_agent_task_duration_seconds";
/// Failures of what runs beside the tasks.
pub const SUPERVISED_FAILURES_TOTAL: &str = "nova_agent_supervised_failures_total";
/// Requests to the API.
pub const API_REQUESTS_TOTAL: &str = "nova_agent_api_requests_total";
/// Questions to Nomad about tokens.
pub const TOKEN_CHECKS_TOTAL: &str = "nova_agent_token_checks_total";
/// Readers of the events.
pub const EVENT_READERS: &str = "nova_agent_event_readers";
/// Attempts to apply the configuration files anew.
pub const CONFIG_RELOADS_TOTAL: &str = "nova_agent_config_reloads_total";
/// A look at an idle cluster takes milliseconds, an activation that waits for servers a minute.
const TASK_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

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
    spec(LEADER, MetricKind::Gauge, Unit::Count, &[], "1 while this instance leads and may act."),
    spec(
        LEADERSHIP_CHANGES_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["to"],
        "Changes of leadership: leader, lost, handed_over.",
    ),
    spec(
        FENCED_WRITES_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["outcome"],
        "Writes of a leader's: written, refused (somebody else leads), failed.",
    ),
    spec(
        TASK_RUNS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["task", "outcome"],
        "Activations of tasks: done, failed, panicked, deposed.",
    ),
    spec(
        TASK_DURATION_SECONDS,
        MetricKind::Histogram(TASK_SECONDS),
        Unit::Seconds,
        &["task"],
        "How long activations took.",
    ),
    spec(
        SUPERVISED_FAILURES_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["task"],
        "Failures of what runs beside the tasks: listeners, the election, signals.",
    ),
    spec(
        API_REQUESTS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["route", "status"],
        "Requests to the API, by route and HTTP status.",
    ),
    spec(
        TOKEN_CHECKS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["outcome"],
        "Tokens of callers that Nomad was asked about: known, unknown, unanswered.",
    ),
    spec(EVENT_READERS, MetricKind::Gauge, Unit::Count, &[], "Open streams of events."),
    spec(
        CONFIG_RELOADS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["outcome"],
        "Attempts to apply the configuration files anew: applied, unchanged, refused.",
    ),
    spec(
        rollouts::TRANSITIONS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["phase"],
        "Changes of rollouts' phases, by the phase that was entered.",
    ),
    spec(
        config_canary::engine::TRANSITIONS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["phase"],
        "Changes of the phases of candidates for the configuration, by the phase that was entered.",
    ),
    spec(
        notify::NOTIFICATIONS_TOTAL,
        MetricKind::Counter,
        Unit::Count,
        &["outcome"],
        "Messages to webhooks, by what came of them.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_units_and_kinds_agree() {
        for metric in METRICS {
            assert!(metric.name.starts_with("nova_agent_"), "{}", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{}",
                metric.name
            );
            assert_eq!(metric.name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn the_reference_has_every_metric() {
        let page = include_str!("../../docs/reference/agent-api.md");
        for metric in METRICS {
            assert!(page.contains(&format!("| `{}` |", metric.name)), "{} is not in it", metric.name);
        }
    }
}
