//! Allocations of a version: canaries beside the old ones, and those that take their place, some at a time.

use super::allocation::Allocation;
use super::cluster::Cluster;
use super::deployment::GroupState;
use super::job::{Group, Version};

impl Cluster {
    pub(super) fn place_canaries(&mut self, at: usize, newest: &Version, state: &GroupState) {
        let canaries = |found: &&Allocation| state.placed_canaries.contains(&found.id) && found.is_live();
        let healthy =
            self.allocations.iter().filter(canaries).filter(|found| found.healthy == Some(true)).count();
        for _ in self.allocations.iter().filter(canaries).count()..state.desired_canaries {
            self.place_one(at, newest, &state.group, true);
        }
        if state.group.auto_promote && healthy >= state.desired_canaries {
            let name = state.group.name.clone();
            self.change_deployment(at, |deployment| {
                if let Some(state) = deployment.groups.get_mut(&name) {
                    state.is_promoted = true;
                }
                "Deployment is running".clone_into(&mut deployment.description);
            });
        }
    }

    /// Replaces what runs of other versions, some at a time. True when nothing is left to do.
    pub(super) fn replace(&mut self, at: usize, newest: &Version, state: &GroupState) -> bool {
        let group = &state.group;
        let Some(place) = self.deployments.get(at).map(|found| found.place.clone()) else { return true };
        let of_group =
            |found: &&Allocation| found.place == place && found.group == group.name && found.is_live();
        let live: Vec<Allocation> = self.allocations.iter().filter(of_group).cloned().collect();
        let (new, old): (Vec<&Allocation>, Vec<&Allocation>) =
            live.iter().partition(|found| found.job_version == newest.number);
        let unsettled = new.iter().filter(|found| found.healthy != Some(true)).count();
        if new.len() + old.len() > group.count {
            let surplus: Vec<String> =
                old.iter().take(new.len() + old.len() - group.count).map(|found| found.id.clone()).collect();
            self.stop(|found| surplus.contains(&found.id));
            return false;
        }
        if new.len() + old.len() < group.count {
            self.place_one(at, newest, group, false);
            return false;
        }
        if let Some(next) = old.first()
            && unsettled < group.max_parallel.max(1)
        {
            let id = next.id.clone();
            self.stop(|found| found.id == id);
            return false;
        }
        old.is_empty() && unsettled == 0
    }

    fn place_one(&mut self, at: usize, newest: &Version, group: &Group, is_canary: bool) {
        let Some(deployment) = self.deployments.get(at).map(|found| (found.place.clone(), found.id.clone()))
        else {
            return;
        };
        let (place, deployment) = deployment;
        let index = self.next_index();
        self.allocations_index = index;
        let number =
            self.allocations.iter().filter(|found| found.is_live() && found.group == group.name).count();
        let mut placed = Allocation::placed(place, &group.name, number, newest.number, index);
        placed.label = newest.label();
        placed.tasks = newest.tasks();
        placed.task = newest.task(&group.name);
        placed.service = newest.service(&group.name);
        placed.deployment = Some(deployment);
        placed.is_canary = is_canary;
        let id = placed.id.clone();
        self.allocations.push(placed);
        let name = group.name.clone();
        self.change_deployment(at, |deployment| {
            if let Some(state) = deployment.groups.get_mut(&name).filter(|_| is_canary) {
                state.placed_canaries.push(id);
            }
        });
    }
}
