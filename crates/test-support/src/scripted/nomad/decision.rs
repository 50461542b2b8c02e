//! What decides a deployment: it is promoted, given up, held, and told of health (`nomad/deployment_endpoint.go`,
//! `nomad/deploymentwatcher/deployment_watcher.go` and `nomad/state/state_store.go` in Nomad's source, with their texts).

use serde_json::{Value, json};

use super::super::http::{Asked, Said};
use super::cluster::Cluster;
use super::job::Place;

/// What Nomad answers to a decision.
fn decided(eval: &str, index: u64, reverted: Option<u64>) -> Said {
    Said::json(&json!({
        "EvalID": eval, "EvalCreateIndex": index, "DeploymentModifyIndex": index, "RevertedJobVersion": reverted, "Index": index,
    }))
    .at(index)
}

fn gone() -> Said {
    Said::text(500, "deployment not found")
}

impl Cluster {
    /// Where a deployment that can be decided is among all, or the refusal, whose text has `verb` in it.
    fn undecided(&self, id: &str, refusal: &str) -> Result<usize, Said> {
        let at = self.deployments.iter().position(|found| found.id == id).ok_or_else(gone)?;
        match self.deployments.get(at) {
            Some(found) if found.is_active() => Ok(at),
            _ => Err(Said::text(500, refusal)),
        }
    }

