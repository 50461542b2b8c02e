//! Allocations: the instances of a job, and what their tasks went through.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::job::or_default;
use crate::transport::{Call, HashistackError, Transport};

/// The allocations of a client.
#[derive(Debug, Clone, Copy)]
pub struct Allocations<'c> {
    transport: &'c Transport,
}

/// One allocation, as lists have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Allocation {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its group and index, such as `nova-proxy.proxy[0]`.
    pub name: String,
    /// The job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The version of the job that it runs.
    pub job_version: u64,
    /// The group.
    pub task_group: String,
    /// `pending`, `running`, `complete`, `failed`, `lost` or `unknown`: what its node says.
    pub client_status: String,
    /// `run`, `stop` or `evict`: what the servers want of it.
    pub desired_status: String,
    /// How it stands in its deployment; absent where it is of none, or nothing is known yet.
    #[serde(default)]
    pub deployment_status: Option<AllocationHealth>,
    /// Its tasks.
    #[serde(default, deserialize_with = "or_default")]
    pub task_states: BTreeMap<String, TaskState>,
    /// The allocation that was made in its place; empty where none was.
    #[serde(default)]
    pub next_allocation: String,
    /// The index at which it was made: below that of its version's specification, it was changed where it ran.
    #[serde(default)]
    pub create_index: u64,
}

/// How an allocation stands in its deployment. Nomad settles it once: what the checks say later changes nothing in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AllocationHealth {
    /// Whether it was found healthy; absent while nobody knows.
    pub healthy: Option<bool>,
    /// Whether it is a canary. Nomad takes the mark away at the promotion.
    pub canary: bool,
}

/// A task of an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskState {
    /// `pending`, `running` or `dead`.
    pub state: String,
    /// Whether it has failed for good.
    pub failed: bool,
    /// How often it was started again.
    pub restarts: u64,
    /// What it went through lately, the last at the end.
    #[serde(deserialize_with = "or_default")]
    pub events: Vec<TaskEvent>,
}

/// One thing that a task went through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskEvent {
    /// What kind: `Driver Failure`, `Terminated`, `Not Restarting`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The same in words.
    pub display_message: String,
    /// Whether it ended the task.
    pub fails_task: bool,
}

impl Allocation {
    /// Whether it runs nothing any more, and will not again.
    pub fn is_terminal(&self) -> bool {
        matches!(self.client_status.as_str(), "complete" | "failed" | "lost")
    }
}

impl<'c> Allocations<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// The allocations of a job, dead ones too.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn of_job(&self, job: &str) -> Result<Vec<Allocation>, HashistackError> {
        let call = Call::get("/v1/job").segment(job)?.segment("allocations")?;
        self.transport.send(&call).await?.json()
    }

    /// Stops one, which is then placed anew elsewhere. Returns the id of the evaluation.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn stop(&self, id: &str) -> Result<String, HashistackError> {
        let call = Call::post("/v1/allocation").segment(id)?.segment("stop")?;
        let stopped: Stopped = self.transport.send(&call).await?.json()?;
        Ok(stopped.eval_id)
    }
}

#[derive(Deserialize)]
struct Stopped {
    #[serde(rename = "EvalID")]
    eval_id: String,
}
