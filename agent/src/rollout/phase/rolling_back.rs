//! The rollback: requests first, then the deployment, then what is left running, and then the job, if the policy lets the agent.

use std::time::Duration;

use super::baking::wait;
use super::{Look, end, outside, traffic, verifying};
use crate::rollout::action::Action;
use crate::rollout::finding::FindingId;
use crate::rollout::observation::{DeploymentSeen, Seen};
use crate::rollout::record::{Outcome, Phase, RollbackStage, Rollout, since};

/// How long the rollback waits for requests to leave the new version before it goes on all the same: to stop it counts more.
const TRAFFIC_PATIENCE: Duration = Duration::from_secs(30);

/// The next move of a stage.
pub(super) fn roll_back(rollout: &mut Rollout, look: &Look<'_>, stage: &RollbackStage) {
    if outside::is_purged(rollout, look) {
        outside::abandon(rollout, look, FindingId::JobPurged, "the job was purged");
        return;
    }
    match stage {
        RollbackStage::TrafficAway => traffic_away(rollout, look),
        RollbackStage::Failing => failing(rollout, look),
        RollbackStage::Verifying => verifying::verify(rollout, look),
        RollbackStage::Reverting => verifying::revert(rollout, look),
        RollbackStage::PromotingRevert => verifying::promote_revert(rollout, look),
    }
}

/// Takes requests from the new version, if the old one can answer them.
fn traffic_away(rollout: &mut Rollout, look: &Look<'_>) {
    if is_taken_over(rollout, look) {
        return;
    }
    let can_answer = can_answer(rollout, look);
    let is_away = traffic::is_at(rollout, look, 0) == Some(true);
    if is_away || !can_answer || since(rollout.entered_at, look.now) >= TRAFFIC_PATIENCE {
        let why = if is_away {
            "no requests are sent to the new version by a share"
        } else if can_answer {
            "requests could not be seen to leave the new version in time"
        } else {
            "no instance of the old version is ready for requests"
        };
        rollout.enter(Phase::RollingBack { stage: RollbackStage::Failing }, why, look.now);
    } else {
        traffic::ask_for(rollout, look, 0);
        wait(rollout, "requests that leave the new version");
    }
}

/// Whether the old version can answer requests, as far as that is known.
pub(super) fn can_answer(rollout: &Rollout, look: &Look<'_>) -> bool {
    let stable = rollout.stable.as_ref().map(|stable| stable.job_version);
    stable.is_some_and(|version| look.passing(version).is_none_or(|passing| passing > 0))
}

/// Fails the deployment, where it has not ended.
fn failing(rollout: &mut Rollout, look: &Look<'_>) {
    if is_taken_over(rollout, look) {
        return;
    }
    let why = match &look.seen.deployment {
        Seen::Known(deployment) if deployment.is_active() => {
            rollout.intend(Action::Fail { deployment_id: deployment.id.clone() }, look.now);
            return wait(rollout, "Nomad's failing of the deployment");
        }
        Seen::Known(_) => "the deployment has ended",
        Seen::Absent => "the deployment is gone",
        Seen::Unknown(_) => return wait(rollout, "a look at the deployment"),
    };
    rollout.enter(Phase::RollingBack { stage: RollbackStage::Verifying }, why, look.now);
}

/// Gives way where somebody has promoted in Nomad since: a person's act counts more than what has failed.
fn is_taken_over(rollout: &mut Rollout, look: &Look<'_>) -> bool {
    let Some(deployment) = look.deployment().filter(|deployment| deployment.is_promoted()) else {
        return false;
    };
    let is_anothers = !rollout.is_promoted() && !rollout.promote_intended && !promotes_itself(deployment);
    if is_anothers && deployment.status != crate::rollout::observation::DeploymentStanding::Failed {
        outside::promoted(rollout, look, deployment);
        rollout.aborted = false;
        rollout.rollback_since = None;
        rollout.enter(Phase::AwaitingSuccess, "somebody has promoted in Nomad", look.now);
        return true;
    }
    // What the agent itself or Nomad has promoted in between is undone as what was promoted before.
    if !rollout.is_promoted() {
        outside::promoted(rollout, look, deployment);
    }
    false
}

fn promotes_itself(deployment: &DeploymentSeen) -> bool {
    deployment.groups.values().any(|group| group.auto_promote)
}

/// Ends a rollback that does not come to its end.
pub(super) fn overdue(rollout: &mut Rollout, look: &Look<'_>) {
    let from = rollout.rollback_since.unwrap_or(rollout.started_at);
    let limit = rollout.policy.rollback.timeout;
    if since(from, look.now) < limit {
        return;
    }
    let stage = rollout.phase.name().as_str();
    let why =
        format!("the rollback stood at {stage} after {}: {}", super::in_words(limit), rollout.waiting_for);
    let advice = format!(
        "fail deployment {} if it runs (`nomad deployment fail`), {}",
        rollout.deployment_id,
        verifying::what_to_change(rollout)
    );
    let outcome = Outcome::RollbackIncomplete { reason: reason(rollout), advice };
    end(rollout, outcome, why, look);
}

/// Why it is rolled back.
pub(super) fn reason(rollout: &Rollout) -> String {
    rollout.failure.as_ref().map_or_else(|| "it was rolled back".to_owned(), |failure| failure.reason.clone())
}
