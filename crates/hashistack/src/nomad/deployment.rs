//! Deployments: how a new version of a job comes into force, and the calls that decide it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::allocation::Allocation;
use super::job::or_default;
use super::{After, AtIndex};
use crate::transport::{Answer, Call, HashistackError, Transport};

/// The deployments of a client.
#[derive(Debug, Clone, Copy)]
pub struct Deployments<'c> {
    transport: &'c Transport,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deployment {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// The namespace.
    pub namespace: String,
    /// The job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The version that comes into force.
    pub job_version: u64,
    /// The index of that version's specification.
    pub job_spec_modify_index: u64,
    /// Which life of the job it belongs to.
    pub job_create_index: u64,
    /// Its groups, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub task_groups: BTreeMap<String, DeploymentGroup>,
    /// Where it stands.
    pub status: DeploymentStatus,
    /// Why, in Nomad's words.
    #[serde(default)]
    pub status_description: String,
    /// What a later version of this record is compared with.
    pub modify_index: u64,
}

/// Where a deployment stands (`nomad/structs/deployment.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentStatus {
    /// Of several regions: not begun.
    Initializing,
    /// Of several regions: waits for another one.
    Pending,
    /// Under way.
    Running,
    /// Somebody holds it. Its deadline runs on.
    Paused,
    /// Of several regions: waits to be let go.
    Blocked,
    /// Of several regions: is let go.
    Unblocking,
    /// Every group is healthy and promoted.
    Successful,
    /// It is given up.
    Failed,
    /// A newer version has taken its place, or the job was stopped.
    Cancelled,
    /// One that a later version of Nomad knows.
    #[serde(other)]
    Unknown,
}

impl DeploymentStatus {
    /// Whether it can still be decided.
    pub fn is_active(self) -> bool {
        !matches!(self, Self::Successful | Self::Failed | Self::Cancelled)
    }
}

/// One group of a deployment, in numbers of allocations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeploymentGroup {
    /// Whether its canaries were promoted.
    pub promoted: bool,
    /// Whether Nomad goes back to the last stable version by itself when it fails.
    pub auto_revert: bool,
    /// Whether Nomad promotes by itself.
    pub auto_promote: bool,
    /// The canaries, by id.
    #[serde(deserialize_with = "or_default")]
    pub placed_canaries: Vec<String>,
    /// How many canaries there are to be.
    pub desired_canaries: u64,
    /// How many allocations there are to be at the end.
    pub desired_total: u64,
    /// Placed so far.
    pub placed_allocs: u64,
    /// Healthy so far. What turns bad after it was found healthy is counted all the same.
    pub healthy_allocs: u64,
    /// Found unhealthy.
    pub unhealthy_allocs: u64,
}

/// Which groups are promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// All that have canaries. It fails when one of them is short.
    All,
    /// These.
    Named(Vec<String>),
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentUpdate {
    /// The evaluation that carries it out; empty where there is nothing to do.
    #[serde(default, rename = "EvalID")]
    pub eval_id: String,
    /// The version that the job was taken back to, where Nomad did so.
    #[serde(default)]
    pub reverted_job_version: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PromoteRequest<'c> {
    #[serde(rename = "DeploymentID")]
    deployment_id: &'c str,
    all: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'c [String],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HealthRequest<'c> {
    #[serde(rename = "DeploymentID")]
    deployment_id: &'c str,
    #[serde(rename = "HealthyAllocationIDs")]
    healthy: &'c [String],
    #[serde(rename = "UnhealthyAllocationIDs")]
    unhealthy: &'c [String],
}

impl<'c> Deployments<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// All deployments of the client's namespace, or, where that is `*`, of all that the token may read. The oldest first.
    /// With `after`, when one of them has changed.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn list(&self, after: Option<After>) -> Result<AtIndex<Vec<Deployment>>, HashistackError> {
        at_index(&self.transport.send(&waiting(Call::get("/v1/deployments"), after)).await?)
    }

    /// One deployment; nothing where there is none of this id. With `after`, when it has changed.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn read(
        &self,
        id: &str,
        after: Option<After>,
    ) -> Result<AtIndex<Option<Deployment>>, HashistackError> {
        let call = waiting(Call::get("/v1/deployment").segment(id)?, after).accepting(&[404]);
        let answer = self.transport.send(&call).await?;
        if answer.head.status == 404 {
            return Ok(AtIndex { value: None, index: answer.head.index.unwrap_or_default() });
        }
        at_index(&answer)
    }

    /// The allocations of a deployment. It is asked without a wait: Nomad would answer with every change of any allocation.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn allocations(&self, id: &str) -> Result<Vec<Allocation>, HashistackError> {
        self.transport.send(&Call::get("/v1/deployment/allocations").segment(id)?).await?.json()
    }

    /// Promotes the canaries: the old allocations are replaced from now on.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: [`NomadFault::CanariesNotHealthy`](super::NomadFault::CanariesNotHealthy),
    /// [`NomadFault::DeploymentEnded`](super::NomadFault::DeploymentEnded), [`NomadFault::Gone`](super::NomadFault::Gone).
    pub async fn promote(&self, id: &str, groups: &Groups) -> Result<DeploymentUpdate, HashistackError> {
        let (all, groups): (bool, &[String]) = match groups {
            Groups::All => (true, &[]),
            Groups::Named(names) => (false, names),
        };
        let body = PromoteRequest { deployment_id: id, all, groups };
        self.decide(Call::post("/v1/deployment/promote").segment(id)?.json(&body)?).await
    }

    /// Gives the deployment up: its canaries are stopped. The job's specification stays what it is, unless a group reverts by itself.
    ///
    /// # Errors
    /// As [`Self::promote`].
    pub async fn fail(&self, id: &str) -> Result<DeploymentUpdate, HashistackError> {
        self.decide(Call::post("/v1/deployment/fail").segment(id)?).await
    }

    /// Holds the deployment, or lets it go on. Its deadline runs on while it is held.
    ///
    /// # Errors
    /// As [`Self::promote`].
    pub async fn pause(&self, id: &str, pause: bool) -> Result<DeploymentUpdate, HashistackError> {
        let body = serde_json::json!({ "DeploymentID": id, "Pause": pause });
        self.decide(Call::post("/v1/deployment/pause").segment(id)?.json(&body)?).await
    }

    /// Says which allocations are healthy and which are not. One that is not may fail the deployment.
    ///
    /// # Errors
    /// As [`Self::promote`]; [`NomadFault::ForeignAllocation`](super::NomadFault::ForeignAllocation) where one is of another deployment:
    /// nothing has changed then.
    pub async fn set_health(
        &self,
        id: &str,
        healthy: &[String],
        unhealthy: &[String],
    ) -> Result<DeploymentUpdate, HashistackError> {
        let body = HealthRequest { deployment_id: id, healthy, unhealthy };
        self.decide(Call::post("/v1/deployment/allocation-health").segment(id)?.json(&body)?).await
    }

    async fn decide(&self, call: Call) -> Result<DeploymentUpdate, HashistackError> {
        self.transport.send(&call).await?.json()
    }
}

fn waiting(call: Call, after: Option<After>) -> Call {
    match after {
        Some(after) => after.of(call),
        None => call,
    }
}

fn at_index<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<AtIndex<T>, HashistackError> {
    Ok(AtIndex { value: answer.json()?, index: answer.head.index.unwrap_or_default() })
}
