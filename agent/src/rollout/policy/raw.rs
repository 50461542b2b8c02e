//! The policy as it is written: `rollout "<name>" { … }`.
//!
//! Owns the fields with their forms and ranges; what lies between fields is in `rules`.

use std::collections::BTreeMap;

use nova_config::DurationText;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{GatePoint, Metric, Revert, Strategy, TrafficMode, WhilePaused};

/// A document with policies.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawPolicies {
    /// The policies of rollouts, one a job.
    pub(super) rollout: BTreeMap<String, RawRollout>,
}

/// What a job's new versions are judged by, how long, what they wait for, and what is done when one turns bad.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRollout {
    /// The job; the label where it is not written.
    #[schemars(length(min = 1, max = 128), extend("x-form" = "a job's id in quotes"))]
    pub(super) job: Option<String>,
    /// The job's namespace.
    #[schemars(length(min = 1, max = 128), extend("x-form" = "a namespace in quotes, such as \"default\""))]
    pub(super) namespace: String,
    /// How the new version takes over, where it has canaries; the deployment tells where it is not written.
    pub(super) strategy: Option<Strategy>,
    /// How often a check counts, however often the agent looks.
    #[schemars(extend("x-minimum" = "1s", "x-maximum" = "1h"))]
    pub(super) interval: DurationText,
    /// What shares requests between the versions.
    pub(super) traffic: TrafficMode,
    /// The shares of requests that the new version gets, one after the other, in percent. Where instances share requests there is one.
    #[schemars(length(min = 1, max = 20), inner(range(min = 0, max = 100)))]
    pub(super) steps: Vec<u8>,
    /// How long each share is judged at least.
    #[schemars(extend("x-minimum" = "1s", "x-maximum" = "168h"))]
    pub(super) bake_time: DurationText,
    /// How long the rollout may take until it is promoted; then it is rolled back.
    #[schemars(extend("x-minimum" = "10s", "x-maximum" = "720h"))]
    pub(super) timeout: DurationText,
    /// How long the deployment may take to succeed once it is promoted, and the bake after it to come to a pass.
    #[schemars(extend("x-minimum" = "10s", "x-maximum" = "168h"))]
    pub(super) success_timeout: DurationText,
    /// How long the new version is judged on after its deployment succeeded.
    #[schemars(extend("x-minimum" = "0s", "x-maximum" = "168h"))]
    pub(super) post_promotion_bake: DurationText,
    /// So many times in a row canaries that were ready may be found unready.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) unhealthy_limit: u32,
    /// After so many inconclusive results in a row somebody is told.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) inconclusive_limit: u32,
    /// After so many errors in a row somebody is told.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) error_limit: u32,
    /// The probability that a version no worse than allowed is failed by comparisons, by all checks and at all looks together.
    #[schemars(range(min = 0.0001, max = 0.2), extend("x-form" = "a probability up to 0.2, such as 0.01"))]
    pub(super) false_alarms: f64,
    /// What is done when it turns bad.
    pub(super) rollback: RawRollback,
    /// What the new version is judged by.
    #[schemars(extend("propertyNames" = {"pattern": r"^[a-z][a-z0-9_-]{0,63}$",
        "x-form": "a label of at most 64 lower-case letters, digits, - and _, a letter first"}))]
    pub(super) check: BTreeMap<String, RawCheck>,
    /// Somebody's word is waited for.
    pub(super) approval: BTreeMap<String, RawApproval>,
    /// It goes on within windows that come again.
    pub(super) window: BTreeMap<String, RawWindow>,
    /// It does not go on from one date to another.
    pub(super) blackout: BTreeMap<String, RawBlackout>,
    /// Another program is asked whether it may go on.
    pub(super) webhook: BTreeMap<String, RawWebhook>,
    /// Who is told what happens.
    pub(super) notify: BTreeMap<String, RawNotify>,
}

