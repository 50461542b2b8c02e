//! From results to a decision: how many in a row it takes, and what the checks say together.
//!
//! The checks themselves are in `check`; that canaries are ready counts as one more.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::health::{self, Health};
use super::{Look, fail, is_promoted_by_person};
use crate::rollout::action::EventKind;
use crate::rollout::finding::FindingId;
use crate::rollout::policy::{CheckPolicy, Strategy, TrafficMode};
use crate::rollout::record::{CheckStanding, Phase, Rollout, since};
use crate::rollout::verdict::{CheckResult, Measured, Verdict};

/// The name of the check that canaries are ready. No check of a policy has it: labels have no blanks.
const READY: &str = "canaries ready";

/// Counts what this look says, and takes down a failure where it is one.
pub(super) fn count(rollout: &mut Rollout, look: &Look<'_>) {
    if matches!(rollout.phase, Phase::RollingBack { .. }) {
        return;
    }
    // There are none any more, and what was said of them would stand for ever.
    if rollout.is_promoted() {
        rollout.checks.remove(READY);
    }
    // A task past help needs no bake: canaries that never start would else be waited for.
    let mut results: Vec<(CheckResult, u32)> = Vec::new();
    results.extend(fatal(rollout, look).map(|result| (result, 1)));
    if rollout.bake_since.is_some() {
        results.extend(measured(rollout, look));
    }
    for (result, limit) in results {
        let interval = rollout.policy.interval;
        if let Some(reason) = tally(&mut rollout.checks, interval, result, limit, look.now) {
            decide(rollout, reason, look.now);
        }
    }
    held_up(rollout, look.now);
}

/// What is measured, each with the number of failures in a row that decide.
fn measured(rollout: &Rollout, look: &Look<'_>) -> Vec<(CheckResult, u32)> {
    let mut results = Vec::new();
    results.extend(readiness(rollout, look).map(|result| (result, rollout.policy.unhealthy_limit)));
    for policy in &rollout.policy.checks {
        let found = look.seen.checks.iter().find(|result| result.check == policy.name);
        results.extend(found.map(|result| (result.clone(), policy.failures)));
    }
    results
}

/// Counts one result. Returns why the version has failed, if it has.
pub(in crate::rollout) fn tally(
    standings: &mut BTreeMap<String, CheckStanding>,
    interval: Duration,
    result: CheckResult,
    limit: u32,
    now: Timestamp,
) -> Option<String> {
    let standing = standings.entry(result.check.clone()).or_insert_with(|| CheckStanding {
        result: result.clone(),
        failures: 0,
        errors: 0,
        inconclusive: 0,
        counted_at: None,
    });
    // A clock that went back would else keep failures from being counted.
    let is_due = standing.counted_at.is_none_or(|at| at > now || since(at, now) >= interval);
    let is_new = standing.result.verdict != result.verdict;
    if is_due || is_new {
        // The old version's last value is what is compared with once it is gone.
        let stable = result.measured.stable.or(standing.result.measured.stable);
        standing.result = result;
        standing.result.measured.stable = stable;
    }
    let result = standing.result.clone();
    if is_due {
        standing.counted_at = Some(now);
        // Only a pass takes failures back: what could not be measured in between says nothing.
        match result.verdict {
            Verdict::Pass => (standing.failures, standing.errors, standing.inconclusive) = (0, 0, 0),
            Verdict::Fail => {
                (standing.errors, standing.inconclusive) = (0, 0);
                standing.failures = standing.failures.saturating_add(1);
            }
            Verdict::Error => standing.errors = standing.errors.saturating_add(1),
            Verdict::Inconclusive => standing.inconclusive = standing.inconclusive.saturating_add(1),
        }
    }
    let has_failed = result.verdict == Verdict::Fail && (result.critical || standing.failures >= limit);
    has_failed.then(|| format!("{}: {}", result.check, result.why))
}

fn decide(rollout: &mut Rollout, reason: String, now: Timestamp) {
    if rollout.promote_ordered.is_some() || is_promoted_by_person(rollout) {
        let id = FindingId::FailingAfterManualPromotion;
        if rollout.find(id, reason.clone(), now) {
            rollout.tell(EventKind::Held, reason, id.advice(), now);
        }
    } else {
        fail(rollout, reason, now);
    }
}

