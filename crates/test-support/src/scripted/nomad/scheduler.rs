//! What the servers do by themselves: they begin deployments, take them on, and end them
//! (`scheduler/reconciler` and `nomad/deploymentwatcher` in Nomad's source).

use std::collections::BTreeMap;

use uuid::Uuid;

use super::allocation::Allocation;
use super::cluster::Cluster;
use super::deployment::{Deployment, GroupState};
use super::job::{Job, Place};

impl Cluster {
    /// One round.
    pub(super) fn step(&mut self) {
        self.move_allocations();
        let places: Vec<Place> = self.jobs.keys().cloned().collect();
        for place in places {
            let Some(job) = self.jobs.get(&place).cloned() else { continue };
            self.end_outdated(&job);
            if !job.is_stopped {
                self.begin(&job);
                self.go_on(&job);
            }
        }
        self.stop_what_is_left();
        if self.is_busy {
            self.deployments_index = self.next_index();
        }
    }

    /// Cancels deployments of a version that is no longer the newest, or of a job that was stopped.
    fn end_outdated(&mut self, job: &Job) {
        let place = (job.namespace.clone(), job.id.clone());
        let newest = job.newest().number;
        for at in 0..self.deployments.len() {
            let Some(found) = self.deployments.get(at) else { continue };
            let is_own = found.place == place && found.is_active();
            let why = if job.is_stopped {
                "Cancelled because job is stopped"
            } else if found.job_version != newest || found.job_create_index != job.create_index {
                "Cancelled due to newer version of job"
            } else {
                continue;
            };
            if is_own {
                self.change_deployment(at, |found| {
                    found.status = "cancelled";
                    why.clone_into(&mut found.description);
                });
            }
        }
    }

    /// Begins the deployment of the newest version, and changes in place what can be.
    fn begin(&mut self, job: &Job) {
        let place = (job.namespace.clone(), job.id.clone());
        let (newest, tasks) = (job.newest(), job.newest().tasks());
        let is_known = self.deployments.iter().any(|found| {
            found.place == place
                && found.job_version == newest.number
                && found.job_create_index == job.create_index
        });
        if is_known {
            return;
        }
        let live = |found: &&Allocation| found.place == place && found.is_live();
        let has_others = self.allocations.iter().filter(live).any(|found| found.tasks != tasks);
        let id = Uuid::new_v4().to_string();
        let index = self.next_index();
        self.deployments_index = index;
        let groups: BTreeMap<String, GroupState> = newest
            .groups()
            .into_iter()
            .map(|group| {
                let desired_canaries = if has_others { group.canaries } else { 0 };
                let state =
                    GroupState { group, is_promoted: false, desired_canaries, placed_canaries: Vec::new() };
                (state.group.name.clone(), state)
            })
            .collect();
        let mut deployment = Deployment {
            id: id.clone(),
            place: place.clone(),
            job_version: newest.number,
            job_modify_index: newest.job_modify_index,
            job_create_index: job.create_index,
            groups,
            status: "running",
            description: String::new(),
            create_index: index,
            modify_index: index,
        };
        deployment.description = if deployment.waits_for_promotion() {
            "Deployment is running but requires manual promotion".to_owned()
        } else {
            "Deployment is running".to_owned()
        };
        self.deployments.push(deployment);
        let number = newest.number;
        self.touch(
            |found| found.place == place && found.is_live() && found.tasks == tasks,
            |found| {
                found.job_version = number;
                found.deployment = Some(id.clone());
                found.healthy = None;
                found.looks = 0;
            },
        );
    }

    /// Takes the deployment of the newest version as far as it may go now.
    fn go_on(&mut self, job: &Job) {
        let place = (job.namespace.clone(), job.id.clone());
        let newest = job.newest();
        let at = self.deployments.iter().position(|found| {
            found.place == place && found.job_version == newest.number && found.status == "running"
        });
        let Some((at, deployment)) = at.and_then(|at| Some((at, self.deployments.get(at)?.clone()))) else {
            return;
        };
        let own = |found: &&Allocation| found.deployment.as_deref() == Some(&deployment.id);
        if self.allocations.iter().filter(own).any(|found| found.healthy == Some(false)) {
            self.give_up(at, "Failed due to unhealthy allocations");
            return;
        }
        let mut is_done = true;
        for state in deployment.groups.values() {
            if state.desired_canaries > 0 && !state.is_promoted {
                is_done = false;
                self.place_canaries(at, newest, state);
            } else {
                is_done &= self.replace(at, newest, state);
            }
        }
        if is_done {
            self.succeed(at, &place, newest.number);
        }
    }

    fn succeed(&mut self, at: usize, place: &Place, number: u64) {
        let (index, _) = self.change_deployment(at, |deployment| {
            deployment.status = "successful";
            "Deployment completed successfully".clone_into(&mut deployment.description);
        });
        if let Some(version) = self.jobs.get_mut(place).and_then(|job| job.version_mut(number)) {
            version.is_stable = true;
            self.jobs_index = index;
        }
    }

    /// Stops canaries that were never promoted of deployments that have ended, and allocations of jobs that are gone or stopped.
    fn stop_what_is_left(&mut self) {
        let given_up = self.deployments.iter().filter(|found| !found.is_active());
        let left: Vec<String> = given_up
            .flat_map(|found| found.groups.values())
            .filter(|state| !state.is_promoted)
            .flat_map(|state| state.placed_canaries.clone())
            .collect();
        let running: Vec<Place> =
            self.jobs.iter().filter(|(_, job)| !job.is_stopped).map(|(place, _)| place.clone()).collect();
        self.stop(|found| left.contains(&found.id) || !running.contains(&found.place));
    }
}
