//! What holds on every path that the explorer finds.

use std::collections::BTreeSet;

use rstest::rstest;

use super::explore::*;
use crate::rollout::action::Action;
use crate::rollout::diagram::TRANSITIONS;
use crate::rollout::observation::CommandKind;
use crate::rollout::policy::*;
use crate::rollout::record::{Phase, PhaseName, Rollout};

/// Longer than any rollout of the policies here may last: until it is promoted, until it is seen to succeed, its bake, and the rollback.
const TICKS: u32 = 30;

fn with_gates() -> Policy {
    let gates = vec![
        gate("sre", GatePoint::Promotion, GateKind::Approval),
        gate("confirm", GatePoint::Promotion, webhook()),
    ];
    Policy { gates, ..policy() }
}

fn reverting(traffic: TrafficMode) -> Policy {
    let rollback = RollbackPolicy { revert: Revert::PriorVersion, timeout: 6 * TICK, ..policy().rollback };
    Policy { rollback, traffic, ..policy() }
}

/// A second step is entered, and then time is up.
fn two_steps() -> Policy {
    let steps = [TICK, TICK].map(|bake| StepPolicy { percent: 50, bake }).to_vec();
    Policy { steps, timeout: 5 * TICK, ..policy() }
}

fn holding() -> Policy {
    let rollback = RollbackPolicy { while_paused: WhilePaused::Hold, ..policy().rollback };
    Policy { rollback, ..policy() }
}

pub(crate) fn cases() -> Vec<(&'static str, Rollout)> {
    vec![
        ("canary, gates", start(Strategy::Canary, &with_gates())),
        ("canary, splitter, revert", start(Strategy::Canary, &reverting(TrafficMode::ServiceSplitter))),
        ("canary, hold while paused", start(Strategy::Canary, &holding())),
        (
            "blue-green, splitter, revert",
            start(Strategy::BlueGreen, &reverting(TrafficMode::ServiceSplitter)),
        ),
        ("two steps", start(Strategy::Canary, &two_steps())),
        ("rolling, revert", start(Strategy::Rolling, &reverting(TrafficMode::Instances))),
    ]
}

/// The policies that have every transition between them, each in a thread of its own.
#[test]
fn every_path_keeps_the_rules_and_ends_and_every_transition_is_in_the_table() {
    let reached: BTreeSet<_> = std::thread::scope(|scope| {
        let running: Vec<_> = [0, 3, 4, 5]
            .map(|number| scope.spawn(move || explored(number, Breadth::One)))
            .into_iter()
            .collect();
        running.into_iter().flat_map(|one| one.join().expect("a case has failed")).collect()
    });
    let table: BTreeSet<_> = TRANSITIONS.iter().map(|(from, to, _)| (*from, *to)).collect();
    let missing: Vec<_> = reached.difference(&table).collect();
    assert!(missing.is_empty(), "the table of transitions has not {missing:?}");
    let unreached: Vec<_> = table.difference(&reached).collect();
    assert!(unreached.is_empty(), "nothing leads to {unreached:?}");
}

/// Some minutes each: `./tests/run full rollout-phases` runs them.
#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
#[case(3)]
#[case(4)]
#[case(5)]
#[ignore = "long: part of ./tests/run full"]
fn every_path_of_pairs_keeps_the_rules_and_ends(#[case] number: usize) {
    let table: BTreeSet<_> = TRANSITIONS.iter().map(|(from, to, _)| (*from, *to)).collect();
    let reached = explored(number, Breadth::Pairs);
    let missing: Vec<_> = reached.difference(&table).collect();
    assert!(missing.is_empty(), "the table of transitions has not {missing:?}");
}