impl Default for RawRollout {
    fn default() -> Self {
        Self {
            job: None,
            namespace: "default".to_owned(),
            strategy: None,
            interval: DurationText::from_secs(15),
            traffic: TrafficMode::Instances,
            steps: vec![10],
            bake_time: DurationText::from_secs(600),
            timeout: DurationText::from_secs(24 * 3600),
            success_timeout: DurationText::from_secs(3600),
            post_promotion_bake: DurationText::from_secs(600),
            unhealthy_limit: 3,
            inconclusive_limit: 20,
            error_limit: 8,
            false_alarms: 0.01,
            rollback: RawRollback::default(),
            check: BTreeMap::new(),
            approval: BTreeMap::new(),
            window: BTreeMap::new(),
            blackout: BTreeMap::new(),
            webhook: BTreeMap::new(),
            notify: BTreeMap::new(),
        }
    }
}

/// What is done when a rollout turns bad.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRollback {
    /// Whether the agent registers the version before anew: never, or prior_version, if nobody else has changed the job.
    pub(super) revert: Revert,
    /// What follows a failure while the rollout is paused.
    pub(super) while_paused: WhilePaused,
    /// How long a rollback may take; then it ends with what is left to do by hand.
    #[schemars(extend("x-minimum" = "1m", "x-maximum" = "24h"))]
    pub(super) timeout: DurationText,
}

impl Default for RawRollback {
    fn default() -> Self {
        Self {
            revert: Revert::Never,
            while_paused: WhilePaused::RollBack,
            timeout: DurationText::from_secs(1800),
        }
    }
}

fn two() -> u32 {
    2
}

fn yes() -> bool {
    true
}

/// A value of the new version, held against a maximum, compared with the old version's value, or both.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheck {
    /// What it measures.
    pub(super) metric: Metric,
    /// What the value may be at most: a part of 1 of error_rate and unreachable, seconds of the p95, a number of restarts.
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-form" = "a number that is not negative, such as 0.05"))]
    pub(super) maximum: Option<f64>,
    /// How much worse than the old version's it may be, as a part of that: with it the two are compared by evidence.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-form" = "a number that is not negative, such as 0.1 for a tenth"))]
    pub(super) tolerance: Option<f64>,
    /// How much worse it may be beside the tolerance, in the unit of the metric.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-form" = "a number that is not negative, such as 0.001"))]
    pub(super) slack: f64,
    /// How many times the old version's value it may be at most, as a fixed threshold.
    #[schemars(range(min = 1.0, max = 1000.0), extend("x-form" = "a number from 1, such as 1.5"))]
    pub(super) maximum_ratio: Option<f64>,
    /// What the old version's value counts as at least for maximum_ratio, so that a ratio to next to nothing is no failure.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1_000_000.0), extend("x-form" = "a number that is not negative, such as 0.005"))]
    pub(super) ratio_floor: f64,
    /// How many observations each side needs.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(super) min_sample: u64,
    /// Whether it fails at its first failure.
    #[serde(default)]
    pub(super) critical: bool,
    /// So many failures in a row make it fail by a threshold. Evidence fails it at once.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    pub(super) failures: u32,
    /// Whether nothing goes on while it has too little to go by.
    #[serde(default = "yes")]
    pub(super) required: bool,
    /// Whether it is taken out. Only `true` means anything, and then it stands alone.
    #[serde(default)]
    #[expect(dead_code, reason = "the merge acts on it; it is here so that the schema knows it")]
    pub(super) remove: bool,
}

fn promotion() -> GatePoint {
    GatePoint::Promotion
}

/// Somebody's word, by `nova-agent rollout approve`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApproval {
    /// What it stands before.
    #[serde(default = "promotion")]
    pub(super) before: GatePoint,
    /// Whether it is taken out. Only `true` means anything, and then it stands alone.
    #[serde(default)]
    #[expect(dead_code, reason = "the merge acts on it; it is here so that the schema knows it")]
    pub(super) remove: bool,
}

