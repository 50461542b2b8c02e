//! What people command through the agent. Each command is handled once, and what is declined says why.

use jiff::Timestamp;

use super::{Look, fail, named};
use crate::rollout::action::EventKind;
use crate::rollout::observation::{Command, CommandKind};
use crate::rollout::policy::{GateKind, GatePoint, Strategy};
use crate::rollout::record::{Approval, Pause, Phase, Rollout, since};

/// Handles the commands of this look, in their order: the last word counts.
pub(super) fn handle(rollout: &mut Rollout, look: &Look<'_>) {
    for command in &look.seen.commands {
        if rollout.has_handled(&command.id) {
            continue;
        }
        let declined = carry_out(rollout, command, look.now).err();
        if declined.is_none() {
            let message =
                format!("{} has commanded {} of {}", command.by, command.kind.as_str(), named(rollout));
            rollout.tell(EventKind::ActedByHand, message, "", look.now);
        }
        rollout.handle(&command.id, declined, look.now);
    }
}

/// Carries a command out, as far as that is a change of the record: phases follow from it.
fn carry_out(rollout: &mut Rollout, command: &Command, now: Timestamp) -> Result<(), String> {
    if command.deployment_id != rollout.deployment_id {
        return Err(format!("it is about another deployment than {}", rollout.deployment_id));
    }
    if matches!(rollout.phase, Phase::RollingBack { .. }) {
        return Err("it is being rolled back, which is not taken back; register the version again".to_owned());
    }
    match command.kind {
        CommandKind::Approve => approve(rollout, command, now),
        CommandKind::Pause => pause(rollout, command, now),
        CommandKind::Resume => resume(rollout, now),
        CommandKind::Promote => promote(rollout, command, now),
        CommandKind::Abort => {
            rollout.promote_ordered = None;
            rollout.aborted = true;
            fail(rollout, format!("{} aborted it{}", command.by, because(command)), now);
            Ok(())
        }
    }
}

fn approve(rollout: &mut Rollout, command: &Command, now: Timestamp) -> Result<(), String> {
    if rollout.is_promoted() {
        return Err("it is promoted already".to_owned());
    }
    let point = match rollout.phase {
        Phase::AwaitingCanaries | Phase::AwaitingStart if has_approval(rollout, GatePoint::Start) => {
            GatePoint::Start
        }
        _ => GatePoint::Promotion,
    };
    if !has_approval(rollout, point) {
        return Err("the policy asks for no approval".to_owned());
    }
    let approval = Approval { at: now, by: command.by.clone(), reason: command.reason.clone() };
    rollout.approvals.insert(name_of(point).to_owned(), approval);
    Ok(())
}

fn has_approval(rollout: &Rollout, point: GatePoint) -> bool {
    rollout.policy.gates.iter().any(|gate| gate.kind == GateKind::Approval && gate.before == point)
}

/// The key of an approval in the record.
pub(super) fn name_of(point: GatePoint) -> &'static str {
    match point {
        GatePoint::Start => "start",
        GatePoint::Promotion => "promotion",
    }
}

/// What is ahead of a promotion and waits for the agent can be paused; the rest is Nomad's, which goes on.
fn pause(rollout: &mut Rollout, command: &Command, now: Timestamp) -> Result<(), String> {
    let can_wait = matches!(
        rollout.phase,
        Phase::AwaitingCanaries
            | Phase::AwaitingStart
            | Phase::Stepping { .. }
            | Phase::Baking { .. }
            | Phase::AwaitingApproval
    );
    if !can_wait {
        return Err(format!("it stands at {}, which cannot be paused", rollout.phase.name().as_str()));
    }
    if rollout.paused.is_none() {
        rollout.paused = Some(Pause { at: now, by: command.by.clone(), reason: command.reason.clone() });
    }
    Ok(())
}

fn resume(rollout: &mut Rollout, now: Timestamp) -> Result<(), String> {
    let Some(pause) = rollout.paused.take() else { return Err("it is not paused".to_owned()) };
    let from = pause.at.max(rollout.entered_at);
    rollout.held = rollout.held.saturating_add(since(from, now));
    Ok(())
}

fn promote(rollout: &mut Rollout, command: &Command, now: Timestamp) -> Result<(), String> {
    if rollout.is_promoted() {
        return Err("it is promoted already".to_owned());
    }
    if rollout.strategy == Strategy::Rolling {
        return Err("its deployment has no canaries to promote".to_owned());
    }
    rollout.promote_ordered = Some(command.by.clone());
    rollout.aborted = false;
    rollout.paused = None;
    if rollout.phase != Phase::Promoting {
        let why = format!("{} commanded it{}", command.by, because(command));
        rollout.enter(Phase::Promoting, why, now);
    }
    Ok(())
}

fn because(command: &Command) -> String {
    if command.reason.is_empty() { String::new() } else { format!(": {}", command.reason) }
}
