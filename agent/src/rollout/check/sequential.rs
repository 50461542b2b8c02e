//! Checks by evidence: what each look has added to the samples goes to `nova-judge`, and what that finds becomes a result.
//!
//! Pure. Owns which metric is compared how, and what is kept from look to look. It begins with a deployment and goes on over its bakes:
//! each look is one more of the same test, and none begins a new one. A process that takes over has no counts of the one before and
//! begins anew, but for the evidence in the record, which stays half of the stake.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nova_judge as judge;
use nova_judge::{CheckSpec, Direction, Finding, Growth, Kind, Observed};

use super::samples::{Counts, Histogram, Samples, Side};
use super::{Judged, of_side, shown};
use crate::rollout::policy::{CheckPolicy, Metric};
use crate::rollout::verdict::{Compared, Measured, Verdict};

/// Where latencies are compared: at the parts of all values that lie below. A version that is slower in the middle is slower.
const QUANTILES: [f64; 5] = [0.5, 0.75, 0.9, 0.95, 0.99];

/// What is kept from look to look.
#[derive(Debug, Default)]
pub struct Panel {
    since: Option<Timestamp>,
    checks: BTreeMap<String, judge::Check>,
    /// What each instance had added at the look before, by side and id.
    seen: BTreeMap<(bool, String), BTreeMap<String, Counts>>,
    instances: Numbers,
    strata: Numbers,
}

/// Names as numbers, in the order of their first appearance.
#[derive(Debug, Default)]
struct Numbers(BTreeMap<String, u32>);

impl Numbers {
    fn of(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(name.to_owned()).or_insert(next)
    }
}

impl Panel {
    /// Takes in a look. `carried` is the evidence that the record has of another process, by check.
    pub fn look(
        &mut self,
        checks: &[CheckPolicy],
        false_alarms: f64,
        samples: &Samples,
        carried: &BTreeMap<String, f64>,
    ) {
        if self.since != Some(samples.since) {
            // What instances have added is counted from the bake on.
            self.seen.clear();
            self.since = Some(samples.since);
        }
        let added = self.added(samples);
        let compared: Vec<&CheckPolicy> = checks.iter().filter(|check| check.tolerance.is_some()).collect();
        let alphas = judge::share_alpha(false_alarms, &vec![1.0; compared.len()]);
        for (policy, alpha) in compared.into_iter().zip(alphas) {
            let check = self.checks.entry(policy.name.clone()).or_insert_with(|| {
                let mut check = judge::Check::new(spec(policy, alpha));
                if let Some(e_value) = carried.get(&policy.name) {
                    check.carry(*e_value);
                }
                check
            });
            let growths: Vec<Growth> = added
                .iter()
                .filter_map(|one| {
                    let observed = observed(policy.metric, &one.counts)?;
                    let (side, instance, stratum) = (one.side, one.instance, one.stratum);
                    Some(Growth { side, instance, stratum, observed })
                })
                .collect();
            // The engine looks several times at one moment: a look that adds nothing is none.
            if !growths.is_empty() {
                check.look(growths);
            }
        }
    }

    /// What the check of this name has found; nothing where it was never looked at.
    #[must_use]
    pub fn finding(&self, check: &str) -> Option<Finding> {
        self.checks.get(check).map(judge::Check::finding)
    }

    /// What each instance has added of each stratum since the look before.
    fn added(&mut self, samples: &Samples) -> Vec<Added> {
        let mut added = Vec::new();
        for (is_canary, side) in [(true, &samples.canary), (false, &samples.stable)] {
            for (id, instance) in &side.instances {
                let seen = self.seen.entry((is_canary, id.clone())).or_default();
                for (name, now) in &instance.grown.strata {
                    let before = seen.entry(name.clone()).or_default();
                    if before == now {
                        continue;
                    }
                    let mut counts = Counts::default();
                    counts.add_growth(before, now);
                    before.clone_from(now);
                    added.push(Added {
                        side: if is_canary { judge::Side::Canary } else { judge::Side::Stable },
                        instance: self.instances.of(id),
                        stratum: self.strata.of(name),
                        counts,
                    });
                }
            }
        }
        added
    }
}

struct Added {
    side: judge::Side,
    instance: u32,
    stratum: u32,
    counts: Counts,
}

