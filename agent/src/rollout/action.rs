//! What is to be done, as it is written into the record before it is done.
//!
//! Owns the actions and what may come of one. Doing them is the engine's; each is safe to do twice.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A version of the job, as Nomad and as the catalog name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VersionRef {
    /// Nomad's number.
    pub job_version: u64,
    /// `Meta.version` of its instances in the catalog, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How requests are to be shared between the two versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Split {
    /// The old version; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<VersionRef>,
    /// The new version.
    pub canary: VersionRef,
    /// What the new version gets, from 0 to 100; the old one gets the rest.
    pub canary_percent: u8,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Share the requests so. It is done when it was written; that it is in force is seen in the next observation.
    SetTraffic(Split),
    /// Promote the canaries of all groups. The engine reads the deployment again before it does, and does nothing where it is
    /// promoted or has ended.
    Promote {
        /// The deployment.
        deployment_id: String,
    },
    /// Give the deployment up. Done too where it has failed already.
    Fail {
        /// The deployment.
        deployment_id: String,
    },
    /// Register an earlier version anew, if the job is still at `enforce_prior`.
    Revert {
        /// The version to go back to.
        to: u64,
        /// The version that the job must be at.
        enforce_prior: u64,
    },
    /// Promote the deployment that a revert has made: it goes through canaries again, of a version that is known to be good.
    PromoteRevert {
        /// That deployment.
        deployment_id: String,
    },
    /// Give a version a name of ours, so that Nomad does not collect it.
    TagStable {
        /// The version.
        version: u64,
    },
    /// Tell those whom the policy names.
    Notify(Event),
    /// One that a later version of the agent knows. Nobody does it here.
    #[serde(untagged)]
    Unrecognized(serde_json::Value),
}

impl Action {
    /// The name in records, the API and the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SetTraffic(_) => "set_traffic",
            Self::Promote { .. } => "promote",
            Self::Fail { .. } => "fail",
            Self::Revert { .. } => "revert",
            Self::PromoteRevert { .. } => "promote_revert",
            Self::TagStable { .. } => "tag_stable",
            Self::Notify(_) => "notify",
            Self::Unrecognized(_) => "unrecognized",
        }
    }

    /// Whether it stays to be done when the phase that wanted it is left: messages and names do, decisions do not.
    #[must_use]
    pub fn outlives_its_phase(&self) -> bool {
        matches!(self, Self::TagStable { .. } | Self::Notify(_))
    }
}

/// A message to people.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// What kind it is.
    pub kind: EventKind,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it; empty where there is nothing to do.
    #[serde(default)]
    pub advice: String,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A deployment was adopted.
    Adopted,
    /// It waits for a gate, a person among them.
    Waiting,
    /// It does not come on, and somebody should look.
    Held,
    /// A situation was recognized.
    Finding,
    /// The new version is promoted.
    Promoted,
    /// It is being rolled back.
    RollingBack,
    /// It has ended.
    Ended,
    /// Somebody has acted.
    ActedByHand,
    /// One that a later version knows.
    #[serde(other)]
    Other,
}

/// An action that is written down and not settled yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intent {
    /// Its number within the record.
    pub id: u64,
    /// What is to be done.
    pub action: Action,
    /// When it was written down.
    pub at: Timestamp,
    /// How often it was tried in vain. Above zero, or after a restart, the engine reads what is there before it acts.
    #[serde(default)]
    pub tries: u32,
    /// Why the last try was in vain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is done, or was found done.
    Done,
    /// It was refused, and to send it again as it is would be in vain. The next observation decides what follows.
    Refused(Refusal, String),
    /// There was no answer, or one that may pass: it stays to be done.
    Failed(String),
}

/// Why an action was refused, as far as it makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The deployment has ended already.
    DeploymentEnded,
    /// Not all canaries are healthy, as Nomad sees it.
    CanariesNotHealthy,
    /// There is no such deployment or job.
    Gone,
    /// Somebody else has changed the job.
    Conflict,
    /// The job is at the version to go back to.
    AlreadyAtVersion,
    /// The version to go back to was collected.
    UnknownVersion,
    /// The agent's token may not do it.
    PermissionDenied,
    /// Anything else.
    #[serde(other)]
    Other,
}
