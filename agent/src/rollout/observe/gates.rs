//! Webhooks that confirm: asked when they stand next, and no more often than checks count.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::rollout::engine::{Hooks as _, World};
use crate::rollout::observation::{GateSeen, GateState};
use crate::rollout::policy::{GateKind, GatePoint, GatePolicy};
use crate::rollout::record::{Phase, Rollout, since};

/// How many webhooks are asked in one look.
const MAX_ASKED: usize = 16;

/// The last answers, by deployment and gate.
#[derive(Debug, Default)]
pub(super) struct Asked {
    deployment_id: String,
    answers: BTreeMap<String, (Timestamp, GateState)>,
}

/// What the gates say that the rollout waits for. An answer is good for the policy's interval.
pub(super) async fn ask<W: World>(world: &W, rollout: &Rollout, asked: &mut Asked) -> Vec<GateSeen> {
    let Some(point) = next(&rollout.phase) else { return Vec::new() };
    if asked.deployment_id != rollout.deployment_id {
        *asked = Asked { deployment_id: rollout.deployment_id.clone(), answers: BTreeMap::new() };
    }
    let now = world.now();
    let is_webhook =
        |gate: &&GatePolicy| gate.before == point && matches!(gate.kind, GateKind::Webhook { .. });
    let gates = rollout.policy.gates.iter().filter(is_webhook).take(MAX_ASKED);
    let known = &asked.answers;
    let answers = join_all(gates.map(async |gate| {
        let state = match known.get(&gate.name) {
            Some((at, state)) if since(*at, now) < rollout.policy.interval => {
                return (gate, *at, state.clone());
            }
            _ => world.hooks().ask(gate, rollout).await,
        };
        (gate, now, state)
    }))
    .await;
    let mut seen = Vec::new();
    for (gate, at, state) in answers {
        asked.answers.insert(gate.name.clone(), (at, state.clone()));
        seen.push(GateSeen { gate: gate.name.clone(), state });
    }
    seen
}

/// What the rollout stands before.
fn next(phase: &Phase) -> Option<GatePoint> {
    match phase {
        Phase::AwaitingStart => Some(GatePoint::Start),
        Phase::AwaitingApproval => Some(GatePoint::Promotion),
        _ => None,
    }
}