fn spec(policy: &CheckPolicy, alpha: f64) -> CheckSpec {
    let (kind, direction) = match policy.metric {
        Metric::LatencyP95 | Metric::TimeToFirstTokenP95 => {
            (Kind::Tail(QUANTILES.to_vec()), Direction::Higher)
        }
        Metric::OutputTokensPerSecond => (Kind::Mean, Direction::Lower),
        Metric::OutputTokens => (Kind::Mean, Direction::Higher),
        Metric::CutShort => (Kind::Share, Direction::Either),
        Metric::ErrorRate | Metric::Restarts | Metric::Unreachable => (Kind::Share, Direction::Higher),
    };
    let mut usual = CheckSpec::new(kind, alpha);
    if policy.metric == Metric::OutputTokensPerSecond {
        // How fast tokens come differs from instance to instance as latencies do, and not as the counts of tokens.
        usual.instance_spread = 0.1;
    }
    CheckSpec {
        direction,
        tolerance: policy.tolerance.unwrap_or(usual.tolerance),
        slack: policy.slack,
        min_sample: super::float(policy.min_sample),
        ..usual
    }
}

/// What a metric is made of; nothing where an instance has added nothing to it.
fn observed(metric: Metric, counts: &Counts) -> Option<Observed> {
    let amount = |exposure: u64, amount: f64| {
        (exposure > 0 || amount > 0.0).then(|| Observed::Amount { exposure: super::float(exposure), amount })
    };
    match metric {
        Metric::ErrorRate => amount(counts.requests, super::float(counts.failed)),
        Metric::LatencyP95 => histogram(&counts.latency),
        Metric::TimeToFirstTokenP95 => histogram(&counts.first_token),
        Metric::OutputTokensPerSecond => amount(counts.streams, counts.speed),
        Metric::OutputTokens => amount(counts.answers, super::float(counts.output_tokens)),
        Metric::CutShort => amount(counts.answers, super::float(counts.cut_short)),
        Metric::Restarts | Metric::Unreachable => None,
    }
}

fn histogram(counted: &Histogram) -> Option<Observed> {
    let buckets = counted.buckets.iter().map(|(bound, count)| (*bound, super::float(*count))).collect();
    (counted.count() > 0).then_some(Observed::Histogram(judge::Histogram { buckets }))
}

/// The result of a check by evidence.
pub(super) fn judged(check: &CheckPolicy, samples: &Samples, finding: Option<&Finding>) -> Judged {
    let Some(finding) = finding else {
        let why = "nothing was counted yet".to_owned();
        return (Verdict::Inconclusive, why, super::unmeasured(check));
    };
    let measured = measured(check, samples, finding);
    let verdict = match finding.verdict {
        judge::Verdict::Pass => Verdict::Pass,
        judge::Verdict::Inconclusive => Verdict::Inconclusive,
        judge::Verdict::Error => Verdict::Error,
        judge::Verdict::Fail => Verdict::Fail,
    };
    if verdict == Verdict::Inconclusive && has_lost_its_other(check, samples, finding) {
        let why = format!(
            "the old version is gone, and there is nothing more to compare with; before: {}",
            finding.why
        );
        return (Verdict::Pass, why, measured);
    }
    let why = format!("{}{}", values(check, finding, &measured), finding.why);
    (verdict, why, measured)
}

/// Whether there was an old version to compare with, and is none any more.
fn has_lost_its_other(check: &CheckPolicy, samples: &Samples, finding: &Finding) -> bool {
    let was_there = finding.samples.1 > 0.0 || samples.reference.contains_key(&check.name);
    was_there && samples.stable.instances.values().all(|instance| instance.is_gone)
}

/// The values of both sides, for people.
fn values(check: &CheckPolicy, finding: &Finding, measured: &Measured) -> String {
    if let (Some(quantile), Some(canary), Some(stable)) = (finding.quantile, finding.canary, finding.stable) {
        return format!(
            "{} of the new version's are above what {} of the old one's are, beside {} of its own: ",
            super::percent(canary),
            super::percent(quantile),
            super::percent(stable)
        );
    }
    match (measured.canary, measured.stable) {
        (Some(canary), Some(stable)) => format!("{} beside {}: ", shown(check, canary), shown(check, stable)),
        _ => String::new(),
    }
}

fn measured(check: &CheckPolicy, samples: &Samples, finding: &Finding) -> Measured {
    let value = |side: &Side, found: Option<f64>| {
        if check.metric.is_compared_only() { found } else { of_side(check.metric, side).value }
    };
    Measured {
        canary: value(&samples.canary, finding.canary),
        stable: value(&samples.stable, finding.stable)
            .or_else(|| samples.reference.get(&check.name).copied()),
        canary_sample: whole(finding.samples.0),
        stable_sample: whole(finding.samples.1),
        compared: Some(Compared {
            ratio: finding.ratio,
            low: finding.interval.0,
            high: finding.interval.1,
            allowed: finding.allowed,
            e_value: finding.e_value,
            threshold: finding.threshold,
            is_shown: finding.proof == Some(judge::Proof::Shown),
            canaries: finding.instances.0,
            stable: finding.instances.1,
            dispersion: finding.dispersion,
            instance_effect: finding.instance_effect,
        }),
        ..super::unmeasured(check)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a sum of counts, none of which is negative"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests;
