//! Doing what the record says is to be done.
//!
//! Owns which seam does what, and how long it may take: less than a leader's margin, so that an act is over before another instance can
//! lead. One that is cut off counts as failed, and is read again before it is repeated.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::action::{Action, Refusal, Settled};
use super::super::observation::Seen;
use super::super::observe::Memory;
use super::super::policy::TrafficMode;
use super::super::record::Rollout;
use super::{Hooks as _, World};
use crate::seams::{MetricSource as _, Orchestrator as _, Route, TrafficRouter as _};

/// How long one act may take: a second less than the default of `leader.margin`.
const LONGEST: Duration = Duration::from_secs(4);

/// Does one thing.
pub(super) async fn perform<W: World>(
    world: &W,
    rollout: &Rollout,
    action: &Action,
    memory: &Mutex<Memory>,
) -> Settled {
    let act = dispatch(world, rollout, action, memory);
    timeout(LONGEST, act).await.unwrap_or_else(|_elapsed| {
        Settled::Failed(format!("{} took longer than {} s", action.name(), LONGEST.as_secs()))
    })
}

async fn dispatch<W: World>(
    world: &W,
    rollout: &Rollout,
    action: &Action,
    memory: &Mutex<Memory>,
) -> Settled {
    let (orchestrator, target) = (world.orchestrator(), &rollout.target);
    match action {
        Action::SetTraffic(split) => {
            let memory = memory.lock().await;
            world.router().share(&memory.route(rollout), split).await
        }
        Action::Promote { deployment_id } | Action::PromoteRevert { deployment_id } => {
            orchestrator.promote(target, deployment_id).await
        }
        Action::Fail { deployment_id } => orchestrator.fail(target, deployment_id).await,
        Action::Revert { to, enforce_prior } => orchestrator.revert(target, *to, *enforce_prior).await,
        Action::TagStable { version } => orchestrator.tag_stable(target, *version).await,
        Action::Notify(event) => world.hooks().tell(event, rollout).await,
        Action::Unrecognized(_) => {
            Settled::Refused(Refusal::Other, "a later version of the agent meant to do it".to_owned())
        }
    }
}

/// Takes away what the mesh has for a rollout that has ended, once for each process. Returns whether nothing is left to do.
pub(super) async fn clear_away<W: World>(world: &W, ended: &Rollout, memory: &Mutex<Memory>) -> bool {
    let mut memory = memory.lock().await;
    if memory.is_cleared(&ended.deployment_id) {
        return true;
    }
    if !is_of_one_version(world, &memory.route(ended)).await {
        return false;
    }
    let cleared = timeout(LONGEST, world.router().collapse(&memory.route(ended))).await;
    // One that somebody else has changed is theirs from now on; what failed is tried with the next visit.
    let is_done = matches!(cleared, Ok(Settled::Done | Settled::Refused(..)));
    if is_done {
        memory.cleared(&ended.deployment_id);
    }
    is_done
}

/// Whether requests go to the same version with the split and without it.
async fn is_of_one_version<W: World>(world: &W, route: &Route<'_>) -> bool {
    if route.mode == TrafficMode::Instances {
        return true;
    }
    let Some(service) = route.service else { return false };
    match world.metrics().instances(service).await {
        Seen::Known(listed) => {
            let versions: BTreeSet<_> = listed.iter().map(|instance| &instance.version_name).collect();
            versions.len() <= 1
        }
        Seen::Absent => true,
        Seen::Unknown(_) => false,
    }
}
