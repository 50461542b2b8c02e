//! What others have done in Nomad: somebody by hand, Nomad by itself, or a newer version.
//!
//! It is told from the agent's own acts by what the record says that the agent has ever meant to do. A rollback looks for itself.

use super::{Look, begin_rollback, end, named};
use crate::rollout::action::EventKind;
use crate::rollout::finding::FindingId;
use crate::rollout::observation::{DeploymentSeen, DeploymentStanding, JobSeen, Seen};
use crate::rollout::policy::Strategy;
use crate::rollout::record::{Outcome, Phase, PromotedBy, Rollout};

/// Takes in what others have done.
pub(super) fn reconcile(rollout: &mut Rollout, look: &Look<'_>) {
    if matches!(rollout.phase, Phase::RollingBack { .. }) {
        return;
    }
    if is_purged(rollout, look) {
        abandon(rollout, look, FindingId::JobPurged, "the job was purged");
        return;
    }
    match &look.seen.deployment {
        Seen::Known(deployment) if deployment.status == DeploymentStanding::Failed => {
            failed(rollout, look, deployment)
        }
        Seen::Known(deployment) => {
            if !newer(rollout, look) {
                stands(rollout, look, deployment);
            }
        }
        Seen::Absent => {
            if !newer(rollout, look) {
                collected(rollout, look);
            }
        }
        Seen::Unknown(_) => {
            newer(rollout, look);
        }
    }
}

/// Whether the job is gone, or is another life of it.
pub(super) fn is_purged(rollout: &Rollout, look: &Look<'_>) -> bool {
    match &look.seen.job {
        Seen::Absent => true,
        Seen::Known(job) => job.create_index != rollout.job_create_index,
        Seen::Unknown(_) => false,
    }
}

pub(super) fn abandon(rollout: &mut Rollout, look: &Look<'_>, finding: FindingId, reason: &str) {
    rollout.find(finding, reason, look.now);
    let outcome = Outcome::Abandoned { finding, reason: reason.to_owned() };
    end(rollout, outcome, reason, look);
}

/// Ends it where the job was stopped or has a newer version. Returns whether it has.
fn newer(rollout: &mut Rollout, look: &Look<'_>) -> bool {
    let Some(job) = look.job() else { return false };
    if job.version > rollout.canary.job_version {
        supersede(rollout, look, job);
        return true;
    }
    if job.stopped {
        abandon(rollout, look, FindingId::JobStopped, "the job was stopped");
        return true;
    }
    false
}

/// Ends it for a newer version, and names what that version is.
pub(super) fn supersede(rollout: &mut Rollout, look: &Look<'_>, job: &JobSeen) {
    let is_named_as = |name: Option<&String>| name.is_some() && job.version_name.as_ref() == name;
    let (id, what) = if is_named_as(rollout.stable.as_ref().and_then(|stable| stable.name.as_ref())) {
        (FindingId::RevertedByHand, format!("version {} is the version before again", job.version))
    } else if is_named_as(rollout.canary.name.as_ref()) && job.counts != job.previous_counts {
        (FindingId::ScaledByHand, format!("version {} differs in its counts", job.version))
    } else {
        (FindingId::NewerVersion, format!("version {} was registered", job.version))
    };
    rollout.find(id, what.clone(), look.now);
    end(rollout, Outcome::Superseded { by_version: job.version }, what, look);
}

fn failed(rollout: &mut Rollout, look: &Look<'_>, deployment: &DeploymentSeen) {
    let words = &deployment.description;
    // `DeploymentStatusDescriptionFailedByUser` in nomad/structs/deployment.go.
    let is_by_hand = words.contains("marked as failed");
    let id = if is_by_hand { FindingId::FailedByHand } else { FindingId::FailedByNomad };
    let who = if is_by_hand {
        "somebody has failed the deployment in Nomad"
    } else {
        "Nomad has failed the deployment"
    };
    let what = format!("{who}: {words}");
    rollout.find(id, what.clone(), look.now);
    if is_by_hand {
        rollout.tell(EventKind::ActedByHand, what.clone(), id.advice(), look.now);
    }
    begin_rollback(rollout, what, look);
}

fn stands(rollout: &mut Rollout, look: &Look<'_>, deployment: &DeploymentSeen) {
    if deployment.status == DeploymentStanding::Cancelled {
        return cancelled(rollout, look, &deployment.description);
    }
    let is_successful = deployment.status == DeploymentStanding::Successful;
    if !rollout.is_promoted() && (deployment.is_promoted() || is_successful) {
        promoted(rollout, look, deployment);
    }
    if !rollout.is_promoted() || rollout.phase == Phase::PostPromotionBake {
        return;
    }
    if is_successful {
        rollout.enter(Phase::PostPromotionBake, "the deployment is successful", look.now);
        rollout.bake_since = Some(look.now);
    } else if rollout.phase != Phase::AwaitingSuccess {
        rollout.enter(Phase::AwaitingSuccess, "the canaries are promoted", look.now);
    }
}

/// Why a deployment was cancelled is in the job, which may have been read before it was changed, or in Nomad's words.
fn cancelled(rollout: &mut Rollout, look: &Look<'_>, words: &str) {
    if look.job().is_none() {
        return;
    }
    let reason = format!("the deployment was cancelled: {words}");
    if words.contains("newer version") {
        rollout.find(FindingId::NewerVersion, reason.clone(), look.now);
        let by_version = rollout.canary.job_version.saturating_add(1);
        end(rollout, Outcome::Superseded { by_version }, reason, look);
    } else if words.contains("stopped") {
        abandon(rollout, look, FindingId::JobStopped, &reason);
    } else {
        abandon(rollout, look, FindingId::FailedByNomad, &reason);
    }
}

/// Takes down who has promoted.
pub(super) fn promoted(rollout: &mut Rollout, look: &Look<'_>, deployment: &DeploymentSeen) {
    let promotes_itself = deployment.groups.values().any(|group| group.auto_promote);
    let is_ours = rollout.promote_intended || rollout.strategy == Strategy::Rolling;
    let by = match rollout.promote_ordered.clone() {
        // Whoever did it in the end: a person wants it.
        Some(by) => PromotedBy::Command { by },
        None if is_ours => PromotedBy::Agent,
        None if promotes_itself => PromotedBy::Nomad,
        None => PromotedBy::Hand,
    };
    if !is_ours && promotes_itself {
        rollout.find(FindingId::PromotedByNomad, "Nomad has promoted by itself", look.now);
    } else if !is_ours {
        let (id, what) = (FindingId::PromotedByHand, "somebody has promoted the deployment in Nomad");
        rollout.find(id, what, look.now);
        rollout.tell(EventKind::ActedByHand, what.to_owned(), id.advice(), look.now);
    }
    rollout.promoted = Some((look.now, by));
    rollout.paused = None;
    rollout.bake_since = Some(look.now);
    let message = format!("{} is promoted", named(rollout));
    rollout.tell(EventKind::Promoted, message, "", look.now);
}

/// The deployment is not there any more, and no newer version is: Nomad collects what has ended.
fn collected(rollout: &mut Rollout, look: &Look<'_>) {
    if look.job().is_none() {
        return;
    }
    let reason = "Nomad has collected the deployment";
    if rollout.phase == Phase::PostPromotionBake {
        rollout.find(FindingId::DeploymentCollected, reason, look.now);
    } else {
        abandon(rollout, look, FindingId::DeploymentCollected, reason);
    }
}
