//! Candidates from their order to their end.

use rstest::rstest;

use super::*;

fn phase(step: &Step) -> &'static str {
    step.record.phase.name().as_str()
}

#[test]
fn a_good_one_is_put_on_its_ring_judged_and_promoted() {
    let begun = advance(&waiting(), &quiet(), at(1));
    assert_eq!((phase(&begun), &begun.act), ("trying", &Act::Begin { replaces: 0 }));
    let trial = begun.record.trial.clone().unwrap();
    assert_eq!(
        (trial.ring.len(), trial.instances, trial.applied_at),
        (1, 3, None),
        "a fifth of three is one"
    );
    let name = names(&trial.ring)[0].to_owned();

    let mut seen = tried(Verdict::Pass);
    seen.instances = Seen::Known(
        ["a", "b", "c"].map(|it| doing(it, if *it == *name { "applied" } else { "not_mine" }, None)).to_vec(),
    );
    let not_yet = Observation { instances: quiet().instances, ..seen.clone() };
    let step = advance(&begun.record, &not_yet, at(2));
    assert!(step.record.waiting_for.contains(&name), "{}", step.record.waiting_for);
    let step = advance(&step.record, &seen, at(3));
    assert_eq!(step.record.trial.as_ref().unwrap().applied_at, Some(at(3)));
    let step = advance(&step.record, &seen, at(62));
    assert_eq!((phase(&step), step.act), ("trying", Act::Nothing), "the bake is not over");
    let step = advance(&step.record, &seen, at(63));
    assert_eq!((phase(&step), step.act), ("promoted", Act::Promote { modify_index: 11 }));
}

#[test]
fn a_bad_one_goes_at_its_second_failure_with_the_numbers() {
    let record = trying(&["a"], Some(at(0)));
    let first = advance(&record, &tried(Verdict::Fail), at(5));
    assert_eq!((phase(&first), &first.act), ("trying", &Act::Nothing));
    let soon = advance(&first.record, &tried(Verdict::Fail), at(6));
    assert_eq!(phase(&soon), "trying", "two looks within an interval are one failure");
    let second = advance(&soon.record, &tried(Verdict::Fail), at(15));
    assert_eq!((phase(&second), &second.act), ("failed", &Act::TakeAway { modify_index: 11 }));
    let Phase::Ended { outcome } = &second.record.phase else { panic!("it has ended") };
    assert_eq!(outcome.why(), "errors: 12 % of requests");
}

#[test]
fn a_failure_that_could_not_be_acted_upon_is_not_lost() {
    let record = trying(&["a"], Some(at(0)));
    let first = advance(&record, &tried(Verdict::Fail), at(5));
    let blind = Observation { config: Seen::Unknown("down".to_owned()), ..tried(Verdict::Fail) };
    let second = advance(&first.record, &blind, at(15));
    assert_eq!((phase(&second), &second.act), ("trying", &Act::Nothing));
    let third = advance(&second.record, &tried(Verdict::Fail), at(16));
    assert_eq!(phase(&third), "failed");
}

#[rstest]
#[case::failing(Verdict::Fail)]
#[case::unclear(Verdict::Inconclusive)]
#[case::unread(Verdict::Error)]
fn nothing_but_a_pass_is_promoted_and_at_its_age_it_goes(#[case] verdict: Verdict) {
    let mut record = trying(&["a"], Some(at(0)));
    record.push.policy.checks[0].failures = 1000;
    for seconds in [59, 60, 300, 599] {
        let step = advance(&record, &tried(verdict), at(seconds));
        assert_eq!((phase(&step), &step.act), ("trying", &Act::Nothing), "{seconds}");
        record = step.record;
    }
    let step = advance(&record, &tried(verdict), at(600));
    assert_eq!((phase(&step), &step.act), ("expired", &Act::TakeAway { modify_index: 11 }));
}

#[test]
fn what_cannot_be_read_is_not_left_behind() {
    let unknown = || "down".to_owned();
    let abort = order("o", OrderKind::Abort { candidate: "c1".to_owned() }, at(700));
    let blind = Observation {
        config: Seen::Unknown(unknown()),
        candidate: Seen::Unknown(unknown()),
        rollouts: Seen::Unknown(unknown()),
        instances: Seen::Unknown(unknown()),
        checks: Vec::new(),
        orders: vec![abort.clone()],
    };
    let step = advance(&trying(&["a"], None), &blind, at(700));
    assert_eq!((phase(&step), &step.act), ("trying", &Act::Nothing), "the instances drop it by themselves");
    assert!(!step.record.has_handled("o"));
    let step = advance(&step.record, &tried(Verdict::Pass), at(702));
    assert_eq!((phase(&step), &step.act), ("expired", &Act::TakeAway { modify_index: 11 }));
}

