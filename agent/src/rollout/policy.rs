//! The rules of a rollout: what it is judged by, how long, what it waits for, and what is done when it turns bad.
//!
//! Owns the validated types and the safe defaults. They are frozen into the record when a deployment is adopted, so that a change of
//! the rules never changes a rollout under way.

mod raw;
mod read;
mod rules;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

pub use read::{FoundPolicy, META_POLICY, META_SWITCH, PolicyText, is_off, json_schema, of_files, of_job};

/// The rules of one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// How the new version comes; where it is not written, the deployment tells: as many canaries as instances are blue-green, fewer
    /// are canary, none is rolling.
    pub strategy: Option<Strategy>,
    /// How often a check counts, however often the agent looks: consecutive failures are this far apart.
    #[serde(rename = "interval_ms", with = "millis")]
    pub interval: Duration,
    /// Shares of requests, each with its bake, in order.
    pub steps: Vec<StepPolicy>,
    /// What shares requests.
    pub traffic: TrafficMode,
    /// The probability that a version no worse than allowed is failed by the comparisons of all checks together, however often they
    /// are looked at.
    pub false_alarms: f64,
    /// What the new version is judged by.
    pub checks: Vec<CheckPolicy>,
    /// What has to be open.
    pub gates: Vec<GatePolicy>,
    /// How long the rollout may take until it is promoted; then it is rolled back.
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
    /// How long the deployment may take to succeed once it is promoted, and the bake after it to come to a judgment.
    #[serde(rename = "success_timeout_ms", with = "millis")]
    pub success_timeout: Duration,
    /// How long the new version is judged on after its deployment succeeded.
    #[serde(rename = "post_promotion_bake_ms", with = "millis")]
    pub post_promotion_bake: Duration,
    /// So many times in a row canaries that were ready may be found unready.
    pub unhealthy_limit: u32,
    /// After so many inconclusive results in a row somebody is told.
    pub inconclusive_limit: u32,
    /// After so many errors in a row somebody is told.
    pub error_limit: u32,
    /// What is done when it turns bad.
    pub rollback: RollbackPolicy,
    /// Who is told.
    pub notify: Vec<NotifyPolicy>,
    /// What a later version has added.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// How a new version takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Some instances beside the old ones, until they are promoted.
    Canary,
    /// As many as the old ones beside them, until they are promoted.
    BlueGreen,
    /// Some at a time in place of old ones. Nothing can be promoted: it can only be let go on, or failed.
    Rolling,
}

impl Strategy {
    /// The name in policies, records and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Rolling => "rolling",
        }
    }
}

/// A share of requests and how long it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPolicy {
    /// What the new version gets, from 0 to 100. Where instances alone share requests, it is what it is.
    pub percent: u8,
    /// How long it is judged at least.
    #[serde(rename = "bake_ms", with = "millis")]
    pub bake: Duration,
}

/// What shares requests between the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrafficMode {
    /// Their instances: each gets what callers give it.
    Instances,
    /// Consul's service-splitter, which sidecars and gateways of its mesh obey.
    ServiceSplitter,
}

/// What a check measures.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of requests that ended in a status of 500 or above, or a broken stream. The caller's own 4xx are not counted.
    ErrorRate,
    /// What 95 % of requests took at most, in seconds.
    LatencyP95,
    /// What 95 % of streams took at most until their first token, in seconds.
    TimeToFirstTokenP95,
    /// Output tokens a second of a streamed answer after its first; fewer are worse.
    OutputTokensPerSecond,
    /// Output tokens of an answer, which is what answers cost.
    OutputTokens,
    /// The share of finished answers that were cut short, by their length or by a filter; any change is worse.
    CutShort,
    /// How often tasks of the new version were started again since the bake began.
    Restarts,
    /// The share of the new version's instances whose metrics could not be read.
    Unreachable,
}

impl Metric {
    /// The name in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::LatencyP95 => "latency_p95",
            Self::TimeToFirstTokenP95 => "time_to_first_token_p95",
            Self::OutputTokensPerSecond => "output_tokens_per_second",
            Self::OutputTokens => "output_tokens",
            Self::CutShort => "cut_short",
            Self::Restarts => "restarts",
            Self::Unreachable => "unreachable",
        }
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::ErrorRate | Self::Unreachable | Self::CutShort => "ratio",
            Self::LatencyP95 | Self::TimeToFirstTokenP95 => "seconds",
            Self::OutputTokensPerSecond => "tokens_per_second",
            Self::OutputTokens => "tokens",
            Self::Restarts => "count",
        }
    }

    /// Whether it is of requests, so that it needs some, and can be compared with the old version's.
    #[must_use]
    pub fn is_of_requests(self) -> bool {
        !matches!(self, Self::Restarts | Self::Unreachable)
    }

    /// Whether it is compared with the old version's and with nothing else.
    #[must_use]
    pub fn is_compared_only(self) -> bool {
        matches!(self, Self::OutputTokensPerSecond | Self::OutputTokens | Self::CutShort)
    }
}

/// One check: a value of the new version, held against a maximum, compared with the old version's, or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckPolicy {
    /// Its label.
    pub name: String,
    /// What it measures.
    pub metric: Metric,
    /// What the value may be at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// How much worse than the old version's it may be, as a part of that. With it the two are compared by evidence, and the value fails
    /// once that is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// How much worse it may be beside that, in the unit of the metric.
    #[serde(default)]
    pub slack: f64,
    /// How many times the old version's value it may be at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_ratio: Option<f64>,
    /// What the old version's value counts as at least, so that a ratio to next to nothing is no failure.
    #[serde(default)]
    pub ratio_floor: f64,
    /// How many observations each side needs.
    #[serde(default)]
    pub min_sample: u64,
    /// Whether it fails at its first failure.
    #[serde(default)]
    pub critical: bool,
    /// So many failures in a row make it fail.
    pub failures: u32,
    /// Whether nothing is promoted while it has too little to go by.
    #[serde(default)]
    pub required: bool,
}

