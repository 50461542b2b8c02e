//! The end of a rollback: what runs, what the job says, and how it is taken back where the policy lets the agent do that.

use std::time::Duration;

use super::baking::wait;
use super::health::{self, Health};
use super::rolling_back::reason;
use super::{Look, end, outside};
use crate::rollout::action::{Action, Refusal};
use crate::rollout::finding::FindingId;
use crate::rollout::observation::{AllocationSeen, DeploymentStanding, JobSeen, Seen};
use crate::rollout::policy::{Revert, Strategy};
use crate::rollout::record::{Outcome, Phase, RollbackStage, Rollout, since};

/// How long a deployment of the reverted version is waited for: where nothing has to be made anew, Nomad makes none.
const DEPLOYMENT_PATIENCE: Duration = Duration::from_secs(30);

/// Looks at what runs and what the job says.
pub(super) fn verify(rollout: &mut Rollout, look: &Look<'_>) {
    let Some(job) = look.job() else { return wait(rollout, "a look at the job") };
    if job.version > rollout.canary.job_version {
        return changed_meanwhile(rollout, look, job);
    }
    if is_nomads_revert(look) {
        return wait(rollout, "Nomad's own revert of the job");
    }
    let Some(stable) = rollout.stable.clone() else {
        let advice =
            "there is no version to go back to: correct the job's specification and register it".to_owned();
        let outcome = Outcome::HandedOver { reason: reason(rollout), advice };
        return end(rollout, outcome, "there is no version to go back to", look);
    };
    if rollout.policy.rollback.revert == Revert::PriorVersion {
        let stage = RollbackStage::Reverting;
        let why = format!("the job is at version {}, and the policy lets it be reverted", job.version);
        return rollout.enter(Phase::RollingBack { stage }, why, look.now);
    }
    hand_back(rollout, look, stable.job_version);
}

/// Ends without touching the job: the old version is in force where its instances run and those of the new one are gone.
fn hand_back(rollout: &mut Rollout, look: &Look<'_>, stable: u64) {
    let live = |version: u64| look.allocations_of(version).map(|mut all| all.any(AllocationSeen::is_live));
    let (Some(is_new_live), Some(is_old_live)) = (live(rollout.canary.job_version), live(stable)) else {
        return wait(rollout, "a look at the allocations");
    };
    let (reason, advice) = (reason(rollout), what_to_change(rollout));
    // Nomad stops canaries with their deployment, and leaves what has taken an old one's place.
    let are_stopping = rollout.strategy != Strategy::Rolling && !rollout.is_promoted();
    if is_new_live && is_old_live && are_stopping {
        return wait(rollout, "the new version's instances, which are stopping");
    }
    let (outcome, why) = if is_old_live && !is_new_live {
        (Outcome::RolledBack { reason, advice }, "the old version's instances alone run")
    } else {
        (
            Outcome::HandedOver { reason, advice },
            "instances of the new version run, and the policy leaves the job to others",
        )
    };
    end(rollout, outcome, why, look);
}

/// The job is at a later version: Nomad's own revert, ours, or somebody's new one.
fn changed_meanwhile(rollout: &mut Rollout, look: &Look<'_>, job: &JobSeen) {
    if is_nomads_revert(look) {
        let what = format!("Nomad has reverted the job by itself, to version {}", job.version);
        rollout.find(FindingId::AutoRevert, what.clone(), look.now);
        follow_revert(rollout, look, job, what);
    } else {
        outside::supersede(rollout, look, job);
    }
}

/// Whether Nomad has taken the job back by itself, as `DeploymentStatusDescriptionRollback` in nomad/structs/deployment.go says.
fn is_nomads_revert(look: &Look<'_>) -> bool {
    look.deployment().is_some_and(|deployment| deployment.description.contains("rolling back to job version"))
}

fn follow_revert(rollout: &mut Rollout, look: &Look<'_>, job: &JobSeen, why: String) {
    rollout.revert_version = Some(job.version);
    rollout.enter(Phase::RollingBack { stage: RollbackStage::PromotingRevert }, why, look.now);
}