#[test]
fn one_instance_alone_is_spared_and_a_person_decides() {
    let alone = Observation { instances: Seen::Known(vec![instance("a")]), ..quiet() };
    let begun = advance(&waiting(), &alone, at(0));
    assert_eq!(begun.act, Act::Begin { replaces: 0 });
    assert!(begun.record.trial.as_ref().unwrap().ring.is_empty(), "never all");
    let there = Observation {
        candidate: candidate("c1", false),
        instances: Seen::Known(vec![doing("a", "not_mine", None)]),
        checks: vec![result(Verdict::Pass)],
        ..quiet()
    };
    let mut record = begun.record;
    for seconds in [1, 61, 120, 599] {
        let step = advance(&record, &there, at(seconds));
        assert_eq!((phase(&step), &step.act), ("trying", &Act::Nothing));
        record = step.record;
    }
    assert!(record.waiting_for.contains("a person's word"), "{}", record.waiting_for);
    let mut ordered = there.clone();
    ordered.orders = vec![order("o", OrderKind::Promote { candidate: "c1".to_owned() }, at(599))];
    let step = advance(&record, &ordered, at(599));
    assert_eq!(step.act, Act::Promote { modify_index: 11 });
    let Phase::Ended { outcome: Outcome::Promoted { by, .. } } = &step.record.phase else { panic!("no end") };
    assert_eq!(by, "bob");
    assert_eq!(phase(&advance(&record, &there, at(600))), "expired");
}

#[test]
fn a_rollout_comes_first_and_the_candidate_is_tried_again_after_it() {
    let rollout =
        |seen: Observation| Observation { rollouts: Seen::Known(vec!["default/web".to_owned()]), ..seen };
    let step = advance(&waiting(), &rollout(quiet()), at(1));
    assert_eq!((phase(&step), step.act), ("waiting", Act::Nothing));
    assert!(step.record.waiting_for.contains("default/web"), "{}", step.record.waiting_for);
    let step = advance(&trying(&["a"], Some(at(0))), &rollout(tried(Verdict::Pass)), at(100));
    assert_eq!((phase(&step), &step.act), ("waiting", &Act::TakeAway { modify_index: 11 }));
    assert!(step.record.trial.is_none() && step.record.checks.is_empty(), "it begins anew");
    let again = advance(&step.record, &quiet(), at(2000));
    assert_eq!((phase(&again), again.act), ("trying", Act::Begin { replaces: 0 }));
    assert_eq!(again.record.expires_at(), Some(at(2600)), "with all of its age before it");
    let late = advance(&step.record, &rollout(quiet()), at(24 * 3600));
    assert_eq!((phase(&late), late.act), ("expired", Act::Nothing));
}

#[rstest]
#[case::of_its_text("invalid", Some("refused"))]
#[case::of_a_newer_form("unreadable", Some("refused"))]
#[case::that_is_behind("other_base", None)]
#[case::whose_clock_is_ahead("expired", None)]
fn an_instance_that_cannot_take_it_ends_it(#[case] kind: &str, #[case] expected: Option<&str>) {
    let seen = Observation {
        instances: Seen::Known(vec![doing("a", "refused", Some(kind)), instance("b")]),
        ..tried(Verdict::Pass)
    };
    let step = advance(&trying(&["a"], None), &seen, at(1));
    assert_eq!(phase(&step), expected.unwrap_or("trying"));
    if expected.is_some() {
        assert_eq!(step.act, Act::TakeAway { modify_index: 11 });
        let why = step.record.transitions.last().unwrap().why.clone();
        assert!(why.contains("a cannot take it") && why.contains("line 3"), "{why}");
    }
}

