//! What was counted since a bake began, over restarts and losses of instances.

use proptest::prelude::*;

use super::*;
use crate::rollout::check::Histogram;
use crate::rollout::engine::adopted_for_tests as rollout;

fn instance(id: &str, version: u64) -> InstanceSeen {
    InstanceSeen {
        id: id.to_owned(),
        allocation_id: None,
        job_version: Some(version),
        version_name: None,
        passing: true,
    }
}

fn snapshot(requests: u64) -> Snapshot {
    let latency = Histogram { buckets: vec![(0.5, requests / 2), (f64::INFINITY, requests)] };
    Snapshot { requests, failed: requests / 10, latency, ..Snapshot::default() }
}

fn take(ledger: &mut Ledger, rollout: &Rollout, told: &[(&InstanceSeen, Option<u64>)]) {
    ledger.turn(rollout);
    let snapshots = told.iter().map(|(instance, requests)| {
        (*instance, requests.map(snapshot).ok_or_else(|| "it does not answer".to_owned()))
    });
    ledger.take(rollout, snapshots);
}

fn grown(ledger: &Ledger, rollout: &Rollout, id: &str) -> u64 {
    let samples = ledger.samples(rollout).unwrap();
    let sides = samples.canary.instances.iter().chain(&samples.stable.instances);
    sides.into_iter().find(|(known, _)| *known == id).map_or(0, |(_, found)| found.grown.requests)
}

fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp::from_second(1_800_000_000 + second).unwrap())
}

#[test]
fn nothing_is_judged_before_the_bake_and_each_bake_counts_for_itself() {
    let mut rollout = rollout();
    let (mut ledger, canary) = (Ledger::default(), instance("c", 1));
    take(&mut ledger, &rollout, &[(&canary, Some(100))]);
    assert!(ledger.samples(&rollout).is_none());
    rollout.bake_since = at(1);
    take(&mut ledger, &rollout, &[(&canary, Some(130))]);
    assert_eq!(grown(&ledger, &rollout, "c"), 30, "since the look that began the bake");
    take(&mut ledger, &rollout, &[(&canary, Some(150))]);
    assert_eq!(grown(&ledger, &rollout, "c"), 50);
    rollout.bake_since = at(9);
    take(&mut ledger, &rollout, &[(&canary, Some(160))]);
    assert_eq!(grown(&ledger, &rollout, "c"), 10);
}

#[test]
fn a_process_that_began_anew_and_an_instance_that_came_later_count_whole() {
    let mut rollout = rollout();
    rollout.bake_since = at(0);
    let (mut ledger, old, late) = (Ledger::default(), instance("s", 0), instance("l", 0));
    take(&mut ledger, &rollout, &[(&old, Some(1_000))]);
    take(&mut ledger, &rollout, &[(&old, Some(1_010)), (&late, Some(7))]);
    take(&mut ledger, &rollout, &[(&old, Some(4)), (&late, Some(9))]);
    assert_eq!((grown(&ledger, &rollout, "s"), grown(&ledger, &rollout, "l")), (14, 9));
}

#[test]
fn silence_is_told_and_what_was_counted_stays() {
    let mut rollout = rollout();
    rollout.bake_since = at(0);
    let (mut ledger, canary) = (Ledger::default(), instance("c", 1));
    take(&mut ledger, &rollout, &[(&canary, Some(10))]);
    take(&mut ledger, &rollout, &[(&canary, Some(20))]);
    take(&mut ledger, &rollout, &[(&canary, None)]);
    let samples = ledger.samples(&rollout).unwrap();
    assert!(samples.canary.instances["c"].unreachable.is_some());
    assert_eq!(samples.canary.instances["c"].grown.requests, 10);
    // Once it is gone, that it is silent is no news.
    take(&mut ledger, &rollout, &[]);
    let samples = ledger.samples(&rollout).unwrap();
    assert!(samples.canary.instances["c"].is_gone);
    assert_eq!(samples.canary.instances["c"].grown.requests, 10);
}

#[test]
fn a_stranger_is_of_no_side() {
    let mut rollout = rollout();
    rollout.bake_since = at(0);
    let mut ledger = Ledger::default();
    take(&mut ledger, &rollout, &[(&instance("x", 9), Some(10))]);
    let samples = ledger.samples(&rollout).unwrap();
    assert!(samples.canary.instances.is_empty() && samples.stable.instances.is_empty());
}

fn allocation(id: &str, version: u64, restarts: u64) -> AllocationSeen {
    AllocationSeen {
        id: id.to_owned(),
        job_version: version,
        group: "proxy".to_owned(),
        client: crate::rollout::observation::ClientStatus::Running,
        wanted: true,
        healthy: Some(true),
        canary: true,
        of_deployment: true,
        restarts,
        fatal: None,
        in_place: false,
    }
}

#[test]
fn restarts_count_from_the_bake_on() {
    let mut rollout = rollout();
    let mut ledger = Ledger::default();
    ledger.turn(&rollout);
    ledger.restarts(&rollout, &[allocation("a", 1, 2)]);
    rollout.bake_since = at(0);
    ledger.turn(&rollout);
    ledger.restarts(&rollout, &[allocation("a", 1, 2), allocation("old", 0, 7)]);
    assert_eq!(ledger.samples(&rollout).unwrap().canary.restarts, 0);
    ledger.restarts(&rollout, &[allocation("a", 1, 3), allocation("b", 1, 1)]);
    let samples = ledger.samples(&rollout).unwrap();
    assert_eq!((samples.canary.restarts, samples.stable.restarts), (2, 0));
}

proptest! {
    /// Whatever a counter does, restarts of its process among it, what is added up is what was counted between the looks.
    #[test]
    fn counters_add_up_over_restarts(steps in prop::collection::vec((0_u64..50, any::<bool>()), 1..20)) {
        let mut rollout = rollout();
        rollout.bake_since = at(0);
        let (mut ledger, canary) = (Ledger::default(), instance("c", 1));
        let (mut value, mut expected) = (500_u64, 0_u64);
        take(&mut ledger, &rollout, &[(&canary, Some(value))]);
        for (added, has_restarted) in steps {
            // A process that has counted as much as before within one look cannot be told from one that never ended.
            let begins = has_restarted && added < value;
            value = if begins { added } else { value + added };
            expected += added;
            take(&mut ledger, &rollout, &[(&canary, Some(value))]);
        }
        prop_assert_eq!(grown(&ledger, &rollout, "c"), expected);
        let samples = ledger.samples(&rollout).unwrap();
        prop_assert_eq!(samples.canary.instances["c"].grown.latency.buckets.last(), Some(&(f64::INFINITY, expected)));
    }
}
