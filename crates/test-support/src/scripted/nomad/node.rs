//! What nodes do: allocations start, fail, are found healthy, and end.

use std::collections::BTreeMap;

use super::allocation::{Allocation, Client};
use super::cluster::Cluster;

/// For how many looks an allocation runs before it counts as healthy.
const LOOKS_UNTIL_HEALTHY: u32 = 2;

impl Cluster {
    pub(super) fn touch(
        &mut self,
        is_wanted: impl Fn(&Allocation) -> bool,
        change: impl Fn(&mut Allocation),
    ) -> Vec<String> {
        let doomed: Vec<usize> = self
            .allocations
            .iter()
            .enumerate()
            .filter(|(_, found)| is_wanted(found))
            .map(|(at, _)| at)
            .collect();
        if doomed.is_empty() {
            return Vec::new();
        }
        let index = self.next_index();
        self.allocations_index = index;
        let mut touched = Vec::new();
        for at in doomed {
            if let Some(allocation) = self.allocations.get_mut(at) {
                change(allocation);
                allocation.modify_index = index;
                touched.push(allocation.id.clone());
            }
        }
        touched
    }

    pub(super) fn stop(&mut self, is_doomed: impl Fn(&Allocation) -> bool) {
        self.touch(|found| found.is_wanted && is_doomed(found), |found| found.is_wanted = false);
    }

    /// What nodes do: allocations start, fail, are found healthy, and end.
    pub(super) fn move_allocations(&mut self) {
        let comes_up: BTreeMap<String, bool> =
            self.behaviors.iter().map(|(label, behavior)| (label.clone(), behavior.comes_up)).collect();
        let comes_up = |found: &Allocation| comes_up.get(&found.label).copied().unwrap_or(true);
        self.touch(
            |found| found.is_wanted && found.client == Client::Pending,
            |found| {
                found.client = if comes_up(found) { Client::Running } else { Client::Failed };
                if found.client == Client::Failed {
                    found.healthy = Some(false);
                }
            },
        );
        self.touch(
            |found| !found.is_wanted && matches!(found.client, Client::Pending | Client::Running),
            |found| found.client = Client::Complete,
        );
        // Looks are no change that anybody is told of.
        for found in &mut self.allocations {
            found.looks = found.looks.saturating_add(u32::from(found.client == Client::Running));
        }
        let settled = self.touch(
            |found| {
                let is_due = found.looks >= LOOKS_UNTIL_HEALTHY && found.client == Client::Running;
                is_due && found.healthy.is_none() && found.deployment.is_some() && found.is_wanted
            },
            |found| found.healthy = Some(true),
        );
        let told: Vec<usize> = (0..self.deployments.len())
            .filter(|at| {
                let id = self.deployments.get(*at).map(|found| found.id.as_str());
                self.allocations
                    .iter()
                    .any(|found| settled.contains(&found.id) && found.deployment.as_deref() == id)
            })
            .collect();
        for at in told {
            self.change_deployment(at, |_| {});
        }
    }
}
