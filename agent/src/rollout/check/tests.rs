//! Verdicts of samples that are made up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::rollout::policy::default_checks;

/// The built-in checks, with thresholds in place of comparisons.
fn thresholds() -> Vec<CheckPolicy> {
    let by_ratio = |check: CheckPolicy| {
        let (ratio, floor) = if check.metric == Metric::ErrorRate { (2.0, 0.005) } else { (1.5, 0.1) };
        CheckPolicy { tolerance: None, slack: 0.0, maximum_ratio: Some(ratio), ratio_floor: floor, ..check }
    };
    let of_policy = default_checks().into_iter().filter(|check| !check.metric.is_compared_only());
    of_policy.map(|check| if check.metric.is_of_requests() { by_ratio(check) } else { check }).collect()
}

fn judged(samples: &Samples) -> Vec<CheckResult> {
    judge(&thresholds(), samples, &Panel::default())
}

fn histogram(values: &[(f64, u64)]) -> Histogram {
    let bounds = [0.1, 0.2, 0.4, 0.8, f64::INFINITY];
    let below = |bound: f64| values.iter().filter(|(value, _)| *value <= bound).map(|(_, count)| count).sum();
    Histogram { buckets: bounds.iter().map(|&bound| (bound, below(bound))).collect() }
}

fn snapshot(requests: u64, failed: u64, seconds: f64) -> Snapshot {
    let latency = histogram(&[(seconds, requests)]);
    Snapshot { requests, failed, first_token: latency.clone(), latency, ..Snapshot::default() }
}

fn side(snapshots: &[Snapshot]) -> Side {
    let instances = snapshots.iter().enumerate().map(|(number, snapshot)| {
        let mut one = InstanceSamples::default();
        one.add(Snapshot::default(), Timestamp::UNIX_EPOCH);
        one.add(snapshot.clone(), Timestamp::UNIX_EPOCH);
        (format!("i{number}"), one)
    });
    Side { instances: instances.collect(), restarts: 0 }
}

fn samples(canary: &[Snapshot], stable: &[Snapshot]) -> Samples {
    Samples {
        since: Timestamp::UNIX_EPOCH,
        canary: side(canary),
        stable: side(stable),
        reference: BTreeMap::new(),
    }
}

fn verdict_of(check: &str, samples: &Samples) -> (Verdict, String) {
    let results = judged(samples);
    let found = results.into_iter().find(|result| result.check == check).unwrap();
    (found.verdict, found.why)
}

#[rstest]
#[case::as_good("errors", (100, 1, 0.1), (900, 9, 0.1), Verdict::Pass)]
#[case::twice_as_bad_and_more("errors", (100, 3, 0.1), (900, 9, 0.1), Verdict::Fail)]
#[case::below_the_floor("errors", (200, 2, 0.1), (900, 0, 0.1), Verdict::Pass)]
#[case::above_the_maximum_whatever_the_old_one_does("errors", (100, 6, 0.1), (900, 450, 0.1), Verdict::Fail)]
#[case::too_few("errors", (49, 0, 0.1), (900, 0, 0.1), Verdict::Inconclusive)]
#[case::too_few_and_one_bad_says_nothing("errors", (3, 1, 0.1), (900, 0, 0.1), Verdict::Inconclusive)]
#[case::too_few_and_lost_already("errors", (4, 4, 0.1), (900, 0, 0.1), Verdict::Fail)]
#[case::the_maximum_alone_where_the_old_one_has_too_few("errors", (100, 4, 0.1), (10, 0, 0.1), Verdict::Pass)]
#[case::as_fast("latency", (100, 0, 0.15), (900, 0, 0.15), Verdict::Pass)]
#[case::twice_as_slow("latency", (100, 0, 0.39), (900, 0, 0.19), Verdict::Fail)]
#[case::nothing_to_compare_with("latency", (100, 0, 0.39), (10, 0, 0.19), Verdict::Inconclusive)]
#[case::slow_streams("first_token", (100, 0, 0.7), (900, 0, 0.19), Verdict::Fail)]
fn requests_are_judged_beside_the_old_version(
    #[case] check: &str,
    #[case] canary: (u64, u64, f64),
    #[case] stable: (u64, u64, f64),
    #[case] expected: Verdict,
) {
    let of = |(requests, failed, seconds)| [snapshot(requests, failed, seconds)];
    let (verdict, why) = verdict_of(check, &samples(&of(canary), &of(stable)));
    assert_eq!(verdict, expected, "{why}");
}

#[test]
fn instances_of_a_side_are_one_sample() {
    let canary = [snapshot(30, 0, 0.1), snapshot(30, 6, 0.1)];
    let (verdict, why) = verdict_of("errors", &samples(&canary, &[snapshot(900, 0, 0.1)]));
    assert_eq!(
        (verdict, why.as_str()),
        (Verdict::Fail, "10.00 %, beside 0.00 % of the old version; at most 1.00 %")
    );
}

#[test]
fn an_old_version_that_is_gone_is_compared_with_by_what_was_measured_before() {
    let mut samples = samples(&[snapshot(100, 0, 0.39)], &[]);
    assert_eq!(verdict_of("latency", &samples).0, Verdict::Inconclusive);
    samples.reference = BTreeMap::from([("latency".to_owned(), 0.19)]);
    assert_eq!(verdict_of("latency", &samples).0, Verdict::Fail);
}