/// Windows that come again by a rule of RFC 5545.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWindow {
    /// When the first window opens, as a local date and time.
    #[schemars(extend("x-form" = "a local date and time, such as \"2026-01-06T09:00\""))]
    pub(super) start: String,
    /// How they come again: FREQ, INTERVAL, BYDAY, BYMONTHDAY and BYMONTH of RFC 5545.
    #[schemars(length(min = 1, max = 200), extend("x-form" = "a rule such as \"FREQ=WEEKLY;BYDAY=TU,TH\""))]
    pub(super) rrule: String,
    /// How long each is open.
    #[schemars(extend("x-minimum" = "1m", "x-maximum" = "744h"))]
    pub(super) duration: DurationText,
    /// The IANA name of the time zone.
    #[schemars(extend("x-form" = "an IANA time zone, such as \"Europe/Berlin\""))]
    pub(super) time_zone: String,
    /// What it stands before.
    #[serde(default = "promotion")]
    pub(super) before: GatePoint,
    /// Whether it is taken out. Only `true` means anything, and then it stands alone.
    #[serde(default)]
    #[expect(dead_code, reason = "the merge acts on it; it is here so that the schema knows it")]
    pub(super) remove: bool,
}

/// From one date to another.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBlackout {
    /// When it closes, as a local date and time.
    #[schemars(extend("x-form" = "a local date and time, such as \"2026-12-20T00:00\""))]
    pub(super) from: String,
    /// When it opens again.
    #[schemars(extend("x-form" = "a local date and time, such as \"2027-01-04T06:00\""))]
    pub(super) until: String,
    /// The IANA name of the time zone.
    #[schemars(extend("x-form" = "an IANA time zone, such as \"Europe/Berlin\""))]
    pub(super) time_zone: String,
    /// What it stands before.
    #[serde(default = "promotion")]
    pub(super) before: GatePoint,
    /// Whether it is taken out. Only `true` means anything, and then it stands alone.
    #[serde(default)]
    #[expect(dead_code, reason = "the merge acts on it; it is here so that the schema knows it")]
    pub(super) remove: bool,
}

fn ten_seconds() -> DurationText {
    DurationText::from_secs(10)
}

/// Another program, which opens the gate by the status 200.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWebhook {
    /// The URL that a POST goes to.
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^https?://[!-~]+$"),
        extend("x-form" = "a URL that begins with https:// or http://"))]
    pub(super) url: String,
    /// The file that holds the bearer token to send.
    #[schemars(regex(pattern = r"^/[!-~]*$"), extend("x-form" = "the absolute path of a file"))]
    pub(super) token_file: Option<String>,
    /// How long an answer may take.
    #[serde(default = "ten_seconds")]
    #[schemars(extend("x-minimum" = "100ms", "x-maximum" = "1m"))]
    pub(super) timeout: DurationText,
    /// What it stands before.
    #[serde(default = "promotion")]
    pub(super) before: GatePoint,
    /// Whether it is taken out. Only `true` means anything, and then it stands alone.
    #[serde(default)]
    #[expect(dead_code, reason = "the merge acts on it; it is here so that the schema knows it")]
    pub(super) remove: bool,
}

/// Where messages are posted to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNotify {
    /// The URL that a POST goes to.
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^https?://[!-~]+$"),
        extend("x-form" = "a URL that begins with https:// or http://"))]
    pub(super) url: String,
    /// The file that holds the bearer token to send.
    #[schemars(regex(pattern = r"^/[!-~]*$"), extend("x-form" = "the absolute path of a file"))]
    pub(super) token_file: Option<String>,
    /// How long an answer may take.
    #[serde(default = "ten_seconds")]
    #[schemars(extend("x-minimum" = "100ms", "x-maximum" = "1m"))]
    pub(super) timeout: DurationText,
    /// Whether it is taken out. Only `true` means anything, and then it stands alone.
    #[serde(default)]
    #[expect(dead_code, reason = "the merge acts on it; it is here so that the schema knows it")]
    pub(super) remove: bool,
}