/// Something that has to be open, and before what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePolicy {
    /// Its label.
    pub name: String,
    /// What it stands before.
    pub before: GatePoint,
    /// What opens it.
    #[serde(flatten)]
    pub kind: GateKind,
}

/// What a gate stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatePoint {
    /// The first step. Where instances alone share requests, canaries have their share by then.
    Start,
    /// The promotion.
    Promotion,
}

/// What opens a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GateKind {
    /// Somebody's word, by `nova-agent rollout approve`.
    Approval,
    /// The time: it is open within windows that come again by a rule of RFC 5545.
    Window {
        /// When the first window opens, as a local date and time.
        start: jiff::civil::DateTime,
        /// How the windows come again, such as `FREQ=WEEKLY;BYDAY=TU,TH`.
        rrule: String,
        /// How long each is open.
        #[serde(rename = "duration_ms", with = "millis")]
        duration: Duration,
        /// The IANA name of the time zone.
        time_zone: String,
    },
    /// The time: it is closed from one date to another.
    Blackout {
        /// When it closes, as a local date and time.
        from: jiff::civil::DateTime,
        /// When it opens again.
        until: jiff::civil::DateTime,
        /// The IANA name of the time zone.
        time_zone: String,
    },
    /// Another program: it is open when a POST to the URL is answered with 200.
    Webhook {
        /// The URL.
        url: String,
        /// The file that holds the bearer token to send.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_file: Option<String>,
        /// How long an answer may take.
        #[serde(rename = "timeout_ms", with = "millis")]
        timeout: Duration,
    },
}

/// What is done when a rollout turns bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RollbackPolicy {
    /// Whether the agent registers the earlier version anew.
    pub revert: Revert,
    /// What follows a failure while the rollout is paused.
    pub while_paused: WhilePaused,
    /// How long a rollback may take; then it ends with what is left to do by hand.
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
}

/// Whether the agent registers the earlier version anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Revert {
    /// It never touches the job: whoever registers it, such as Terraform, is told what to change.
    Never,
    /// It goes back to the version before, if nobody else has changed the job.
    PriorVersion,
}

/// What follows a failure while a rollout is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhilePaused {
    /// It is rolled back all the same.
    RollBack,
    /// It is held until it is resumed, and rolled back then.
    Hold,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyPolicy {
    /// Its label.
    pub name: String,
    /// Where messages are posted to.
    pub url: String,
    /// The file that holds the bearer token to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// How long an answer may take.
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
}

impl Default for RollbackPolicy {
    fn default() -> Self {
        Self {
            revert: Revert::Never,
            while_paused: WhilePaused::RollBack,
            timeout: Duration::from_secs(30 * 60),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strategy: None,
            interval: Duration::from_secs(15),
            steps: vec![StepPolicy { percent: 10, bake: Duration::from_secs(10 * 60) }],
            traffic: TrafficMode::Instances,
            false_alarms: 0.01,
            checks: default_checks(),
            gates: Vec::new(),
            timeout: Duration::from_secs(24 * 3600),
            success_timeout: Duration::from_secs(3600),
            post_promotion_bake: Duration::from_secs(10 * 60),
            unhealthy_limit: 3,
            inconclusive_limit: 20,
            error_limit: 8,
            rollback: RollbackPolicy::default(),
            notify: Vec::new(),
            rest: serde_json::Map::new(),
        }
    }
}

/// The checks that there are unless the policy takes them out.
#[must_use]
pub fn default_checks() -> Vec<CheckPolicy> {
    let of = |name: &str, metric| CheckPolicy {
        name: name.to_owned(),
        metric,
        maximum: None,
        tolerance: None,
        slack: 0.0,
        maximum_ratio: None,
        ratio_floor: 0.0,
        min_sample: 0,
        critical: false,
        failures: 2,
        required: true,
    };
    let compared = |name: &str, metric, tolerance, slack| CheckPolicy {
        tolerance: Some(tolerance),
        slack,
        min_sample: 50,
        ..of(name, metric)
    };
    // Callers may stream nothing at all, or have no answers but failures, which is no reason to wait.
    let optional = |check| CheckPolicy { required: false, ..check };
    vec![
        CheckPolicy { maximum: Some(0.05), ..compared("errors", Metric::ErrorRate, 0.1, 0.001) },
        compared("latency", Metric::LatencyP95, 0.1, 0.05),
        optional(compared("first_token", Metric::TimeToFirstTokenP95, 0.1, 0.05)),
        optional(compared("output_speed", Metric::OutputTokensPerSecond, 0.25, 0.0)),
        optional(compared("output_tokens", Metric::OutputTokens, 0.02, 0.0)),
        optional(compared("cut_short", Metric::CutShort, 0.2, 0.005)),
        CheckPolicy { maximum: Some(0.0), critical: true, failures: 1, ..of("restarts", Metric::Restarts) },
        CheckPolicy { maximum: Some(0.0), failures: 3, ..of("unreachable", Metric::Unreachable) },
    ]
}

#[cfg(test)]
mod tests;
