//! Recognized situations: what is going on beside or instead of the plain course, named, with what to do about it.
//!
//! Owns the list and its words. When one is found is in `phase`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A situation that was recognized in a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// Which one.
    pub id: FindingId,
    /// What was seen, in one sentence.
    pub what: String,
    /// What to do; empty where there is nothing to do.
    #[serde(default)]
    pub advice: String,
    /// When it was seen first.
    pub since: Timestamp,
    /// Whether it was seen in the last look too.
    #[serde(default)]
    pub is_current: bool,
}

/// The stable names of situations, in records, the API and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingId {
    /// The update changed allocations where they run: all at once, without a canary.
    InPlaceChange,
    /// The update lowers a count beside canaries: old allocations stop at once and do not come back on a failure (nomad#19643).
    CountDecrease,
    /// Canaries cannot be placed: nothing has room for them.
    NoCapacity,
    /// Canaries cannot be placed because a static port is taken by the old version.
    StaticPort,
    /// A newer version of the job took the place of this one before it was promoted.
    NewerVersion,
    /// Nomad has collected the deployment.
    DeploymentCollected,
    /// The job is gone: stopped and purged.
    JobPurged,
    /// The job was stopped.
    JobStopped,
    /// Nomad promotes by itself as soon as the canaries are healthy: nothing is judged before.
    AutoPromote,
    /// Nomad reverts by itself when the deployment fails.
    AutoRevert,
    /// Nomad has promoted by itself.
    PromotedByNomad,
    /// Somebody has promoted by hand.
    PromotedByHand,
    /// Somebody has failed the deployment by hand.
    FailedByHand,
    /// Nomad has failed the deployment.
    FailedByNomad,
    /// Somebody has reverted the job by hand.
    RevertedByHand,
    /// Somebody has paused the deployment in Nomad.
    PausedByHand,
    /// Somebody has changed the counts of the job while the rollout ran.
    ScaledByHand,
    /// A task of the new version has failed for good.
    FatalTask,
    /// The deployment has no canaries because the job is new.
    FirstRegistration,
    /// Canaries were ready and are not any more.
    CanariesUnhealthy,
    /// Something could not be read, which nothing is decided upon.
    Unseen,
    /// Checks have too little to go by.
    Inconclusive,
    /// Checks cannot be made.
    CheckErrors,
    /// The agent's token may not do what is to be done.
    PermissionDenied,
    /// The version to go back to was collected.
    StableVersionCollected,
    /// A check fails after somebody has promoted by hand: it is told and not acted upon.
    FailingAfterManualPromotion,
    /// The bake after the promotion ended without a judgment.
    Unjudged,
    /// The record was written by a later version of the agent, and holds what this one does not know.
    NewerRecord,
    /// One that a later version knows.
    #[serde(other)]
    Other,
}

impl FindingId {
    /// All that this version can find.
    pub const ALL: &[Self] = &[
        Self::InPlaceChange,
        Self::CountDecrease,
        Self::NoCapacity,
        Self::StaticPort,
        Self::NewerVersion,
        Self::DeploymentCollected,
        Self::JobPurged,
        Self::JobStopped,
        Self::AutoPromote,
        Self::AutoRevert,
        Self::PromotedByNomad,
        Self::PromotedByHand,
        Self::FailedByHand,
        Self::FailedByNomad,
        Self::RevertedByHand,
        Self::PausedByHand,
        Self::ScaledByHand,
        Self::FatalTask,
        Self::FirstRegistration,
        Self::CanariesUnhealthy,
        Self::Unseen,
        Self::Inconclusive,
        Self::CheckErrors,
        Self::PermissionDenied,
        Self::StableVersionCollected,
        Self::FailingAfterManualPromotion,
        Self::Unjudged,
        Self::NewerRecord,
    ];

