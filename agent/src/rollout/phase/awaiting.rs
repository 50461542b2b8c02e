//! Before anything is judged: canaries that start, gates that are to open, and requests that are to be shared.

use super::health::{self, Health};
use super::{Look, baking, traffic};
use crate::rollout::policy::GatePoint;
use crate::rollout::record::{Phase, Rollout};

/// Waits until all canaries are ready. Nomad's own deadline fails a deployment whose canaries never are.
pub(super) fn canaries(rollout: &mut Rollout, look: &Look<'_>) {
    // The entry is made before there is anything to send there.
    traffic::ask_for(rollout, look, 0);
    match health::canaries(rollout, look) {
        Health::Ready if rollout.paused.is_some() => baking::wait(rollout, "it is paused"),
        Health::Ready => {
            rollout.bake_since = Some(look.now);
            rollout.enter(Phase::AwaitingStart, "all canaries are ready", look.now);
        }
        Health::Short(why) | Health::Unknown(why) => baking::wait(rollout, why),
    }
}

/// Waits until the gates before the first step are open.
pub(super) fn start(rollout: &mut Rollout, look: &Look<'_>) {
    if rollout.paused.is_some() {
        baking::wait(rollout, "it is paused");
        return;
    }
    if let Health::Short(why) | Health::Unknown(why) = health::canaries(rollout, look) {
        baking::wait(rollout, why);
        return;
    }
    match baking::closed(rollout, look, GatePoint::Start) {
        Some((gate, why)) => baking::announce(rollout, &gate, why, look.now),
        None => begin_step(rollout, look, 0, "the gates before the start are open"),
    }
}

/// Enters a step, or, where there are no more, what comes after them.
pub(super) fn begin_step(rollout: &mut Rollout, look: &Look<'_>, step: usize, why: &str) {
    if step < rollout.policy.steps.len() {
        rollout.enter(Phase::Stepping { step }, why, look.now);
    } else {
        rollout.enter(Phase::AwaitingApproval, why, look.now);
    }
}

/// Waits until the new version has the step's share of requests, which it gets only while its canaries are ready.
pub(super) fn step(rollout: &mut Rollout, look: &Look<'_>, step: usize) {
    let Some(percent) = rollout.policy.steps.get(step).map(|step| step.percent) else {
        rollout.enter(Phase::AwaitingApproval, "the policy has no such step", look.now);
        return;
    };
    if rollout.paused.is_some() {
        baking::wait(rollout, "it is paused");
        return;
    }
    if let Health::Short(why) | Health::Unknown(why) = health::canaries(rollout, look) {
        baking::wait(rollout, why);
        return;
    }
    match traffic::is_at(rollout, look, percent) {
        Some(true) => {
            let why = if traffic::can_move(rollout, look) {
                format!("the new version gets {percent} % of requests")
            } else {
                "instances share requests by their number".to_owned()
            };
            rollout.bake_since = Some(look.now);
            rollout.enter(Phase::Baking { step }, why, look.now);
        }
        Some(false) => {
            traffic::ask_for(rollout, look, percent);
            baking::wait(rollout, format!("the new version is to get {percent} % of requests"));
        }
        None => baking::wait(rollout, "the shares of requests could not be read"),
    }
}
