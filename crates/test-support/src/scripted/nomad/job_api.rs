//! Jobs: registered, read, stopped and taken back (`nomad/job_endpoint.go` in Nomad's source, with its texts).

use serde_json::{Value, json};

use super::super::http::{Asked, Said, decoded};
use super::allocation::Allocation;
use super::cluster::Cluster;
use super::job::{Job, Place, Version};

impl Cluster {
    /// `POST /v1/jobs`, `POST /v1/job/…`
    pub(super) fn register_job(&mut self, asked: &Asked) -> Said {
        let body = match asked.json() {
            Ok(body) => body,
            Err(said) => return said,
        };
        let specification = &body["Job"];
        let Some(id) = specification["ID"].as_str() else {
            return Said::text(400, "Job ID hasn't been provided");
        };
        let namespace =
            specification["Namespace"].as_str().or_else(|| asked.query("namespace")).unwrap_or("default");
        let place = (namespace.to_owned(), id.to_owned());
        if let Err(why) = self.may_register(&place, &body) {
            return Said::text(500, &why);
        }
        let is_same =
            self.jobs.get(&place).is_some_and(|job| !job.is_stopped && job.newest().is_same(specification));
        let index = if is_same { self.jobs_index } else { self.put_version(&place, specification.clone()) };
        self.acts.push(format!("register {id}"));
        self.registered(&place, index)
    }

    fn may_register(&self, place: &Place, body: &Value) -> Result<(), String> {
        if body["EnforceIndex"] != true {
            return Ok(());
        }
        let wanted = body["JobModifyIndex"].as_u64().unwrap_or_default();
        let found = self.jobs.get(place).map(|job| job.newest().job_modify_index);
        let says = |what: &str| Err(format!("Enforcing job modify index {wanted}: {what}"));
        match found {
            None if wanted == 0 => Ok(()),
            None => says("job does not exist"),
            Some(_) if wanted == 0 => says("job already exists"),
            Some(found) if found == wanted => Ok(()),
            Some(found) => says(&format!("job exists with conflicting job modify index: {found}")),
        }
    }

    fn registered(&mut self, place: &Place, index: u64) -> Said {
        let eval = self.evaluate(place);
        let job_modify_index = self.jobs.get(place).map_or(index, |job| job.newest().job_modify_index);
        Said::json(&json!({
            "EvalID": eval, "EvalCreateIndex": index, "JobModifyIndex": job_modify_index, "Warnings": "", "Index": index,
        }))
        .at(index)
    }

    /// Adds a version to a job, or makes the job.
    fn put_version(&mut self, place: &Place, specification: Value) -> u64 {
        let index = self.next_index();
        self.jobs_index = index;
        match self.jobs.get_mut(place) {
            Some(job) => {
                let number = job.newest().number + 1;
                job.push(Version::new(number, specification, index), index);
            }
            None => {
                let job = Job::new(place.clone(), Version::new(0, specification, index), index);
                self.jobs.insert(place.clone(), job);
            }
        }
        index
    }

    /// `DELETE /v1/job/…`
    pub(super) fn stop_job(&mut self, asked: &Asked, id: &str) -> Said {
        let place = Self::place(asked, id);
        let index = self.next_index();
        self.jobs_index = index;
        if asked.query("purge") == Some("true") {
            self.jobs.remove(&place);
        } else if let Some(job) = self.jobs.get_mut(&place) {
            // To be stopped is a version too.
            let again = job.newest().again(job.newest().number + 1, index);
            job.push(again, index);
            job.is_stopped = true;
        }
        self.acts.push(format!("stop {id}"));
        self.registered(&place, index)
    }

    /// `POST /v1/job/…/revert`
    pub(super) fn revert_job(&mut self, asked: &Asked, id: &str) -> Said {
        let body = match asked.json() {
            Ok(body) if body["JobID"] == decoded(id).as_str() => body,
            Ok(_) => return Said::text(400, "Job ID does not match"),
            Err(said) => return said,
        };
        let place = Self::place(asked, id);
        let Some(target) = body["JobVersion"].as_u64() else {
            return Said::text(400, "job version must be specified");
        };
        let Some(job) = self.jobs.get(&place) else {
            return Said::text(500, &format!("job \"{}\" not found", place.1));
        };
        let current = job.newest().number;
        if let Some(enforced) = body["EnforcePriorVersion"].as_u64().filter(|enforced| *enforced != current) {
            return Said::text(
                500,
                &format!("Current job has version {current}; enforcing version {enforced}"),
            );
        }
        if target == current {
            return Said::text(500, "can't revert to current version");
        }
        if job.version(target).is_none() {
            let text =
                format!("job \"{}\" in namespace \"{}\" at version {target} not found", place.1, place.0);
            return Said::text(500, &text);
        }
        let index = self.go_back(&place, target);
        self.acts.push(format!("revert {} from {current} to {target}", place.1));
        self.registered(&place, index)
    }

    /// Registers an earlier version anew.
    pub(super) fn go_back(&mut self, place: &Place, target: u64) -> u64 {
        let index = self.next_index();
        if let Some(job) = self.jobs.get_mut(place)
            && let Some(version) = job.version(target)
        {
            let again = version.again(job.newest().number + 1, index);
            job.push(again, index);
            self.jobs_index = index;
        }
        index
    }

    /// `GET /v1/jobs`
    pub(super) fn jobs_list(&self, asked: &Asked) -> Said {
        let namespace = asked.query("namespace").unwrap_or("default");
        let prefix = asked.query("prefix").unwrap_or_default();
        let found = self.jobs.values().filter(|job| namespace == "*" || job.namespace == namespace);
        let stubs = found.filter(|job| job.id.starts_with(prefix)).map(|job| {
            let newest = job.newest();
            json!({
                "ID": job.id, "Name": job.id, "Namespace": job.namespace, "Type": "service", "Stop": job.is_stopped,
                "Status": if job.is_stopped { "dead" } else { "running" }, "CreateIndex": job.create_index, "ModifyIndex": job.modify_index, "JobModifyIndex": newest.job_modify_index,
            })
        });
        Said::json(&Value::Array(stubs.collect())).at(self.jobs_index)
    }

    /// `GET /v1/job/…`
    pub(super) fn job(&self, asked: &Asked, id: &str) -> Said {
        match self.jobs.get(&Self::place(asked, id)) {
            Some(job) => Said::json(&job.json(job.newest())).at(job.modify_index),
            None => Said::text(404, "job not found").at(self.jobs_index),
        }
    }

    /// `GET /v1/job/…/versions`
    pub(super) fn job_versions(&self, asked: &Asked, id: &str) -> Said {
        match self.jobs.get(&Self::place(asked, id)) {
            Some(job) => {
                let versions: Vec<Value> = job.versions().map(|version| job.json(version)).collect();
                Said::json(&json!({ "Versions": versions, "Diffs": null })).at(job.modify_index)
            }
            None => Said::text(404, "job versions not found").at(self.jobs_index),
        }
    }

    /// `GET /v1/job/…/allocations`
    pub(super) fn job_allocations(&self, asked: &Asked, id: &str) -> Said {
        let place = Self::place(asked, id);
        let own = self.allocations.iter().filter(|found| found.place == place);
        Said::json(&Value::Array(own.map(Allocation::json).collect())).at(self.allocations_index)
    }
}
