//! An allocation: one instance of a group, from its place to its end.

use serde_json::{Value, json};
use uuid::Uuid;

use super::job::Place;

/// What a node says of an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Pending,
    Running,
    Complete,
    Failed,
}

/// One allocation.
#[derive(Debug, Clone)]
pub(super) struct Allocation {
    pub(super) id: String,
    pub(super) place: Place,
    pub(super) group: String,
    pub(super) number: usize,
    pub(super) job_version: u64,
    /// What tells its program from others.
    pub(super) label: String,
    /// What its version asks of its tasks.
    pub(super) tasks: Value,
    /// The name of its task.
    pub(super) task: String,
    /// The service that it is an instance of.
    pub(super) service: String,
    pub(super) deployment: Option<String>,
    pub(super) is_canary: bool,
    /// Settled once.
    pub(super) healthy: Option<bool>,
    pub(super) is_wanted: bool,
    pub(super) client: Client,
    /// For how many looks of its servers it has run.
    pub(super) looks: u32,
    pub(super) restarts: u64,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

impl Allocation {
    /// An allocation that is to run, and does not yet.
    pub(super) fn placed(place: Place, group: &str, number: usize, job_version: u64, index: u64) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            place,
            group: group.to_owned(),
            number,
            job_version,
            label: String::new(),
            tasks: Value::Null,
            task: String::new(),
            service: String::new(),
            deployment: None,
            is_canary: false,
            healthy: None,
            is_wanted: true,
            client: Client::Pending,
            looks: 0,
            restarts: 0,
            create_index: index,
            modify_index: index,
        }
    }

    /// Whether it runs, or will.
    pub(super) fn is_live(&self) -> bool {
        self.is_wanted && matches!(self.client, Client::Pending | Client::Running)
    }

    /// As lists have it.
    pub(super) fn json(&self) -> Value {
        let (namespace, job) = &self.place;
        let client = match self.client {
            Client::Pending => "pending",
            Client::Running => "running",
            Client::Complete => "complete",
            Client::Failed => "failed",
        };
        let state = match self.client {
            Client::Pending => "pending",
            Client::Running => "running",
            Client::Complete | Client::Failed => "dead",
        };
        let is_failed = self.client == Client::Failed;
        let task = json!({ "State": state, "Failed": is_failed, "Restarts": self.restarts, "Events": [] });
        let tasks = if self.client == Client::Pending { Value::Null } else { json!({ &self.task: task }) };
        let status = self.deployment.as_ref().filter(|_| self.is_canary || self.healthy.is_some()).map(|_| {
            json!({ "Healthy": self.healthy, "Timestamp": "0001-01-01T00:00:00Z", "Canary": self.is_canary, "ModifyIndex": self.modify_index })
        });
        json!({
            "ID": self.id, "EvalID": "", "Name": format!("{job}.{}[{}]", self.group, self.number), "Namespace": namespace,
            "NodeID": "00000000-0000-4000-8000-000000000001", "NodeName": "nomad", "JobID": job, "JobType": "service",
            "JobVersion": self.job_version, "TaskGroup": self.group,
            "DesiredStatus": if self.is_wanted { "run" } else { "stop" }, "DesiredDescription": "",
            "ClientStatus": client, "ClientDescription": "", "TaskStates": tasks, "DeploymentStatus": status,
            "FollowupEvalID": "", "NextAllocation": "", "CreateIndex": self.create_index, "ModifyIndex": self.modify_index,
        })
    }
}