    /// The name in records, the API and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InPlaceChange => "in_place_change",
            Self::CountDecrease => "count_decrease",
            Self::NoCapacity => "no_capacity",
            Self::StaticPort => "static_port",
            Self::NewerVersion => "newer_version",
            Self::DeploymentCollected => "deployment_collected",
            Self::JobPurged => "job_purged",
            Self::JobStopped => "job_stopped",
            Self::AutoPromote => "auto_promote",
            Self::AutoRevert => "auto_revert",
            Self::PromotedByNomad => "promoted_by_nomad",
            Self::PromotedByHand => "promoted_by_hand",
            Self::FailedByHand => "failed_by_hand",
            Self::FailedByNomad => "failed_by_nomad",
            Self::RevertedByHand => "reverted_by_hand",
            Self::PausedByHand => "paused_by_hand",
            Self::ScaledByHand => "scaled_by_hand",
            Self::FatalTask => "fatal_task",
            Self::FirstRegistration => "first_registration",
            Self::CanariesUnhealthy => "canaries_unhealthy",
            Self::Unseen => "unseen",
            Self::Inconclusive => "inconclusive",
            Self::CheckErrors => "check_errors",
            Self::PermissionDenied => "permission_denied",
            Self::StableVersionCollected => "stable_version_collected",
            Self::FailingAfterManualPromotion => "failing_after_manual_promotion",
            Self::Unjudged => "unjudged",
            Self::NewerRecord => "newer_record",
            Self::Other => "other",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::InPlaceChange => {
                "to have such a change judged, change something of the task too, such as its meta, so that Nomad makes new allocations"
            }
            Self::CountDecrease => {
                "change counts in an update of their own; set the count again if the rollout fails"
            }
            Self::NoCapacity => {
                "free room or add a node that fits the job's constraints; the rollout goes on by itself"
            }
            Self::StaticPort => {
                "use a dynamic port, or add nodes: two allocations cannot have one static port of one node"
            }
            Self::NewerVersion => "nothing: the newer version is rolled out instead",
            Self::DeploymentCollected => {
                "look at `nomad job status`; Nomad collects deployments that have ended"
            }
            Self::JobPurged | Self::JobStopped => "nothing, if this was meant; else register the job again",
            Self::AutoPromote => "take auto_promote out of the job's update block, so that checks can decide",
            Self::AutoRevert => {
                "take auto_revert out of the job's update block: its revert waits as a canary to be promoted"
            }
            Self::PromotedByNomad => {
                "take auto_promote out of the job's update block; the version is judged after its promotion"
            }
            Self::PromotedByHand => "nothing; `nova-agent rollout abort` rolls it back",
            Self::FailedByHand | Self::FailedByNomad => {
                "see why with `nomad deployment status` and the allocations' events, then correct the job's specification"
            }
            Self::RevertedByHand => "nothing: the version that was gone back to is rolled out",
            Self::PausedByHand => {
                "resume it with `nomad deployment resume`, and hold rollouts with `nova-agent rollout pause`: Nomad's deadline runs on in a pause"
            }
            Self::ScaledByHand => "leave counts alone while a rollout runs",
            Self::FatalTask => {
                "see `nomad alloc status` and the task's log, and correct the job's specification"
            }
            Self::FirstRegistration => "nothing: there is no older version to compare with",
            Self::CanariesUnhealthy => "see the service's checks in Consul and `nomad alloc status`",
            Self::Unseen => "see whether Nomad, Consul and the instances answer this agent",
            Self::Inconclusive => {
                "send more requests, lower min_sample in the policy, or decide with `nova-agent rollout promote` or `abort`"
            }
            Self::CheckErrors => "see whether the instances' metrics listeners answer this agent",
            Self::PermissionDenied => "grant the agent's token submit-job in the job's namespace",
            Self::StableVersionCollected => "register the specification of the last good version again",
            Self::FailingAfterManualPromotion => {
                "roll back with `nova-agent rollout abort`, if the numbers say so"
            }
            Self::Unjudged => "look at the version's metrics yourself",
            Self::NewerRecord => "update this agent, or let the newer one lead",
            Self::Other => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_records_and_each_has_advice() {
        for id in FindingId::ALL {
            assert_eq!(serde_json::to_value(id).unwrap(), id.as_str());
            assert!(!id.advice().is_empty(), "{id:?}");
        }
    }
}
