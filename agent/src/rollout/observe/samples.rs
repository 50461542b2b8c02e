//! What was counted since the bake began, over changes of instances and of bakes. Differences of counters are for `check`.
//!
//! Pure. A ledger belongs to one bake; the next one begins with the last snapshots of the one before. One that begins in the middle of
//! a bake, in another process, counts from its first snapshots on: what was before is not known to it, and it needs its sample anew.
//! The evidence of comparisons is the exception: it is in the record, and half of the stake goes on from it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::rollout::check::{InstanceSamples, Panel, Samples, Side, Snapshot, judge};
use crate::rollout::observation::{AllocationSeen, InstanceSeen};
use crate::rollout::record::Rollout;
use crate::rollout::verdict::CheckResult;

/// How many instances of a side are counted, those that are gone among them.
const MAX_INSTANCES: usize = 600;

/// The counts of one bake.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    deployment_id: String,
    since: Option<Timestamp>,
    canary: BTreeMap<String, InstanceSamples>,
    stable: BTreeMap<String, InstanceSamples>,
    /// Instances that were listed when the bake began, or when the ledger did: what others have counted is all of this bake.
    known: BTreeSet<String>,
    has_listed: bool,
    /// Restarts by allocation when the bake began; of those that were not there, none.
    restarts_before: BTreeMap<String, u64>,
    restarts_now: BTreeMap<String, (u64, u64)>,
    /// What the comparisons keep from look to look, over all bakes of the rollout.
    panel: Panel,
}

impl Ledger {
    /// Begins anew where the rollout, or its bake, is another one than that of the last look.
    pub(super) fn turn(&mut self, rollout: &Rollout) {
        if self.deployment_id != rollout.deployment_id {
            *self = Self {
                deployment_id: rollout.deployment_id.clone(),
                since: rollout.bake_since,
                ..Self::default()
            };
            return;
        }
        if self.since == rollout.bake_since {
            return;
        }
        self.since = rollout.bake_since;
        for side in [&mut self.canary, &mut self.stable] {
            for instance in side.values_mut() {
                instance.grown = Snapshot::default();
            }
        }
        self.known = self.canary.keys().chain(self.stable.keys()).cloned().collect();
        self.restarts_before =
            self.restarts_now.iter().map(|(id, (_, restarts))| (id.clone(), *restarts)).collect();
    }

    /// Takes in how often tasks were started again.
    pub(super) fn restarts(&mut self, rollout: &Rollout, allocations: &[AllocationSeen]) {
        let ours = allocations.iter().filter(|found| is_of_either(rollout, found.job_version));
        self.restarts_now =
            ours.map(|found| (found.id.clone(), (found.job_version, found.restarts))).collect();
    }

    /// Takes in a snapshot of each instance that is listed, or why there is none.
    pub(super) fn take<'a>(
        &mut self,
        rollout: &Rollout,
        snapshots: impl Iterator<Item = (&'a InstanceSeen, Result<Snapshot, String>)>,
    ) {
        let mut listed = BTreeSet::new();
        let since = self.since.unwrap_or(rollout.started_at);
        for (instance, snapshot) in snapshots {
            listed.insert(instance.id.clone());
            let canary = instance.job_version == Some(rollout.canary.job_version);
            let stable = rollout.stable.as_ref().map(|stable| stable.job_version);
            let side = match instance.job_version {
                Some(_) if canary => &mut self.canary,
                Some(version) if Some(version) == stable => &mut self.stable,
                _ => continue,
            };
            if !self.has_listed {
                self.known.insert(instance.id.clone());
            }
            if side.len() >= MAX_INSTANCES && !side.contains_key(&instance.id) {
                continue;
            }
            let kept = side.entry(instance.id.clone()).or_default();
            match snapshot {
                Ok(snapshot) => {
                    if kept.last.is_none() && !self.known.contains(&instance.id) {
                        // It was not there when the bake began, so that all of what it has counted is of this bake.
                        kept.last = Some(Snapshot::default());
                    }
                    kept.add(snapshot, since);
                }
                Err(why) => kept.miss(why),
            }
        }
        self.has_listed = true;
        for side in [&mut self.canary, &mut self.stable] {
            for (id, instance) in side.iter_mut() {
                instance.is_gone = !listed.contains(id);
            }
        }
    }

    /// What the checks say of all that was taken in; nothing before the bake begins.
    pub(super) fn judge(&mut self, rollout: &Rollout) -> Vec<CheckResult> {
        let Some(samples) = self.samples(rollout) else { return Vec::new() };
        let policy = &rollout.policy;
        self.panel.look(&policy.checks, policy.false_alarms, &samples, &rollout.evidence());
        judge(&policy.checks, &samples, &self.panel)
    }

    /// What there is to judge; nothing before the bake begins.
    fn samples(&self, rollout: &Rollout) -> Option<Samples> {
        let since = self.since?;
        let stable = rollout.stable.as_ref().map(|stable| stable.job_version);
        Some(Samples {
            since,
            canary: Side {
                instances: self.canary.clone(),
                restarts: self.restarts_of(Some(rollout.canary.job_version)),
            },
            stable: Side { instances: self.stable.clone(), restarts: self.restarts_of(stable) },
            reference: rollout.reference(),
        })
    }

    fn restarts_of(&self, version: Option<u64>) -> u64 {
        let added = |(id, (of, restarts)): (&String, &(u64, u64))| {
            let before = self.restarts_before.get(id).copied().unwrap_or_default();
            if Some(*of) == version { restarts.saturating_sub(before) } else { 0 }
        };
        self.restarts_now.iter().map(added).sum()
    }
}

fn is_of_either(rollout: &Rollout, version: u64) -> bool {
    let stable = rollout.stable.as_ref().map(|stable| stable.job_version);
    version == rollout.canary.job_version || Some(version) == stable
}

#[cfg(test)]
mod tests;