/// Registers the earlier version anew, if nobody else has changed the job.
pub(super) fn revert(rollout: &mut Rollout, look: &Look<'_>) {
    let Some(job) = look.job() else { return wait(rollout, "a look at the job") };
    let Some(stable) = rollout.stable.clone() else { return verify(rollout, look) };
    let refusal =
        rollout.refused.as_ref().filter(|refused| refused.action == "revert").map(|refused| refused.refusal);
    if job.version > rollout.canary.job_version && is_nomads_revert(look) {
        return changed_meanwhile(rollout, look, job);
    }
    if job.version > rollout.canary.job_version {
        let differs = matches!((&job.version_name, &stable.name), (Some(now), Some(then)) if now != then);
        if !rollout.revert_intended || refusal == Some(Refusal::Conflict) || differs {
            return outside::supersede(rollout, look, job);
        }
        let why =
            format!("the job is at version {}, which is version {} again", job.version, stable.job_version);
        return follow_revert(rollout, look, job, why);
    }
    if refusal == Some(Refusal::UnknownVersion) {
        rollout.find(FindingId::StableVersionCollected, "the version to go back to was collected", look.now);
        return hand_back(rollout, look, stable.job_version);
    }
    let to = stable.job_version;
    rollout.intend(Action::Revert { to, enforce_prior: rollout.canary.job_version }, look.now);
    wait(rollout, "Nomad's revert of the job");
}

/// Brings the reverted version into force: it has canaries again, of a version that is known to be good (nomad#10882).
pub(super) fn promote_revert(rollout: &mut Rollout, look: &Look<'_>) {
    let Some(version) = rollout.revert_version else { return verify(rollout, look) };
    match look.job() {
        Some(job) if job.version > version => return outside::supersede(rollout, look, job),
        Some(_) => {}
        None => return wait(rollout, "a look at the job"),
    }
    match &look.seen.latest {
        Seen::Unknown(_) => wait(rollout, "a look at the revert's deployment"),
        Seen::Known(latest) if latest.job_version == version => match latest.status {
            DeploymentStanding::Successful => reverted(rollout, look, version),
            DeploymentStanding::Failed | DeploymentStanding::Cancelled => {
                let advice = format!(
                    "the revert's deployment has failed: {}; {}",
                    latest.description,
                    what_to_change(rollout)
                );
                let outcome = Outcome::RollbackIncomplete { reason: reason(rollout), advice };
                end(rollout, outcome, "the revert's deployment has failed", look);
            }
            _ if latest.has_canaries() && !latest.is_promoted() => {
                match health::of_version(look, version, latest.desired_canaries()) {
                    Health::Ready => {
                        rollout.intend(Action::PromoteRevert { deployment_id: latest.id.clone() }, look.now);
                        wait(rollout, "the promotion of the revert");
                    }
                    Health::Short(_) => wait(rollout, "the revert's canaries"),
                    Health::Unknown(why) => wait(rollout, why),
                }
            }
            _ => wait(rollout, "the success of the revert's deployment"),
        },
        Seen::Known(_) | Seen::Absent => {
            let is_live = look
                .allocations_of(rollout.canary.job_version)
                .map(|mut all| all.any(AllocationSeen::is_live));
            if is_live == Some(false) && since(rollout.entered_at, look.now) >= DEPLOYMENT_PATIENCE {
                reverted(rollout, look, version);
            } else {
                wait(rollout, "the revert's deployment");
            }
        }
    }
}

fn reverted(rollout: &mut Rollout, look: &Look<'_>, version: u64) {
    let outcome = Outcome::RolledBack { reason: reason(rollout), advice: String::new() };
    let why = format!("version {version}, which is the old one again, is in force");
    end(rollout, outcome, why, look);
}

/// What whoever registers the job has to change.
pub(super) fn what_to_change(rollout: &Rollout) -> String {
    let named = |version: u64, name: Option<&String>| match name {
        Some(name) => format!("version {version} ({name})"),
        None => format!("version {version}"),
    };
    let bad = named(rollout.canary.job_version, rollout.canary.name.as_ref());
    let job = &rollout.target.job;
    match &rollout.stable {
        Some(stable) => {
            let good = named(stable.job_version, stable.name.as_ref());
            let back = match &stable.name {
                Some(name) => format!("set its version back to \"{name}\""),
                None => format!("take it back to what version {} says", stable.job_version),
            };
            format!(
                "the specification of {job} is still that of {bad}, which a reschedule or a drain would start again: {back} where \
                 it is kept and register it, or run `nomad job revert {job} {}` for {good}",
                stable.job_version
            )
        }
        None => format!(
            "the specification of {job} is that of {bad}: correct it where it is kept, and register it"
        ),
    }
}
