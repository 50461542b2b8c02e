//! Recordings that are made up, and what a policy makes of them.

use super::*;
use crate::rollout::check::{Counts, Histogram};
use crate::rollout::policy::StepPolicy;

fn policy() -> Policy {
    Policy { steps: vec![StepPolicy { percent: 10, bake: Duration::from_secs(300) }], ..Policy::default() }
}

/// Counters of an instance after so many looks, in each of which so many of a hundred requests fail.
fn snapshot(looks: u64, failed: u64) -> Snapshot {
    let requests = 100 * looks;
    let buckets = [(0.1, 50), (0.2, 90), (0.4, 99), (f64::INFINITY, 100)];
    let latency = Histogram { buckets: buckets.map(|(bound, part)| (bound, part * looks)).to_vec() };
    let counts = Counts { requests, failed: failed * looks, latency: latency.clone(), ..Counts::default() };
    let strata = BTreeMap::from([("chat_completions a".to_owned(), counts)]);
    Snapshot { requests, failed: failed * looks, latency, strata, ..Snapshot::default() }
}

/// Two new instances and four old ones, every ten seconds.
fn recording(looks: u64, failed: u64) -> Vec<Recorded> {
    let line = |look: u64| {
        let instances = (0..6).map(|number| RecordedInstance {
            id: format!("i{number}"),
            is_new: number < 2,
            snapshot: Some(snapshot(1 + look, if number < 2 { failed } else { 2 })),
            error: None,
        });
        let at = Timestamp::from_second(1_800_000_000 + 10 * i64::try_from(look).unwrap()).unwrap();
        Recorded { at, instances: instances.collect() }
    };
    (0..looks).map(line).collect()
}

fn decided(policy: &Policy, recording: &[Recorded]) -> (Vec<Change>, Decision) {
    let (mut replay, mut all) = (Replay::default(), Vec::new());
    for line in recording {
        // A recording is read as it was written.
        let line: Recorded = serde_json::from_str(&serde_json::to_string(line).unwrap()).unwrap();
        let (changes, decision) = replay.look(policy, &line);
        all.extend(changes);
        if let Some(decision) = decision {
            return (all, decision);
        }
    }
    (all, replay.end(policy))
}

#[test]
fn a_good_version_passes_when_its_bake_is_over() {
    let (changes, decision) = decided(&policy(), &recording(60, 2));
    assert_eq!(decision, Decision::Pass { after_seconds: 300 }, "{changes:#?}");
}

#[test]
fn a_bad_version_fails_when_the_evidence_is_enough() {
    let (changes, decision) = decided(&policy(), &recording(60, 5));
    let Decision::Fail { after_seconds, why } = decision else { panic!("{decision:?} {changes:#?}") };
    assert!((20..300).contains(&after_seconds) && why.starts_with("errors: "), "{after_seconds} {why}");
    assert!(changes.iter().any(|change| change.check == "errors" && change.verdict == Verdict::Fail));
}

#[test]
fn a_fixed_limit_takes_its_failures_in_a_row() {
    let (_, decision) = decided(&policy(), &recording(60, 50));
    let Decision::Fail { after_seconds, .. } = decision else { panic!("{decision:?}") };
    assert!(after_seconds <= 30, "{after_seconds}");
}

#[test]
fn a_recording_that_is_too_short_decides_nothing() {
    let (_, decision) = decided(&policy(), &recording(5, 2));
    assert_eq!(decision, Decision::Undecided { why: "the bake is longer than the recording".to_owned() });
}
