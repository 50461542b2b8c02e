//! Faults that are set from outside and apply to every request of a region, or of one model in it.
//!
//! A rule says what happens and how often; rates follow a seeded sequence, so that a run can be repeated.
//! Faults of single requests are in `script`.

use serde::{Deserialize, Serialize};

use crate::script::{ScriptedError, is_error_status};

/// Rules of one region; more are refused.
pub(crate) const MAX_RULES: usize = 64;

/// One rule. What is absent does not happen. Of several rules that match, latencies add up and the first one
/// that fails the request decides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultRule {
    /// The region; that of the listener where absent.
    pub region: Option<String>,
    /// Only requests whose `modelId` contains this.
    pub model: Option<String>,
    /// Waits before everything else.
    pub latency_ms: u64,
    /// Every nth request is answered with `ThrottlingException`. 1 throttles all.
    pub throttle_every: Option<u64>,
    /// The share of requests, 0 to 1, that is answered with `error`, by a sequence that `seed` starts.
    pub error_rate: f64,
    /// Starts the sequence of `error_rate`.
    pub seed: u64,
    /// The exception of `error_rate`; `ServiceUnavailableException` where absent.
    pub error: Option<RuleError>,
    /// Never answers; ends when the client leaves.
    pub hang: bool,
    /// Resets the connection once the request is read.
    pub reset: bool,
    /// The region is down: resets each connection as soon as a request's head has arrived.
    pub down: bool,
    /// The rule applies to this many matching requests, then no more.
    pub times: Option<u64>,
}

/// The exception of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleError {
    /// AWS's name, such as `InternalServerException`.
    #[serde(rename = "type")]
    pub name: String,
    /// Its text; AWS's own where absent.
    #[serde(default)]
    pub message: Option<String>,
    /// Another HTTP status than the exception's own.
    #[serde(default)]
    pub status: Option<u16>,
}

impl FaultRule {
    /// What is wrong with the rule's values, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        if !(0.0..=1.0).contains(&self.error_rate) {
            return Some(format!("error_rate {} is not between 0 and 1", self.error_rate));
        }
        let status = self.error.as_ref().and_then(|error| error.status)?;
        if is_error_status(status) {
            None
        } else {
            Some(format!("status {status} is not between 400 and 599"))
        }
    }
}

/// What the rules of a region do to one request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) latency_ms: u64,
    pub(crate) outcome: Option<Outcome>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Error(ScriptedError),
    Hang,
    Reset,
    Down,
}

/// The rules of one region, with their counters.
#[derive(Debug, Default)]
pub(crate) struct RegionFaults {
    rules: Vec<(FaultRule, u64)>,
}

impl RegionFaults {
    /// Replaces the rules; counters start anew.
    pub(crate) fn set(&mut self, rules: Vec<FaultRule>) {
        self.rules = rules.into_iter().map(|rule| (rule, 0)).collect();
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        self.rules.iter().map(|(rule, _)| rule.clone()).collect()
    }

    /// Decides about the next request for `model_id`.
    pub(crate) fn judge(&mut self, model_id: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for (rule, seen) in &mut self.rules {
            if rule.model.as_deref().is_some_and(|model| !model_id.contains(model)) {
                continue;
            }
            *seen += 1;
            if rule.times.is_some_and(|times| *seen > times) {
                continue;
            }
            verdict.latency_ms = verdict.latency_ms.saturating_add(rule.latency_ms);
            if verdict.outcome.is_none() {
                verdict.outcome = outcome(rule, *seen);
            }
        }
        verdict
    }
}

fn outcome(rule: &FaultRule, seen: u64) -> Option<Outcome> {
    if rule.down {
        return Some(Outcome::Down);
    }
    if rule.reset {
        return Some(Outcome::Reset);
    }
    if rule.hang {
        return Some(Outcome::Hang);
    }
    if rule.throttle_every.is_some_and(|every| every > 0 && seen.is_multiple_of(every)) {
        return Some(Outcome::Error(error("ThrottlingException")));
    }
    if share(rule.seed, seen) < rule.error_rate {
        let mut scripted = error("ServiceUnavailableException");
        if let Some(RuleError { name, message, status }) = rule.error.clone() {
            scripted = ScriptedError { name, message, status, ..scripted };
        }
        return Some(Outcome::Error(scripted));
    }
    None
}

fn error(name: &str) -> ScriptedError {
    ScriptedError {
        name: name.to_owned(),
        message: None,
        status: None,
        members: serde_json::Map::new(),
        after_events: None,
    }
}

/// The nth number, 0 up to 1, of the sequence that `seed` starts: SplitMix64 (Steele, Lea and Flood, 2014).
fn share(seed: u64, n: u64) -> f64 {
    let mut z = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    // The upper 53 bits are exact in f64.
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rule: FaultRule, requests: usize) -> Vec<bool> {
        let mut faults = RegionFaults::default();
        faults.set(vec![rule]);
        (0..requests).map(|_| faults.judge("us.amazon.nova-lite-v1:0").outcome.is_some()).collect()
    }

    #[test]
    fn every_nth_request_is_throttled() {
        let rule = FaultRule { throttle_every: Some(3), ..FaultRule::default() };
        assert_eq!(judged(rule, 6), [false, false, true, false, false, true]);
    }

    #[test]
    fn an_error_rate_is_kept_and_repeats_with_its_seed() {
        let rule = FaultRule { error_rate: 0.25, seed: 7, ..FaultRule::default() };
        let first = judged(rule.clone(), 4000);
        let failed = first.iter().filter(|failed| **failed).count();
        assert!((900..1100).contains(&failed), "{failed} of 4000");
        assert_eq!(first, judged(rule.clone(), 4000));
        assert_ne!(first, judged(FaultRule { seed: 8, ..rule }, 4000));
    }

    #[test]
    fn a_rule_matches_its_model_and_ends_after_its_times() {
        let rule = FaultRule { model: Some("nova-pro".to_owned()), reset: true, ..FaultRule::default() };
        assert_eq!(judged(rule, 2), [false, false]);
        let rule = FaultRule { hang: true, times: Some(1), ..FaultRule::default() };
        assert_eq!(judged(rule, 3), [true, false, false]);
    }
}