    /// `POST /v1/deployment/promote/…`
    pub(super) fn promote(&mut self, asked: &Asked, id: &str) -> Said {
        let body = match asked.json() {
            Ok(body) if body["DeploymentID"] == id => body,
            Ok(_) => return Said::text(400, "Deployment ID does not match"),
            Err(said) => return said,
        };
        let at = match self.undecided(id, "can't promote terminal deployment") {
            Ok(at) => at,
            Err(said) => return said,
        };
        let named: Vec<&str> =
            body["Groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is_meant = |name: &str| body["All"] == true || named.contains(&name);
        if let Err(why) = self.can_promote(at, is_meant) {
            return Said::text(500, &why);
        }
        let mut canaries = Vec::new();
        let (index, place) = self.change_deployment(at, |deployment| {
            for (_, state) in deployment.groups.iter_mut().filter(|(name, _)| is_meant(name)) {
                state.is_promoted = true;
                canaries.extend(state.placed_canaries.clone());
            }
            if !deployment.waits_for_promotion() && deployment.status == "running" {
                "Deployment is running".clone_into(&mut deployment.description);
            }
        });
        for allocation in self.allocations.iter_mut().filter(|found| canaries.contains(&found.id)) {
            allocation.is_canary = false;
            allocation.modify_index = index;
        }
        self.allocations_index = index;
        self.acts.push(format!("promote {id}"));
        decided(&self.evaluate(&place), index, None)
    }

    fn can_promote(&self, at: usize, is_meant: impl Fn(&str) -> bool) -> Result<(), String> {
        let mut short = Vec::new();
        let mut has_canaries = false;
        for (name, state) in self.deployments.get(at).into_iter().flat_map(|found| &found.groups) {
            if !is_meant(name) || state.desired_canaries == 0 {
                continue;
            }
            has_canaries = true;
            let canaries = self.allocations.iter().filter(|found| state.placed_canaries.contains(&found.id));
            let healthy = canaries.filter(|found| found.is_live() && found.healthy == Some(true)).count();
            if healthy < state.desired_canaries {
                let wanted = state.desired_canaries;
                short.push(format!("\t* Task group \"{name}\" has {healthy}/{wanted} healthy allocations"));
            }
        }
        match (has_canaries, short.len()) {
            (false, _) => Err("no canaries to promote".to_owned()),
            (true, 0) => Ok(()),
            (true, 1) => Err(format!("1 error occurred:\n{}\n\n", short.join("\n"))),
            (true, count) => Err(format!("{count} errors occurred:\n{}\n\n", short.join("\n"))),
        }
    }

    /// `POST /v1/deployment/fail/…`
    pub(super) fn fail(&mut self, id: &str) -> Said {
        let at = match self.undecided(id, "can't fail terminal deployment") {
            Ok(at) => at,
            Err(said) => return said,
        };
        self.acts.push(format!("fail {id}"));
        let (index, place, reverted) = self.give_up(at, "Deployment marked as failed");
        decided(&self.evaluate(&place), index, reverted)
    }

    /// Fails a deployment, and goes back to the last stable version where a group says so.
    pub(super) fn give_up(&mut self, at: usize, why: &str) -> (u64, Place, Option<u64>) {
        let mut description = why.to_owned();
        let mut target = None;
        if let Some(deployment) = self.deployments.get(at)
            && deployment.groups.values().any(|state| state.group.auto_revert)
            && let Some(job) = self.jobs.get(&deployment.place)
        {
            let stable =
                job.versions().find(|version| version.is_stable && version.number != deployment.job_version);
            match stable {
                None => description.push_str(" - no stable job version to auto revert to"),
                Some(stable) if stable.tasks() == job.newest().tasks() => description.push_str(&format!(
                    " - not rolling back to stable job version {} as current job has same specification",
                    stable.number
                )),
                Some(stable) => {
                    description.push_str(&format!(" - rolling back to job version {}", stable.number));
                    target = Some(stable.number);
                }
            }
        }
        let (index, place) = self.change_deployment(at, |deployment| {
            deployment.status = "failed";
            deployment.description = description;
        });
        if let Some(target) = target {
            self.go_back(&place, target);
        }
        (index, place, target)
    }

    /// `POST /v1/deployment/pause/…`
    pub(super) fn pause(&mut self, asked: &Asked, id: &str) -> Said {
        let body = match asked.json() {
            Ok(body) if body["DeploymentID"] == id => body,
            Ok(_) => return Said::text(400, "Deployment ID does not match"),
            Err(said) => return said,
        };
        let pauses = body["Pause"] == true;
        let verb = if pauses { "pause" } else { "resume" };
        let at = match self.undecided(id, &format!("can't {verb} terminal deployment")) {
            Ok(at) => at,
            Err(said) => return said,
        };
        let (index, place) = self.change_deployment(at, |deployment| {
            // Nomad says no more of the promotion that it waits for.
            (deployment.status, deployment.description) = if pauses {
                ("paused", "Deployment is paused".to_owned())
            } else {
                ("running", "Deployment is running".to_owned())
            };
        });
        self.acts.push(format!("{verb} {id}"));
        // A held deployment has nothing to be carried out.
        let eval = if pauses { String::new() } else { self.evaluate(&place) };
        decided(&eval, index, None)
    }

    /// `POST /v1/deployment/allocation-health/…`
    pub(super) fn set_health(&mut self, asked: &Asked, id: &str) -> Said {
        let body = match asked.json() {
            Ok(body) if body["DeploymentID"] == id => body,
            Ok(_) => return Said::text(400, "Deployment ID does not match"),
            Err(said) => return said,
        };
        let named = |name: &str| -> Vec<String> {
            let ids = body[name].as_array().into_iter().flatten().filter_map(Value::as_str);
            ids.map(str::to_owned).collect()
        };
        let (healthy, unhealthy) = (named("HealthyAllocationIDs"), named("UnhealthyAllocationIDs"));
        let at = match self.undecided(id, "can't set health of allocations for a terminal deployment") {
            Ok(at) => at,
            Err(said) => return said,
        };
        for named in healthy.iter().chain(&unhealthy) {
            match self.allocations.iter().find(|found| found.id == *named) {
                Some(found) if found.deployment.as_deref() == Some(id) => {}
                Some(_) => {
                    return Said::text(500, &format!("alloc \"{named}\" is not part of deployment \"{id}\""));
                }
                None => return Said::text(500, &format!("unknown alloc \"{named}\"")),
            }
        }
        let (mut index, place) = self.change_deployment(at, |_| {});
        for allocation in &mut self.allocations {
            if healthy.contains(&allocation.id) || unhealthy.contains(&allocation.id) {
                allocation.healthy = Some(healthy.contains(&allocation.id));
                allocation.modify_index = index;
            }
        }
        self.allocations_index = index;
        let mut reverted = None;
        if !unhealthy.is_empty() {
            (index, _, reverted) = self.give_up(at, "Failed due to unhealthy allocations");
        }
        self.acts.push(format!("set health {id}"));
        decided(&self.evaluate(&place), index, reverted)
    }
}
