//! From results to a decision: how many in a row it takes, and what the checks say together.
//!
//! The checks are those of rollouts, and so is the count of failures in a row.

use super::Look;
use crate::config_canary::record::ConfigCanary;
use crate::rollout::phase::tally;
use crate::rollout::verdict::Verdict;

/// Counts what this look says, once the whole ring has it in force.
pub(super) fn count(record: &mut ConfigCanary, look: &Look<'_>) {
    if record.baked(look.now).is_none() {
        return;
    }
    let policies = record.push.policy.checks.clone();
    for policy in &policies {
        let found = look.seen.checks.iter().find(|result| result.check == policy.name);
        if let Some(result) = found {
            let interval = record.push.policy.interval;
            // What it leads to is asked of the standing, so that a failure which could not be acted upon is not lost.
            drop(tally(&mut record.checks, interval, result.clone(), policy.failures, look.now));
        }
    }
}

/// Why it has failed, if it has.
pub(super) fn failure(record: &ConfigCanary) -> Option<String> {
    record.push.policy.checks.iter().find_map(|policy| {
        let standing = record.checks.get(&policy.name)?;
        let is_fail = standing.result.verdict == Verdict::Fail;
        let has_failed = is_fail && (standing.result.critical || standing.failures >= policy.failures);
        has_failed.then(|| format!("{}: {}", policy.name, standing.result.why))
    })
}

/// What all checks say in this look together, and why it is not a pass.
pub(super) fn verdict(record: &ConfigCanary, look: &Look<'_>) -> (Verdict, String) {
    if let Some(why) = without_comparison(record, look) {
        return (Verdict::Inconclusive, why);
    }
    let mut worst = (Verdict::Pass, String::new());
    for policy in &record.push.policy.checks {
        let found = look.seen.checks.iter().find(|result| result.check == policy.name);
        let verdict = found.map_or(Verdict::Inconclusive, |result| result.verdict);
        let counts = verdict == Verdict::Fail || policy.required;
        if counts && verdict > worst.0 {
            let why = found.map_or("it was not measured yet", |result| result.why.as_str());
            worst = (verdict, format!("{}: {why}", policy.name));
        }
    }
    worst
}

/// Why nothing can be compared, if that is so.
fn without_comparison(record: &ConfigCanary, look: &Look<'_>) -> Option<String> {
    let ring = &record.trial.as_ref()?.ring;
    if ring.is_empty() {
        return Some("there is one instance alone, so that there is nothing to compare with".to_owned());
    }
    let (inside, outside): (Vec<_>, Vec<_>) =
        look.instances().iter().partition(|instance| ring.contains(&instance.name));
    if inside.is_empty() {
        return Some("no instance of its ring is left".to_owned());
    }
    if !inside.iter().any(|instance| instance.has_applied(&record.id)) {
        return Some("no instance of its ring has it in force at this moment".to_owned());
    }
    outside.is_empty().then(|| "no instance is left beside its ring".to_owned())
}
