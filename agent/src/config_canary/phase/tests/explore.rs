//! Every state beside every look of a grid: what must hold for all of them.

use super::*;

/// Every combination of one of each.
fn looks() -> impl Iterator<Item = Observation> {
    let unknown = || "down".to_owned();
    let configs = [Seen::Known(BASE), Seen::Known(BASE + 1), Seen::Absent, Seen::Unknown(unknown())];
    let candidates = [
        Seen::Absent,
        candidate("c1", false),
        candidate("c1", true),
        candidate("c2", false),
        candidate("c2", true),
        Seen::Unknown(unknown()),
    ];
    let rollouts =
        [Seen::Known(Vec::new()), Seen::Known(vec!["default/web".to_owned()]), Seen::Unknown(unknown())];
    let instances = [
        Seen::Unknown(unknown()),
        Seen::Absent,
        Seen::Known(vec![instance("a")]),
        quiet().instances,
        tried(Verdict::Pass).instances,
        Seen::Known(vec![doing("a", "refused", Some("invalid")), instance("b")]),
        Seen::Known(vec![doing("b", "not_mine", None)]),
    ];
    let checks: [Vec<CheckResult>; 5] = [
        Vec::new(),
        vec![result(Verdict::Pass)],
        vec![result(Verdict::Inconclusive)],
        vec![result(Verdict::Error)],
        vec![result(Verdict::Fail)],
    ];
    let now = at(100);
    let orders = [
        Vec::new(),
        vec![order("o", OrderKind::Abort { candidate: "c1".to_owned() }, now)],
        vec![order("o", OrderKind::Promote { candidate: "c1".to_owned() }, now)],
        vec![order("o", OrderKind::Promote { candidate: "c2".to_owned() }, now)],
    ];
    let mut all = Vec::new();
    for config in &configs {
        for candidate in &candidates {
            for rollouts in &rollouts {
                for instances in &instances {
                    for checks in &checks {
                        for orders in &orders {
                            all.push(Observation {
                                config: config.clone(),
                                candidate: candidate.clone(),
                                rollouts: rollouts.clone(),
                                instances: instances.clone(),
                                checks: checks.clone(),
                                orders: orders.clone(),
                            });
                        }
                    }
                }
            }
        }
    }
    all.into_iter()
}

fn records() -> Vec<ConfigCanary> {
    let failing = advance(&trying(&["a"], Some(at(0))), &tried(Verdict::Fail), at(5)).record;
    vec![
        waiting(),
        trying(&["a"], None),
        trying(&["a"], Some(at(0))),
        trying(&[], Some(at(0))),
        failing,
        advance(&trying(&["a"], Some(at(0))), &tried(Verdict::Fail), at(600)).record,
    ]
}

/// Whether nothing speaks against a promotion by the agent itself.
fn may_be_promoted(before: &ConfigCanary, seen: &Observation, now: Timestamp) -> bool {
    let trial = before.trial.as_ref();
    let has_others = seen.instances.known().is_some_and(|all| all.iter().any(|one| one.name != "a"));
    let ring_has_it = seen.instances.known().is_some_and(|all| all.iter().any(|one| one.has_applied("c1")));
    before.baked(now).is_some_and(|baked| baked >= before.bake())
        && trial.is_some_and(|trial| !trial.ring.is_empty())
        && seen.checks.iter().any(|result| result.verdict == Verdict::Pass)
        && seen.rollouts == Seen::Known(Vec::new())
        && has_others
        && ring_has_it
}

fn check(before: &ConfigCanary, seen: &Observation, now: Timestamp, step: &Step) {
    let after = &step.record;
    let ours = seen.candidate.known().is_some_and(|found| found.id.as_deref() == Some("c1"));
    let ordered = after.promote_ordered.is_some();
    match &step.act {
        Act::Begin { replaces } => {
            assert_eq!((before.phase.clone(), after.is_tried()), (Phase::Waiting, true));
            assert_eq!((&seen.config, &seen.rollouts), (&Seen::Known(BASE), &Seen::Known(Vec::new())));
            let all = seen.instances.known().unwrap().len();
            let ring = after.trial.as_ref().unwrap().ring.len();
            assert!(ring < all && (ring >= 1 || all == 1), "{ring} of {all}");
            let in_the_way = seen.candidate.known().map_or(0, |found| found.modify_index);
            assert_eq!(*replaces, in_the_way);
            assert!(ours || seen.candidate.known().is_none_or(|found| found.is_over));
        }
        Act::TakeAway { .. } => assert!(ours && !after.is_tried()),
        Act::Promote { .. } => {
            assert!(ours && seen.config == Seen::Known(BASE) && before.is_tried());
            assert_eq!(after.phase.name().as_str(), "promoted");
            assert!(ordered || may_be_promoted(before, seen, now));
        }
        Act::Nothing => {
            let has_left =
                (before.is_tried() || after.has_ended()) && !after.is_tried() && !before.has_ended();
            assert!(!(has_left && ours), "it is left behind in the key");
            assert_ne!(after.phase.name().as_str(), "promoted", "promoted without having been");
        }
    }
    if before.has_ended() {
        assert_eq!((&step.act, &after.phase), (&Act::Nothing, &before.phase), "an end is one");
    }
    let is_readable = !matches!(seen.candidate, Seen::Unknown(_));
    if before.is_tried() && is_readable && now >= before.expires_at().unwrap() {
        assert!(after.has_ended(), "past its maximum age nothing is tried");
    }
    assert_eq!(after.transitions.len(), before.transitions.len() + usize::from(after.phase != before.phase));
    let again = advance(after, &Observation { orders: Vec::new(), ..seen.clone() }, now);
    if after.has_ended() {
        assert_eq!(again, Step { record: after.clone(), act: Act::Nothing }, "nothing follows an end");
    }
}

#[test]
fn every_state_beside_every_look() {
    let mut looked = 0;
    for before in records() {
        for seen in looks() {
            for now in [at(1), at(100), at(599), at(600), at(24 * 3600)] {
                check(&before, &seen, now, &advance(&before, &seen, now));
                looked += 1;
            }
        }
    }
    #[expect(clippy::print_stdout, reason = "the figure of this test")]
    {
        println!("{looked} steps");
    }
    assert!(looked > 200_000, "{looked}");
}

#[test]
fn a_record_of_a_later_version_is_left_alone() {
    let mut newer = trying(&["a"], Some(at(0)));
    newer.format += 1;
    for seen in looks().step_by(7) {
        assert_eq!(advance(&newer, &seen, at(900)), Step { record: newer.clone(), act: Act::Nothing });
    }
}