#[test]
fn a_restart_of_a_task_fails_at_once() {
    let mut samples = samples(&[], &[]);
    assert_eq!(verdict_of("restarts", &samples).0, Verdict::Pass);
    samples.canary.restarts = 1;
    let results = judged(&samples);
    let restarts = results.iter().find(|result| result.check == "restarts").unwrap();
    assert_eq!((restarts.verdict, restarts.critical), (Verdict::Fail, true));
}

#[test]
fn instances_that_cannot_be_read_are_a_failure_unless_the_old_ones_cannot_be_either() {
    let mut samples = samples(&[snapshot(1, 0, 0.1)], &[snapshot(1, 0, 0.1)]);
    assert_eq!(verdict_of("unreachable", &samples).0, Verdict::Pass);
    samples.canary.instances.get_mut("i0").unwrap().miss("connection refused".to_owned());
    let (verdict, why) = verdict_of("unreachable", &samples);
    assert_eq!(
        (verdict, why.as_str()),
        (Verdict::Fail, "100.00 % of instances cannot be read: connection refused")
    );
    samples.stable.instances.get_mut("i0").unwrap().miss("connection refused".to_owned());
    assert_eq!(verdict_of("unreachable", &samples).0, Verdict::Error);
    assert_eq!(verdict_of("unreachable", &self::samples(&[], &[])).0, Verdict::Inconclusive);
}

#[test]
fn a_side_that_was_never_read_is_an_error_and_no_failure() {
    let mut samples = samples(&[], &[snapshot(900, 0, 0.1)]);
    let mut unread = InstanceSamples::default();
    unread.miss("timed out".to_owned());
    samples.canary.instances.insert("i0".to_owned(), unread);
    let (verdict, why) = verdict_of("errors", &samples);
    assert_eq!(verdict, Verdict::Error);
    assert!(why.contains("timed out"), "{why}");
}

#[test]
fn what_was_counted_before_the_bake_does_not_count_and_a_young_process_counts_whole() {
    let since = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(100);
    let mut old = InstanceSamples::default();
    old.add(snapshot(1000, 500, 0.7), since);
    assert_eq!(old.grown.requests, 0);
    old.add(snapshot(1010, 501, 0.7), since);
    assert_eq!((old.grown.requests, old.grown.failed), (10, 1));
    let mut young = InstanceSamples::default();
    young.add(Snapshot { started_at: Some(since), ..snapshot(7, 1, 0.1) }, since);
    assert_eq!((young.grown.requests, young.grown.failed), (7, 1));
}

#[test]
fn bounds_that_differ_between_versions_are_pooled_without_a_loss() {
    let of = |buckets: &[(f64, u64)]| Snapshot {
        latency: Histogram { buckets: buckets.to_vec() },
        ..Snapshot::default()
    };
    let two = side(&[of(&[(0.1, 5), (f64::INFINITY, 10)]), of(&[(0.2, 4), (f64::INFINITY, 8)])]);
    assert_eq!(two.latency().buckets, [(0.1, 5), (0.2, 9), (f64::INFINITY, 18)]);
}

#[rstest]
#[case(&[], None)]
#[case(&[(0.05, 100)], Some(0.095))]
#[case(&[(0.15, 100)], Some(0.195))]
#[case(&[(0.05, 95), (0.3, 5)], Some(0.1))]
#[case(&[(9.0, 100)], Some(0.8))]
fn quantiles_are_those_of_prometheus(#[case] values: &[(f64, u64)], #[case] expected: Option<f64>) {
    let found = histogram(values).quantile(0.95);
    match (found, expected) {
        (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9, "{found}"),
        (found, expected) => assert_eq!(found.is_some(), expected.is_some()),
    }
}

proptest! {
    /// However often a process starts anew between two looks, what is counted is the sum of what each has told at its last look.
    #[test]
    fn counters_add_up_over_restarts(lives in prop::collection::vec(prop::collection::vec(0..1000_u64, 1..5), 1..6)) {
        let mut one = InstanceSamples::default();
        let begin = Timestamp::UNIX_EPOCH;
        let mut expected = 0;
        for (number, growth) in lives.iter().enumerate() {
            let mut counter = 0;
            for step in growth {
                counter += step;
                let started_at = Some(begin + std::time::Duration::from_secs(number as u64));
                one.add(Snapshot { started_at, ..snapshot(counter, 0, 0.1) }, begin);
            }
            expected += counter;
        }
        prop_assert_eq!(one.grown.requests, expected);
        prop_assert_eq!(one.grown.latency.count(), expected);
    }

    /// More failures never make a verdict better, in a sample that is large enough.
    #[test]
    fn worse_is_never_judged_better(requests in 50..500_u64, failed in 0..50_u64, stable in 0..50_u64) {
        let judged = |failed| verdict_of("errors", &samples(&[snapshot(requests, failed, 0.1)], &[snapshot(500, stable, 0.1)])).0;
        prop_assert!(judged(failed) <= judged(failed + 1));
    }
}
