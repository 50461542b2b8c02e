//! Looks that are made up, and what the comparisons make of them.

use jiff::Timestamp;

use super::*;
use crate::rollout::check::{InstanceSamples, Snapshot, judge};
use crate::rollout::policy::default_checks;
use crate::rollout::verdict::CheckResult;

/// Bounds of a histogram, and what comes between them.
const BOUNDS: [f64; 8] = [0.1, 0.125, 0.16, 0.2, 0.25, 0.315, 0.4, f64::INFINITY];

/// What an instance adds in a look: a hundred requests whose latencies are spread over buckets from `slow` on.
#[derive(Clone, Copy)]
struct Version {
    failed: u64,
    slow: usize,
    tokens: u64,
}

const GOOD: Version = Version { failed: 1, slow: 1, tokens: 10_000 };

/// Three canaries and six old instances, look by look.
struct Fleet {
    samples: Samples,
    panel: Panel,
    looks: u64,
}

impl Fleet {
    fn new() -> Self {
        let samples = Samples {
            since: Timestamp::UNIX_EPOCH,
            canary: Side::default(),
            stable: Side::default(),
            reference: BTreeMap::new(),
        };
        Self { samples, panel: Panel::default(), looks: 0 }
    }

    fn looks(&mut self, looks: u64, new: Version, old: Version) {
        for _ in 0..looks {
            self.looks += 1;
            for (side, count, version) in
                [(&mut self.samples.canary, 3, new), (&mut self.samples.stable, 6, old)]
            {
                for number in 0..count {
                    let instance = side.instances.entry(format!("i{number}")).or_default();
                    if instance.last.is_none() {
                        instance.add(Snapshot::default(), Timestamp::UNIX_EPOCH);
                    }
                    // Failures come and go: one look has them, and the next one has none.
                    add(instance, version, if self.looks.is_multiple_of(2) { 2 * version.failed } else { 0 });
                }
            }
            self.panel.look(&default_checks(), 0.01, &self.samples, &BTreeMap::new());
        }
    }

    fn result(&self, check: &str) -> CheckResult {
        let results = judge(&default_checks(), &self.samples, &self.panel);
        results.into_iter().find(|result| result.check == check).unwrap()
    }
}

fn add(instance: &mut InstanceSamples, version: Version, failed: u64) {
    let mut snapshot = instance.last.clone().unwrap();
    let counts = snapshot.strata.entry("chat_completions a".to_owned()).or_default();
    counts.requests += 100;
    counts.failed += failed;
    if counts.latency.buckets.is_empty() {
        counts.latency.buckets = BOUNDS.iter().map(|bound| (*bound, 0)).collect();
    }
    for (at, (_, below)) in counts.latency.buckets.iter_mut().enumerate() {
        // Half of all values are in the first bucket, a quarter in the next, and so on.
        *below += if at < version.slow { 0 } else { 100 - (100 >> (at - version.slow + 1).min(7)) };
    }
    counts.latency.buckets.last_mut().unwrap().1 = counts.requests;
    counts.answers += 100;
    counts.output_tokens += version.tokens;
    snapshot.requests += 100;
    snapshot.failed += failed;
    snapshot.latency = snapshot.strata["chat_completions a"].latency.clone();
    instance.add(snapshot, Timestamp::UNIX_EPOCH);
}

#[test]
fn the_same_version_passes_every_check() {
    let mut fleet = Fleet::new();
    fleet.looks(60, GOOD, GOOD);
    for check in default_checks().iter().filter(|check| check.required && check.metric.is_of_requests()) {
        let result = fleet.result(&check.name);
        assert_eq!((result.verdict, result.critical), (Verdict::Pass, false), "{result:#?}");
        let compared = result.measured.compared.unwrap();
        assert!(compared.e_value < compared.threshold && (compared.canaries, compared.stable) == (3, 6));
    }
}

#[test]
fn each_regression_is_told_by_its_check_and_fails_at_once() {
    for (check, bad) in [
        ("errors", Version { failed: 4, ..GOOD }),
        ("latency", Version { slow: 4, ..GOOD }),
        ("output_tokens", Version { tokens: 12_000, ..GOOD }),
    ] {
        let mut fleet = Fleet::new();
        fleet.looks(60, bad, GOOD);
        let result = fleet.result(check);
        assert_eq!((result.verdict, result.critical), (Verdict::Fail, true), "{result:#?}");
        assert!(
            result.why.contains("worse than allowed") && result.why.contains("e-value"),
            "{}",
            result.why
        );
        for other in ["errors", "latency", "output_tokens"].iter().filter(|other| **other != check) {
            assert_eq!(fleet.result(other).verdict, Verdict::Pass, "{other} of bad {check}");
        }
    }
}

#[test]
fn the_maximum_holds_whatever_the_old_version_does() {
    let mut fleet = Fleet::new();
    let failing = Version { failed: 8, ..GOOD };
    fleet.looks(20, failing, failing);
    let result = fleet.result("errors");
    assert_eq!((result.verdict, result.critical), (Verdict::Fail, false), "{result:#?}");
    assert!(result.measured.compared.is_some());
}

#[test]
fn looks_of_one_moment_are_one_and_a_new_bake_is_no_new_test() {
    let mut fleet = Fleet::new();
    fleet.looks(30, Version { failed: 2, ..GOOD }, GOOD);
    let before = fleet.panel.finding("errors").unwrap();
    fleet.panel.look(&default_checks(), 0.01, &fleet.samples, &BTreeMap::new());
    assert_eq!(fleet.panel.finding("errors").unwrap(), before);
    // The next bake counts from nothing, and the evidence goes on.
    fleet.samples.since = Timestamp::from_second(60).unwrap();
    for side in [&mut fleet.samples.canary, &mut fleet.samples.stable] {
        side.instances.values_mut().for_each(|instance| instance.grown = Snapshot::default());
    }
    fleet.looks(1, GOOD, GOOD);
    let after = fleet.panel.finding("errors").unwrap();
    assert!((after.samples.0 - before.samples.0 - 300.0).abs() < 1e-9, "{after:#?}");
}

#[test]
fn a_process_that_takes_over_goes_on_from_the_evidence_of_the_record() {
    let mut panel = Panel::default();
    let carried = BTreeMap::from([("errors".to_owned(), 400.0)]);
    panel.look(&default_checks(), 0.01, &Fleet::new().samples, &carried);
    let finding = panel.finding("errors").unwrap();
    assert!((finding.e_value - 200.5).abs() < 1e-6, "{finding:#?}");
}

#[test]
fn once_the_old_version_is_gone_what_was_found_stands() {
    let mut fleet = Fleet::new();
    fleet.looks(2, GOOD, GOOD);
    fleet.samples.stable.instances.values_mut().for_each(|instance| instance.is_gone = true);
    fleet.samples.reference = BTreeMap::from([("latency".to_owned(), 0.2)]);
    let checks = default_checks();
    // A process that takes over now has nothing to compare with.
    let mut panel = Panel::default();
    panel.look(&checks, 0.01, &fleet.samples, &BTreeMap::new());
    let latency = |panel: &Panel| {
        let results = judge(&checks, &fleet.samples, panel);
        results.into_iter().find(|result| result.check == "latency").unwrap()
    };
    let result = latency(&panel);
    assert_eq!(result.verdict, Verdict::Pass, "{result:#?}");
    assert!(result.why.starts_with("the old version is gone"), "{}", result.why);
}
