//! What one look has shown: everything that a decision may depend on, and what could not be read.
//!
//! Owns the types. Gathering them is in `observe`. Numbers of job versions are Nomad's; an allocation's version is the truth, names
//! and tags of the catalog are not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::verdict::CheckResult;

/// Something that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Seen<T> {
    /// It is there.
    Known(T),
    /// It is not there, and whoever said so can tell.
    Absent,
    /// It could not be read, for this reason. Nothing is decided upon it; it ends by the overall timeout alone.
    Unknown(String),
}

impl<T> Seen<T> {
    /// What is there.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Whether it is known not to be there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// One look.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The deployment of the rollout, by its id.
    pub deployment: Seen<DeploymentSeen>,
    /// The job as it is registered now.
    pub job: Seen<JobSeen>,
    /// The job's latest deployment: that of the rollout, of a newer version, or of a revert. Absent where the job has none.
    pub latest: Seen<DeploymentSeen>,
    /// The job's allocations, of all versions, dead ones too. Absent means none.
    pub allocations: Seen<Vec<AllocationSeen>>,
    /// The instances of the job's service in the catalog.
    pub instances: Seen<Vec<InstanceSeen>>,
    /// What the evaluations of the job's current version could not place. Absent where all is placed.
    pub placement: Seen<PlacementSeen>,
    /// What the checks of the policy say now; none before samples were taken.
    pub checks: Vec<CheckResult>,
    /// What the webhooks that were asked have answered, by gate. Windows, blackout dates and approvals are not among them.
    pub gates: Vec<GateSeen>,
    /// How requests are shared.
    pub traffic: Seen<TrafficSeen>,
    /// What people have commanded and the record does not name as handled.
    pub commands: Vec<Command>,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeploymentSeen {
    /// Its id.
    pub id: String,
    /// The version that it brings.
    pub job_version: u64,
    /// Where it stands.
    pub status: DeploymentStanding,
    /// Why, in Nomad's words.
    pub description: String,
    /// Its groups, by name.
    pub groups: BTreeMap<String, GroupSeen>,
}

/// Where a deployment stands, as far as it makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeploymentStanding {
    /// Under way.
    Running,
    /// Somebody holds it in Nomad.
    Paused,
    /// All is promoted and healthy.
    Successful,
    /// Given up.
    Failed,
    /// A newer version has taken its place, or the job was stopped.
    Cancelled,
    /// One of several regions', or one that this version does not know: nothing is decided upon it.
    Other,
}

/// A group of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupSeen {
    /// Whether its canaries were promoted.
    pub promoted: bool,
    /// Whether Nomad promotes by itself.
    pub auto_promote: bool,
    /// Whether Nomad reverts by itself.
    pub auto_revert: bool,
    /// How many canaries there are to be.
    pub desired_canaries: u64,
    /// How many allocations there are to be at the end.
    pub desired_total: u64,
    /// Found healthy by Nomad, which never looks again.
    pub healthy: u64,
    /// Found unhealthy by Nomad.
    pub unhealthy: u64,
}

impl DeploymentSeen {
    /// Whether it can still be decided.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(
            self.status,
            DeploymentStanding::Running | DeploymentStanding::Paused | DeploymentStanding::Other
        )
    }

    /// Whether any group has canaries.
    #[must_use]
    pub fn has_canaries(&self) -> bool {
        self.groups.values().any(|group| group.desired_canaries > 0)
    }

    /// Whether every group that has canaries is promoted.
    #[must_use]
    pub fn is_promoted(&self) -> bool {
        self.has_canaries()
            && self.groups.values().filter(|group| group.desired_canaries > 0).all(|group| group.promoted)
    }

    /// Canaries of all groups.
    #[must_use]
    pub fn desired_canaries(&self) -> u64 {
        self.groups.values().map(|group| group.desired_canaries).sum()
    }

    /// Allocations of all groups at the end.
    #[must_use]
    pub fn desired_total(&self) -> u64 {
        self.groups.values().map(|group| group.desired_total).sum()
    }
}

