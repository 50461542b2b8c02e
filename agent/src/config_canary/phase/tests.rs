//! What holds for every state and every look, the course of candidates told as a row of looks, and walks through crashes.

mod courses;
mod explore;
mod walks;

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::config_canary::observation::{CandidateSeen, Order, OrderKind, Told, Tried};
use crate::config_canary::record::Trial;
use crate::config_canary::record::tests::record;
use crate::rollout::policy::{CheckPolicy, Metric};
use crate::rollout::verdict::{CheckResult, Measured};

/// The index of the `config` that candidates of these tests are made for.
const BASE: u64 = 7;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// One that waits, with a bake of a minute, a maximum age of ten, and one check that fails at its second failure.
fn waiting() -> ConfigCanary {
    let mut record = record();
    record.push.policy.steps[0].bake = Duration::from_secs(60);
    record.push.policy.interval = Duration::from_secs(10);
    record.push.policy.checks = vec![CheckPolicy {
        name: "errors".to_owned(),
        metric: Metric::ErrorRate,
        maximum: Some(0.05),
        maximum_ratio: None,
        ratio_floor: 0.0,
        tolerance: None,
        slack: 0.0,
        min_sample: 10,
        critical: false,
        failures: 2,
        required: true,
    }];
    record
}

fn trying(ring: &[&str], applied_at: Option<Timestamp>) -> ConfigCanary {
    let mut record = waiting();
    record.enter(Phase::Trying, "begun", at(0));
    let ring = ring.iter().map(|name| (*name).to_owned()).collect();
    record.trial = Some(Trial { at: at(0), ring, instances: 3, applied_at });
    record
}

/// An instance of this name that runs `config` and has seen no candidate.
fn instance(name: &str) -> InstanceSeen {
    let told = Told {
        version: Some("0.1.0".to_owned()),
        hash: Some("h".to_owned()),
        config_index: Some(BASE),
        tries_candidates: true,
        candidate: None,
    };
    InstanceSeen { name: name.to_owned(), passing: true, told: Ok(told) }
}

/// The same, which does this about the candidate.
fn doing(name: &str, state: &str, refusal: Option<&str>) -> InstanceSeen {
    let mut instance = instance(name);
    if let Ok(told) = &mut instance.told {
        told.candidate = Some(Tried {
            id: "c1".to_owned(),
            state: state.to_owned(),
            refusal: refusal.map(|kind| (kind.to_owned(), "line 3".to_owned())),
        });
    }
    instance
}

fn candidate(id: &str, is_over: bool) -> Seen<CandidateSeen> {
    Seen::Known(CandidateSeen { modify_index: 11, id: Some(id.to_owned()), is_over })
}

fn result(verdict: Verdict) -> CheckResult {
    CheckResult {
        check: "errors".to_owned(),
        verdict,
        critical: false,
        why: "12 % of requests".to_owned(),
        measured: Measured::default(),
    }
}

fn order(id: &str, kind: OrderKind, given: Timestamp) -> Order {
    Order { id: id.to_owned(), by: "bob".to_owned(), reason: Some("so".to_owned()), at: given, kind }
}

/// Nothing in its way: no rollout, `config` as it was, three instances.
fn quiet() -> Observation {
    Observation {
        config: Seen::Known(BASE),
        candidate: Seen::Absent,
        rollouts: Seen::Known(Vec::new()),
        instances: Seen::Known(vec![instance("a"), instance("b"), instance("c")]),
        checks: Vec::new(),
        orders: Vec::new(),
    }
}

/// It is tried by `a`, and this is what the checks say.
fn tried(verdict: Verdict) -> Observation {
    Observation {
        candidate: candidate("c1", false),
        instances: Seen::Known(vec![
            doing("a", "applied", None),
            doing("b", "not_mine", None),
            doing("c", "not_mine", None),
        ]),
        checks: vec![result(verdict)],
        ..quiet()
    }
}

fn names(ring: &BTreeSet<String>) -> Vec<&str> {
    ring.iter().map(String::as_str).collect()
}
