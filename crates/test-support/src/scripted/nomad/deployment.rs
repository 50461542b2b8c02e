//! Deployments: what one is, and how it is read. What decides one is in `decision`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::http::{Asked, Said};
use super::allocation::Allocation;
use super::cluster::{Cluster, Deployed};
use super::job::{Group, Place};

/// One deployment.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) place: Place,
    pub(super) job_version: u64,
    pub(super) job_modify_index: u64,
    pub(super) job_create_index: u64,
    pub(super) groups: BTreeMap<String, GroupState>,
    pub(super) status: &'static str,
    pub(super) description: String,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

/// How one group of a deployment stands, beside what its allocations tell.
#[derive(Debug, Clone)]
pub(super) struct GroupState {
    pub(super) group: Group,
    pub(super) is_promoted: bool,
    /// How many canaries there are to be; none where all changes are made in place, or it is the first version.
    pub(super) desired_canaries: usize,
    pub(super) placed_canaries: Vec<String>,
}

impl Deployment {
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.status, "successful" | "failed" | "cancelled")
    }

    /// Whether it has canaries that are not promoted.
    pub(super) fn waits_for_promotion(&self) -> bool {
        self.groups.values().any(|state| state.desired_canaries > 0 && !state.is_promoted)
    }

    pub(super) fn deployed(&self, version: String) -> Deployed {
        Deployed {
            id: self.id.clone(),
            version,
            job_version: self.job_version,
            status: self.status.to_owned(),
            description: self.description.clone(),
            is_promoted: self.groups.values().any(|state| state.is_promoted),
        }
    }

    fn json(&self, allocations: &[Allocation]) -> Value {
        let own: Vec<&Allocation> =
            allocations.iter().filter(|found| found.deployment.as_deref() == Some(&self.id)).collect();
        let groups: serde_json::Map<String, Value> = self
            .groups
            .iter()
            .map(|(name, state)| {
                let of_group = || own.iter().filter(|found| found.group == *name);
                let canaries =
                    if state.placed_canaries.is_empty() { Value::Null } else { json!(state.placed_canaries) };
                let json = json!({
                    "AutoRevert": state.group.auto_revert, "AutoPromote": state.group.auto_promote,
                    "ProgressDeadline": state.group.progress_deadline, "RequireProgressBy": "2100-01-01T00:00:00Z",
                    "Promoted": state.is_promoted, "PlacedCanaries": canaries, "DesiredCanaries": state.desired_canaries,
                    "DesiredTotal": state.group.count, "PlacedAllocs": of_group().count(),
                    "HealthyAllocs": of_group().filter(|found| found.healthy == Some(true)).count(),
                    "UnhealthyAllocs": of_group().filter(|found| found.healthy == Some(false)).count(),
                });
                (name.clone(), json)
            })
            .collect();
        json!({
            "ID": self.id, "Namespace": self.place.0, "JobID": self.place.1, "JobVersion": self.job_version,
            "JobModifyIndex": self.job_modify_index, "JobSpecModifyIndex": self.job_modify_index,
            "JobCreateIndex": self.job_create_index, "IsMultiregion": false, "TaskGroups": groups,
            "Status": self.status, "StatusDescription": self.description, "EvalPriority": 50,
            "CreateIndex": self.create_index, "ModifyIndex": self.modify_index,
        })
    }
}

impl Cluster {
    /// Changes a deployment at a new index, which it returns with the place of the job.
    pub(super) fn change_deployment(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut Deployment),
    ) -> (u64, Place) {
        let index = self.next_index();
        self.deployments_index = index;
        let mut place = Place::default();
        if let Some(deployment) = self.deployments.get_mut(at) {
            change(deployment);
            deployment.modify_index = index;
            place = deployment.place.clone();
        }
        (index, place)
    }

    /// `GET /v1/deployments`
    pub(super) fn deployments_list(&self, asked: &Asked) -> Said {
        let namespace = asked.query("namespace").unwrap_or("default");
        let mut list: Vec<Value> = self
            .deployments
            .iter()
            .filter(|found| namespace == "*" || found.place.0 == namespace)
            .map(|found| found.json(&self.allocations))
            .collect();
        if asked.query("reverse") == Some("true") {
            list.reverse();
        }
        Said::json(&Value::Array(list)).at(self.deployments_index)
    }

    /// `GET /v1/deployment/…`
    pub(super) fn deployment(&self, id: &str) -> Said {
        match self.deployments.iter().find(|found| found.id == id) {
            Some(found) => Said::json(&found.json(&self.allocations)).at(found.modify_index),
            None => Said::text(404, "deployment not found").at(self.deployments_index),
        }
    }

    /// `GET /v1/deployment/allocations/…`
    pub(super) fn deployment_allocations(&self, id: &str) -> Said {
        let own = self.allocations.iter().filter(|found| found.deployment.as_deref() == Some(id));
        Said::json(&Value::Array(own.map(Allocation::json).collect())).at(self.allocations_index)
    }

    /// `GET /v1/job/…/deployment`
    pub(super) fn job_deployment(&self, asked: &Asked, id: &str) -> Said {
        let place = Self::place(asked, id);
        let newest = self.deployments.iter().rev().find(|found| found.place == place);
        let json = newest.map_or(Value::Null, |found| found.json(&self.allocations));
        Said::json(&json).at(newest.map_or(self.deployments_index, |found| found.modify_index))
    }

    /// `GET /v1/job/…/deployments`
    pub(super) fn job_deployments(&self, asked: &Asked, id: &str) -> Said {
        let place = Self::place(asked, id);
        let own = self.deployments.iter().filter(|found| found.place == place);
        Said::json(&Value::Array(own.map(|found| found.json(&self.allocations)).collect()))
            .at(self.deployments_index)
    }
}