#[test]
fn what_others_do_to_the_keys_is_left_as_it_is() {
    let record = trying(&["a"], Some(at(0)));
    let moved = Observation { config: Seen::Known(BASE + 1), ..tried(Verdict::Pass) };
    let step = advance(&record, &moved, at(100));
    assert_eq!((phase(&step), &step.act), ("superseded", &Act::TakeAway { modify_index: 11 }));
    let gone = Observation { candidate: Seen::Absent, ..tried(Verdict::Pass) };
    assert_eq!(phase(&advance(&record, &gone, at(100))), "withdrawn");
    let other = Observation { candidate: candidate("c2", false), ..tried(Verdict::Pass) };
    let step = advance(&record, &other, at(100));
    assert_eq!((phase(&step), step.act), ("withdrawn", Act::Nothing));
    let step = advance(&waiting(), &Observation { candidate: candidate("c2", false), ..quiet() }, at(1));
    assert_eq!((phase(&step), step.act), ("waiting", Act::Nothing));
    let step = advance(&waiting(), &Observation { candidate: candidate("c2", true), ..quiet() }, at(1));
    assert_eq!(step.act, Act::Begin { replaces: 11 }, "one that is over is in nobody's way");
}

#[test]
fn orders_are_handled_once_and_those_that_are_declined_say_why() {
    let promote = |candidate: &str| OrderKind::Promote { candidate: candidate.to_owned() };
    let abort = OrderKind::Abort { candidate: "c1".to_owned() };
    let push = OrderKind::Push(Box::new(waiting().push));
    for (kind, given, expected) in [
        (promote("c9"), at(100), Some("another candidate")),
        (push, at(100), Some("promote or abort it first")),
        (promote("c1"), at(100 - 601), Some("too long")),
        (promote("c1"), at(99), None),
        (abort.clone(), at(99), None),
    ] {
        let seen =
            Observation { orders: vec![order("o", kind.clone(), given)], ..tried(Verdict::Inconclusive) };
        let step = advance(&trying(&["a"], Some(at(0))), &seen, at(100));
        let handled = step.record.handled.iter().find(|handled| handled.id == "o").unwrap();
        match expected {
            Some(word) => assert!(handled.declined.as_ref().unwrap().contains(word), "{handled:?}"),
            None => assert!(handled.declined.is_none() && step.record.has_ended(), "{kind:?}"),
        }
        let again = advance(&step.record, &seen, at(101));
        assert_eq!(again.record.handled.len(), step.record.handled.len());
    }
    let seen = Observation { orders: vec![order("o", abort, at(1))], ..quiet() };
    let step = advance(&waiting(), &seen, at(1));
    assert_eq!((phase(&step), step.act), ("aborted", Act::Nothing));
}

#[test]
fn only_a_push_that_is_young_begins_something() {
    let push = |given| order("c7", OrderKind::Push(Box::new(waiting().push)), given);
    let promote = order("o", OrderKind::Promote { candidate: "c1".to_owned() }, at(0));
    assert_eq!(adopt(std::slice::from_ref(&promote), 1, at(1)), None);
    assert_eq!(adopt(&[push(at(0))], 1, at(601)), None, "nobody waits for it any more");
    let record = adopt(&[promote, push(at(0))], 5, at(600)).unwrap();
    assert_eq!((record.id.as_str(), record.epoch, record.phase), ("c7", 5, Phase::Waiting));
}

#[test]
fn instances_that_could_not_try_it_are_not_in_its_ring() {
    let mut old = instance("a");
    let mut behind = instance("b");
    let mut sick = instance("c");
    if let (Ok(old), Ok(behind)) = (&mut old.told, &mut behind.told) {
        (old.tries_candidates, behind.config_index) = (false, Some(6));
    }
    sick.passing = false;
    let silent = InstanceSeen { told: Err("no answer".to_owned()), ..instance("d") };
    let few = vec![old, behind, sick, silent, instance("e")];
    let seen = Observation { instances: Seen::Known(few.clone()), ..quiet() };
    let step = advance(&waiting(), &seen, at(1));
    assert_eq!((phase(&step), step.act), ("waiting", Act::Nothing));
    assert!(step.record.waiting_for.contains("1 of 5"), "{}", step.record.waiting_for);
    let mut all = waiting();
    all.push.share_percent = 99;
    let seen = Observation { instances: Seen::Known([few, vec![instance("f")]].concat()), ..quiet() };
    let ring = advance(&all, &seen, at(1)).record.trial.unwrap().ring;
    assert!(ring.len() == 1 && (ring.contains("e") || ring.contains("f")), "{ring:?}");
}
