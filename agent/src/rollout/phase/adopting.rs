//! Whether a deployment is adopted: once, if a policy is for its job, and after the rollout before it has come to its end.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::named;
use crate::rollout::action::{EventKind, VersionRef};
use crate::rollout::finding::FindingId;
use crate::rollout::observation::{DeploymentSeen, DeploymentStanding, JobSeen, Seen};
use crate::rollout::policy::{Policy, Strategy};
use crate::rollout::record::{FORMAT, Failure, Outcome, Phase, RollbackStage, Rollout, Target};

/// What is known when it is decided whether a deployment is adopted.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// The job.
    pub target: &'a Target,
    /// The job's latest deployment.
    pub latest: &'a Seen<DeploymentSeen>,
    /// The job as it is registered.
    pub job: &'a Seen<JobSeen>,
    /// The rollout that the store has of this job, ended or not.
    pub current: Option<&'a Rollout>,
    /// The rules, and where they come from; absent where the job is not to be rolled out by this agent.
    pub policy: Option<(&'a Policy, &'a [String])>,
    /// The term of the leader.
    pub epoch: u64,
}

/// Whether a deployment is adopted.
#[derive(Clone, Debug, PartialEq)]
pub enum Adoption {
    /// It is: this is its record. Where the store has another one, that has ended, and goes to the history.
    Adopt(Box<Rollout>),
    /// The record of the store goes on; it takes in what has happened, a newer version among that, by [`advance`](super::advance).
    Continue,
    /// There is nothing to do, for this reason.
    LeaveAlone(&'static str),
}

/// Decides whether the job's latest deployment is adopted.
///
/// One rollout of a job is under way at a time: while the record of an earlier one is not closed, it goes on first, and sees for itself
/// that it is superseded.
#[must_use]
pub fn adopt(candidate: &Candidate<'_>, now: Timestamp) -> Adoption {
    if candidate.current.is_some_and(|current| !current.is_closed()) {
        return Adoption::Continue;
    }
    let Some((policy, origin)) = candidate.policy else {
        return Adoption::LeaveAlone("no policy is for this job");
    };
    let (Some(latest), Some(job)) = (candidate.latest.known(), candidate.job.known()) else {
        return Adoption::LeaveAlone("the job or its deployment is not there, or could not be read");
    };
    if latest.status == DeploymentStanding::Other {
        return Adoption::LeaveAlone("the deployment is one of several regions");
    }
    if !latest.is_active() && !has_failed_unseen(latest, job, candidate.current) {
        return Adoption::LeaveAlone("the deployment has ended");
    }
    if latest.job_version != job.version || job.stopped {
        return Adoption::LeaveAlone("the deployment is not that of the job's current version");
    }
    let of_this = candidate.current.filter(|current| current.deployment_id == latest.id);
    let mut rollout = new(candidate.target, latest, job, policy, now);
    rollout.policy_origin = origin.to_vec();
    rollout.epoch = candidate.epoch;
    match of_this.map(|current| &current.phase) {
        None => {}
        // The servers did not answer for longer than a rollback may take, and now they do.
        Some(Phase::Ended { outcome: Outcome::RollbackIncomplete { reason, .. } }) => {
            rollout.failure = Some(Failure { at: now, reason: reason.clone() });
            rollout.rollback_since = Some(now);
            rollout.phase = Phase::RollingBack { stage: RollbackStage::TrafficAway };
        }
        Some(_) => return Adoption::LeaveAlone("the deployment has been decided"),
    }
    let message = format!("{} is rolled out as {}", named(&rollout), rollout.strategy.as_str());
    rollout.tell(EventKind::Adopted, message, "", now);
    if rollout.stable.is_none() && !latest.has_canaries() {
        rollout.find(FindingId::FirstRegistration, "the job is new: it has no canaries", now);
    }
    Adoption::Adopt(Box::new(rollout))
}

/// Whether a version came after that of the record and failed before any look at it, as one does whose task cannot start: what is
/// left in the specification has to be told all the same.
///
/// A revert of the agent's own is no new version: taking up a failed one would revert the job again, for ever.
fn has_failed_unseen(latest: &DeploymentSeen, job: &JobSeen, current: Option<&Rollout>) -> bool {
    let Some(current) = current.filter(|current| current.job_create_index == job.create_index) else {
        return false;
    };
    let own = || (!current.revert_intended).then_some(current.canary.job_version);
    let last = current.revert_version.or_else(own);
    latest.status == DeploymentStanding::Failed && last.is_some_and(|last| last < latest.job_version)
}

/// How the version comes: the deployment tells what there is, the policy which of the strategies with canaries it is meant as.
fn strategy(deployment: &DeploymentSeen, policy: &Policy) -> Strategy {
    if !deployment.has_canaries() {
        return Strategy::Rolling;
    }
    match policy.strategy {
        Some(strategy @ (Strategy::Canary | Strategy::BlueGreen)) => strategy,
        _ if deployment.desired_canaries() >= deployment.desired_total() => Strategy::BlueGreen,
        _ => Strategy::Canary,
    }
}

fn new(target: &Target, latest: &DeploymentSeen, job: &JobSeen, policy: &Policy, now: Timestamp) -> Rollout {
    let strategy = strategy(latest, policy);
    let is_rolling = strategy == Strategy::Rolling;
    Rollout {
        format: FORMAT,
        target: target.clone(),
        deployment_id: latest.id.clone(),
        canary: VersionRef { job_version: latest.job_version, name: job.version_name.clone() },
        stable: job.stable.clone().map(|(job_version, name)| VersionRef { job_version, name }),
        job_create_index: job.create_index,
        job_modify_index: job.modify_index,
        strategy,
        policy: policy.clone(),
        policy_origin: Vec::new(),
        phase: if is_rolling { Phase::Replacing } else { Phase::AwaitingCanaries },
        started_at: now,
        entered_at: now,
        held: Duration::ZERO,
        bake_since: is_rolling.then_some(now),
        promoted: None,
        promote_ordered: None,
        promote_intended: false,
        fail_intended: false,
        revert_intended: false,
        revert_version: None,
        rollback_since: None,
        paused: None,
        failure: None,
        aborted: false,
        approvals: BTreeMap::new(),
        checks: BTreeMap::new(),
        waiting_for: String::new(),
        findings: Vec::new(),
        intents: Vec::new(),
        next_intent: 0,
        refused: None,
        handled: VecDeque::new(),
        transitions: Vec::new(),
        epoch: 0,
        rest: serde_json::Map::new(),
    }
}
