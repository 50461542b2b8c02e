//! What the scripted Nomad holds, and what tests ask it about.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::http::{Asked, Said, decoded};
use super::super::instance::Behavior;
use super::allocation::{Allocation, Client};
use super::deployment::Deployment;
use super::job::{Job, Place};

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    index: u64,
    pub(super) jobs: BTreeMap<Place, Job>,
    pub(super) jobs_index: u64,
    /// The oldest first.
    pub(super) deployments: Vec<Deployment>,
    pub(super) deployments_index: u64,
    /// The oldest first.
    pub(super) allocations: Vec<Allocation>,
    pub(super) allocations_index: u64,
    /// Evaluations by id, with the job that they are of.
    pub(super) evaluations: BTreeMap<String, (Place, u64)>,
    /// Whether deployments of other jobs change in every round.
    pub(super) is_busy: bool,
    pub(super) behaviors: BTreeMap<String, Behavior>,
    pub(super) acts: Vec<String>,
}

/// A deployment as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its id.
    pub id: String,
    /// The version of the job, by the `version` in its meta.
    pub version: String,
    /// The number of the job's version.
    pub job_version: u64,
    /// Its status, as Nomad calls it.
    pub status: String,
    /// Why, in Nomad's words.
    pub description: String,
    /// Whether its canaries were promoted.
    pub is_promoted: bool,
}

impl Cluster {
    /// The index of the last change.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// The index of a new change.
    pub(super) fn next_index(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// Where a request's job is: in the namespace that it names.
    pub(super) fn place(asked: &Asked, id: &str) -> Place {
        (asked.query("namespace").unwrap_or("default").to_owned(), decoded(id))
    }

    /// An evaluation of a job; they are complete as soon as they are made.
    pub(super) fn evaluate(&mut self, place: &Place) -> String {
        let (id, index) = (Uuid::new_v4().to_string(), self.next_index());
        self.evaluations.insert(id.clone(), (place.clone(), index));
        id
    }

    fn evaluation_json(&self, id: &str, (place, index): &(Place, u64)) -> Value {
        let deployment = self.deployments.iter().rev().find(|found| found.place == *place);
        json!({
            "ID": id, "Namespace": place.0, "JobID": place.1, "Status": "complete", "StatusDescription": "", "Type": "service",
            "TriggeredBy": "job-register", "DeploymentID": deployment.map_or("", |found| found.id.as_str()), "BlockedEval": "",
            "FailedTGAllocs": null, "CreateIndex": index, "ModifyIndex": index,
        })
    }

    /// `GET /v1/evaluation/…`
    pub(super) fn evaluation(&self, id: &str) -> Said {
        match self.evaluations.get(id) {
            Some(found) => Said::json(&self.evaluation_json(id, found)).at(found.1),
            None => Said::text(404, "eval not found"),
        }
    }

    /// `GET /v1/job/…/evaluations`
    pub(super) fn job_evaluations(&self, asked: &Asked, id: &str) -> Said {
        let place = Self::place(asked, id);
        let found = self.evaluations.iter().filter(|(_, (of, _))| *of == place);
        let list = found.map(|(id, found)| self.evaluation_json(id, found)).collect();
        Said::json(&Value::Array(list)).at(self.index)
    }

    /// What runs of a job, by label.
    pub(super) fn running(&self, namespace: &str, job: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for allocation in &self.allocations {
            let is_of_job = allocation.place.0 == namespace && allocation.place.1 == job;
            if is_of_job && allocation.is_live() {
                *counts.entry(allocation.label.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// The deployments of a job, the oldest first.
    pub(super) fn deployed(&self, namespace: &str, job: &str) -> Vec<Deployed> {
        let of_job =
            self.deployments.iter().filter(|found| found.place.0 == namespace && found.place.1 == job);
        of_job.map(|found| found.deployed(self.label(found))).collect()
    }

    fn label(&self, deployment: &Deployment) -> String {
        let job = self.jobs.get(&deployment.place);
        let version = job.and_then(|job| job.version(deployment.job_version));
        version.map_or_else(|| "collected".to_owned(), super::job::Version::label)
    }

    /// The allocations whose instances are to be there, with how they behave.
    pub(super) fn wanted(&self) -> BTreeMap<String, (Allocation, Behavior, bool)> {
        let running =
            self.allocations.iter().filter(|found| found.is_wanted && found.client == Client::Running);
        let wanted = running.map(|found| {
            let behavior = self.behaviors.get(&found.label).cloned().unwrap_or_default();
            // Its canaries are promoted, or it never was one.
            let is_promoted = found.deployment.as_ref().is_none_or(|id| {
                self.deployments
                    .iter()
                    .any(|deployment| deployment.id == *id && !deployment.waits_for_promotion())
            });
            (found.id.clone(), (found.clone(), behavior, is_promoted))
        });
        wanted.collect()
    }

    /// Notes that the programs of these allocations have crashed and were started again.
    pub(super) fn note_crashes(&mut self, crashed: &[String]) {
        if crashed.is_empty() {
            return;
        }
        let index = self.next_index();
        self.allocations_index = index;
        for allocation in self.allocations.iter_mut().filter(|found| crashed.contains(&found.id)) {
            allocation.restarts += 1;
            allocation.modify_index = index;
        }
    }
}
