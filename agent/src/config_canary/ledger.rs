//! What was counted since the whole ring had the candidate in force, at instances of the ring and at the others.
//!
//! Pure. A ledger belongs to one trial. One that begins in the middle of it, in another process, counts from its first snapshots on: what
//! was before is not known to it, and it needs its sample anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::record::ConfigCanary;
use crate::rollout::check::{InstanceSamples, Panel, Samples, Side, Snapshot, judge};
use crate::rollout::policy::Policy;
use crate::rollout::verdict::CheckResult;

/// How many instances of a side are counted, those that are gone among them.
const MAX_INSTANCES: usize = 600;

/// The counts of one trial.
#[derive(Debug, Default)]
pub struct Ledger {
    of: Option<(String, Timestamp)>,
    ring: BTreeMap<String, InstanceSamples>,
    others: BTreeMap<String, InstanceSamples>,
    /// What the comparisons keep from look to look.
    panel: Panel,
}

impl Ledger {
    /// Begins anew where the trial is another one than that of the last look. Nothing is counted before the ring has the candidate.
    pub fn turn(&mut self, record: &ConfigCanary) {
        let applied_at = record.trial.as_ref().and_then(|trial| trial.applied_at);
        let of = applied_at.map(|at| (record.id.clone(), at));
        if self.of != of {
            *self = Self { of, ..Self::default() };
        }
    }

    /// Whether anything is to be counted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.of.is_some()
    }

    /// Takes in what the instances that are listed have told: name, whether it is of the ring, and its counts or why there are none.
    pub fn take(&mut self, told: Vec<(String, bool, Result<Snapshot, String>)>) {
        let Some((_, since)) = self.of.clone() else { return };
        let listed: BTreeSet<_> = told.iter().map(|(name, _, _)| name.clone()).collect();
        for (name, is_of_ring, snapshot) in told {
            let side = if is_of_ring { &mut self.ring } else { &mut self.others };
            if side.len() >= MAX_INSTANCES && !side.contains_key(&name) {
                continue;
            }
            let kept = side.entry(name).or_default();
            match snapshot {
                Ok(snapshot) => kept.add(snapshot, since),
                Err(why) => kept.miss(why),
            }
        }
        for side in [&mut self.ring, &mut self.others] {
            for (name, instance) in side.iter_mut() {
                instance.is_gone = !listed.contains(name);
            }
        }
    }

    /// What the checks of the policy say of all that was taken in; nothing before the ring has the candidate.
    pub fn judge(&mut self, policy: &Policy) -> Vec<CheckResult> {
        let Some(samples) = self.samples() else { return Vec::new() };
        // A trial that another process goes on with collects its evidence anew, as it does its sample.
        self.panel.look(&policy.checks, policy.false_alarms, &samples, &BTreeMap::new());
        judge(&policy.checks, &samples, &self.panel)
    }

    /// What there is to judge; nothing before the ring has the candidate. Restarts are Nomad's count, which nobody has asked for here.
    #[must_use]
    pub fn samples(&self) -> Option<Samples> {
        let (_, since) = self.of.as_ref()?;
        let side = |instances: &BTreeMap<String, InstanceSamples>| Side {
            instances: instances.clone(),
            restarts: 0,
        };
        Some(Samples {
            since: *since,
            canary: side(&self.ring),
            stable: side(&self.others),
            reference: BTreeMap::new(),
        })
    }
}