/// That canaries are ready, as a check; nothing where it does not apply: Nomad alone decides of replacements.
fn readiness(rollout: &Rollout, look: &Look<'_>) -> Option<CheckResult> {
    if rollout.is_promoted() || rollout.strategy == Strategy::Rolling {
        return None;
    }
    let (verdict, why) = match health::canaries(rollout, look) {
        Health::Ready => (Verdict::Pass, "all canaries are ready".to_owned()),
        Health::Short(why) => (Verdict::Fail, why),
        Health::Unknown(why) => (Verdict::Error, why),
    };
    let measured = Measured { unit: "count".to_owned(), ..Measured::default() };
    Some(CheckResult { check: READY.to_owned(), verdict, critical: false, why, measured })
}

/// A task past help, as a check that fails at once.
fn fatal(rollout: &Rollout, look: &Look<'_>) -> Option<CheckResult> {
    let why = fatal_reason(rollout, look)?;
    let measured = Measured { unit: "count".to_owned(), ..Measured::default() };
    Some(CheckResult {
        check: "fatal task".to_owned(),
        verdict: Verdict::Fail,
        critical: true,
        why,
        measured,
    })
}

/// Why a task of the new version is past help, if one is.
pub(super) fn fatal_reason(rollout: &Rollout, look: &Look<'_>) -> Option<String> {
    look.allocations_of(rollout.canary.job_version)?
        .find_map(|one| one.fatal.as_ref().map(|why| format!("allocation {}: {why}", one.id)))
}

/// Tells once that a check does not come to a result.
fn held_up(rollout: &mut Rollout, now: Timestamp) {
    let names = |rollout: &Rollout, is_stuck: &dyn Fn(&CheckStanding) -> bool| -> Vec<String> {
        let stuck = rollout.checks.values().filter(|standing| is_stuck(standing));
        stuck.map(|standing| format!("{}: {}", standing.result.check, standing.result.why)).collect()
    };
    let (inconclusive, errors) = (rollout.policy.inconclusive_limit, rollout.policy.error_limit);
    let cases = [
        (
            FindingId::Inconclusive,
            names(rollout, &|standing| {
                standing.result.verdict == Verdict::Inconclusive && standing.inconclusive >= inconclusive
            }),
        ),
        (
            FindingId::CheckErrors,
            names(rollout, &|standing| {
                standing.result.verdict == Verdict::Error && standing.errors >= errors
            }),
        ),
    ];
    for (id, stuck) in cases {
        if !stuck.is_empty() {
            let what = stuck.join("; ");
            if rollout.find(id, what.clone(), now) {
                rollout.tell(EventKind::Held, what, id.advice(), now);
            }
        }
    }
}

/// What all checks say in this look together, and why it is not a pass.
pub(super) fn verdict(rollout: &Rollout, look: &Look<'_>) -> (Verdict, String) {
    let mut worst = (Verdict::Pass, String::new());
    let mut add = |verdict: Verdict, why: String| {
        if verdict > worst.0 {
            worst = (verdict, why);
        }
    };
    if let Some(result) = readiness(rollout, look) {
        add(result.verdict, result.why);
    }
    if let Some(why) = fatal_reason(rollout, look) {
        add(Verdict::Fail, why);
    }
    for policy in &rollout.policy.checks {
        let found = look.seen.checks.iter().find(|result| result.check == policy.name);
        let verdict = found.map_or(Verdict::Inconclusive, |result| result.verdict);
        let why = found.map_or("it was not measured yet", |result| result.why.as_str());
        if verdict == Verdict::Fail || is_needed(rollout, policy) {
            add(verdict, format!("{}: {why}", policy.name));
        }
    }
    worst
}

/// Whether nothing goes on without this check's pass.
fn is_needed(rollout: &Rollout, policy: &CheckPolicy) -> bool {
    // Before a blue-green promotion the new version gets no requests where they can be kept from it.
    let gets_none = rollout.strategy == Strategy::BlueGreen
        && rollout.policy.traffic == TrafficMode::ServiceSplitter
        && !rollout.is_promoted();
    // A job that is new has no version that it could be compared with, and nothing else is asked of it then.
    let has_no_other = rollout.strategy == Strategy::Rolling
        && rollout.stable.is_none()
        && policy.maximum.is_none()
        && policy.metric.is_of_requests();
    policy.required && !has_no_other && !(gets_none && policy.metric.is_of_requests())
}
