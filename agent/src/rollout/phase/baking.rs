//! While a version is judged before its promotion: the bake of a step, and the gates after the last one.

use jiff::Timestamp;

use super::{Look, awaiting, commands, judging, named};
use crate::rollout::action::EventKind;
use crate::rollout::gate::{self, Opening};
use crate::rollout::observation::GateState;
use crate::rollout::policy::{GateKind, GatePoint};
use crate::rollout::record::{Phase, Rollout};
use crate::rollout::verdict::Verdict;

/// Judges a step for as long as the policy says, and until it is a pass.
pub(super) fn bake(rollout: &mut Rollout, look: &Look<'_>, step: usize) {
    let bake = rollout.policy.steps.get(step).map(|step| step.bake).unwrap_or_default();
    if rollout.paused.is_some() {
        return wait(rollout, "it is paused");
    }
    if rollout.elapsed(look.now) < bake {
        return wait(rollout, "the bake of the step");
    }
    match judging::verdict(rollout, look) {
        (Verdict::Pass, _) => {
            let next = step.saturating_add(1);
            awaiting::begin_step(rollout, look, next, "the step was judged, and passed");
        }
        (verdict, why) => wait(rollout, format!("a pass; now it is {}: {why}", verdict.as_str())),
    }
}

/// Waits until the gates before the promotion are open, and judges on.
pub(super) fn approval(rollout: &mut Rollout, look: &Look<'_>) {
    if rollout.paused.is_some() {
        return wait(rollout, "it is paused");
    }
    if let Some((gate, why)) = closed(rollout, look, GatePoint::Promotion) {
        return announce(rollout, &gate, why, look.now);
    }
    match judging::verdict(rollout, look) {
        (Verdict::Pass, _) => {
            rollout.enter(Phase::Promoting, "all checks pass and all gates are open", look.now);
        }
        (verdict, why) => wait(rollout, format!("a pass; now it is {}: {why}", verdict.as_str())),
    }
}

/// The first gate before this point that is closed, and what is waited for; nothing where all are open.
pub(super) fn closed(rollout: &Rollout, look: &Look<'_>, point: GatePoint) -> Option<(String, String)> {
    rollout.policy.gates.iter().filter(|gate| gate.before == point).find_map(|policy| {
        let name = &policy.name;
        let why = match &policy.kind {
            GateKind::Approval => (!rollout.approvals.contains_key(commands::name_of(point)))
                .then(|| format!("the approval {name}")),
            GateKind::Webhook { .. } => {
                match look.seen.gates.iter().find(|seen| seen.gate == *name).map(|seen| &seen.state) {
                    Some(GateState::Open) => None,
                    Some(GateState::Closed(why)) => Some(format!("the webhook {name}, which says: {why}")),
                    Some(GateState::Unknown(why)) => {
                        Some(format!("the webhook {name}, which could not be asked: {why}"))
                    }
                    None => Some(format!("the webhook {name}")),
                }
            }
            kind => match gate::at(kind, look.now) {
                Opening::Open(_) => None,
                Opening::Closed(Some(until)) => Some(format!("{name}, which opens at {until}")),
                Opening::Closed(None) => Some(format!("{name}, which does not open any more")),
            },
        };
        why.map(|why| (name.clone(), why))
    })
}

/// Takes down what it waits for.
pub(super) fn wait(rollout: &mut Rollout, what: impl Into<String>) {
    rollout.waiting_for = what.into();
}

/// The same, and tells somebody once: a person may be waited for.
pub(super) fn announce(rollout: &mut Rollout, gate: &str, what: String, now: Timestamp) {
    if !rollout.waiting_for.contains(gate) {
        let message = format!("{} waits for {what}", named(rollout));
        rollout.tell(EventKind::Waiting, message, "", now);
    }
    wait(rollout, what);
}