/// Explores one of the cases, and gives its transitions.
#[expect(clippy::print_stdout, reason = "the figures are what a long run is kept for")]
fn explored(number: usize, breadth: Breadth) -> BTreeSet<(PhaseName, PhaseName)> {
    let (name, first) = cases().remove(number);
    let explored = explore(first, breadth, TICKS, &broken);
    println!(
        "{name}: {} states, {} looks, {} ticks; ended {:?}",
        explored.states, explored.looks, explored.levels, explored.ended
    );
    assert!(explored.broken.is_empty(), "{name}:\n{}", explored.broken.join("\n"));
    assert!(explored.states > 100, "{name}: {} states", explored.states);
    explored.transitions
}

/// Every rule that a look breaks.
fn broken(edge: &Edge<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut rule = |holds: bool, what: &str| {
        if !holds {
            broken.push(what.to_owned());
        }
    };
    let after = &edge.step.rollout;
    let (from, to) = (edge.before.phase.name(), after.phase.name());
    let gives = |wanted: fn(&Action) -> bool| edge.step.actions.iter().any(|intent| wanted(&intent.action));
    let promotes = gives(|action| matches!(action, Action::Promote { .. }));
    let fails = gives(|action| matches!(action, Action::Fail { .. }));
    let reverts = gives(|action| matches!(action, Action::Revert { .. } | Action::PromoteRevert { .. }));
    let is_ordered_now = edge.view.command == Some(CommandKind::Promote);
    let is_aborted_now = edge.view.command == Some(CommandKind::Abort);

    rule(
        !promotes || !edge.ghost.has_failed || edge.ghost.was_ordered || is_ordered_now,
        "a failed verdict has led to a promotion",
    );
    rule(
        !promotes || edge.view.checks != C::Critical || edge.ghost.was_ordered || is_ordered_now,
        "a look that shows a failure promotes",
    );
    rule(
        !promotes || matches!(edge.view.deployment, D::Running | D::Paused),
        "it promotes what it has not seen to be unpromoted and under way",
    );
    rule(!promotes || !is_rollback(&edge.before.phase), "a rollback promotes");
    rule(!after.has_ended() || !(promotes || fails || reverts), "an ended rollout decides");
    rule(
        !reverts
            || edge.before.policy.rollback.revert == Revert::PriorVersion
            || after.revert_version.is_some(),
        "it reverts against its policy",
    );
    rule(!reverts || edge.before.failure.is_some(), "it reverts what has not failed");
    rule(!fails || is_rollback(&after.phase), "it fails a deployment outside of a rollback");
    if *edge.view == View::BLIND && from != to {
        rule(is_by_time(edge.before, to, edge.now), "a look that saw nothing has decided");
    }
    // A person's word.
    let can_be_aborted = !is_rollback(&edge.before.phase);
    rule(
        !(is_aborted_now && can_be_aborted)
            || is_rollback(&after.phase)
            || after.has_ended()
            || to == PhaseName::TrafficAway,
        "an abort was not heard",
    );
    let is_overridden = edge.ghost.was_ordered || edge.ghost.was_promoted_by_hand;
    let has_another_reason = is_aborted_now
        || matches!(edge.view.deployment, D::FailedByHand | D::FailedAndReverting)
        || is_by_time_alone(edge);
    rule(
        !(is_overridden && to == PhaseName::TrafficAway && from != to) || has_another_reason,
        "a person's promotion was undone",
    );
    if edge.before.paused.is_some() && edge.view.command.is_none() && from != to {
        let may = [PhaseName::TrafficAway, PhaseName::AwaitingSuccess, PhaseName::PostPromotionBake];
        rule(may.contains(&to) || after.has_ended(), "a paused rollout has gone on");
    }
    rule(to != PhaseName::Promoted || after.promoted.is_some(), "it ended as promoted, and was not");
    broken
}

fn is_by_time_alone(edge: &Edge<'_>) -> bool {
    crate::rollout::record::since(edge.before.started_at, edge.now) >= edge.before.policy.timeout
}

fn is_rollback(phase: &Phase) -> bool {
    matches!(phase, Phase::RollingBack { .. })
}