/// The job as it is registered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobSeen {
    /// The number of its current version.
    pub version: u64,
    /// Which life of the job it is.
    pub create_index: u64,
    /// What changes with its specification, and with its counts.
    pub modify_index: u64,
    /// Whether it was stopped.
    pub stopped: bool,
    /// `Meta.version` that its instances will have, or the job's own `version`; absent where neither is written.
    pub version_name: Option<String>,
    /// The newest version that was stable before the rollout's, with its name; absent where Nomad keeps none.
    pub stable: Option<(u64, Option<String>)>,
    /// The counts of its groups, by name.
    pub counts: BTreeMap<String, u64>,
    /// The counts of the version before, by name; empty where there is none.
    pub previous_counts: BTreeMap<String, u64>,
    /// The policy's keys of its `meta`.
    pub meta: BTreeMap<String, String>,
}

/// An allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllocationSeen {
    /// Its id.
    pub id: String,
    /// The version of the job that it runs.
    pub job_version: u64,
    /// The group.
    pub group: String,
    /// What its node says.
    pub client: ClientStatus,
    /// Whether the servers want it to run.
    pub wanted: bool,
    /// Whether Nomad has found it healthy, once.
    pub healthy: Option<bool>,
    /// Whether it is a canary of the deployment.
    pub canary: bool,
    /// Whether it belongs to the rollout's deployment.
    pub of_deployment: bool,
    /// How often its tasks were started again.
    pub restarts: u64,
    /// Why a task of it is past help, in Nomad's words: a driver's failure, a task that is not restarted, an artifact that is
    /// not there.
    pub fatal: Option<String>,
    /// Whether it was started by an earlier version and changed where it runs.
    pub in_place: bool,
}

/// What a node says of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientStatus {
    /// It is being started.
    Pending,
    /// It runs.
    Running,
    /// It has ended well.
    Complete,
    /// It has failed.
    Failed,
    /// Its node is gone, or not heard of.
    Lost,
}

impl AllocationSeen {
    /// Whether it runs, and is wanted to.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.wanted && matches!(self.client, ClientStatus::Pending | ClientStatus::Running)
    }
}

/// An instance in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstanceSeen {
    /// Its id in the catalog.
    pub id: String,
    /// The allocation that it is.
    pub allocation_id: Option<String>,
    /// The version of the job that its allocation runs, where that is known.
    pub job_version: Option<u64>,
    /// `Meta.version`.
    pub version_name: Option<String>,
    /// Whether all its checks pass now.
    pub passing: bool,
}

/// What could not be placed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlacementSeen {
    /// The group.
    pub group: String,
    /// What there was not enough of, or which constraint kept nodes out, in words.
    pub why: String,
    /// Whether a static port was what was missing.
    pub static_port: bool,
}

/// What a webhook that confirms has answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GateSeen {
    /// The gate's label in the policy.
    pub gate: String,
    /// Whether it is open.
    pub state: GateState,
}

/// Whether a gate is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GateState {
    /// It is.
    Open,
    /// It is not, for this reason.
    Closed(String),
    /// It could not be asked.
    Unknown(String),
}

/// How requests are shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrafficSeen {
    /// What the new version gets, from 0 to 100.
    pub canary_percent: u8,
    /// Whether the share can be set apart from the number of instances.
    pub can_move: bool,
}

/// What somebody has commanded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// Tells it from every other, so that it is carried out once.
    pub id: String,
    /// The deployment that it is about: one about another is declined.
    pub deployment_id: String,
    /// What is wanted.
    pub kind: CommandKind,
    /// Who wants it.
    pub by: String,
    /// Why, in their words.
    #[serde(default)]
    pub reason: String,
    /// When it was taken in.
    pub at: Timestamp,
}

/// What can be commanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// Opens the approvals that stand before the next step.
    Approve,
    /// Holds progress; a failure still rolls back, unless the policy says otherwise.
    Pause,
    /// Goes on.
    Resume,
    /// Promotes now, whatever checks and gates say.
    Promote,
    /// Rolls back.
    Abort,
}

impl CommandKind {
    /// The name in records, the API and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::Abort => "abort",
        }
    }
}
