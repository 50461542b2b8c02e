//! Recorded looks, judged by a policy: what would have been decided, and when.
//!
//! Pure. Owns the form of recordings and the replay. Checks are judged and counted by the same code as those of a rollout; phases,
//! gates and what Nomad tells (health, restarts) are not in a recording, and not replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check::{InstanceSamples, Panel, Samples, Side, Snapshot, judge};
use super::phase;
use super::policy::{Metric, Policy};
use super::record::{CheckStanding, since};
use super::verdict::Verdict;

/// One line of a recording: what all instances told at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// What each instance told.
    pub instances: Vec<RecordedInstance>,
}

/// What one instance told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedInstance {
    /// Which one.
    pub id: String,
    /// Whether it is of the new version.
    pub is_new: bool,
    /// Its counters; absent where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What would have been decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// The version would have been failed.
    Fail {
        /// How long after the first look, in seconds.
        after_seconds: u64,
        /// The check, and why.
        why: String,
    },
    /// The bake would have been passed.
    Pass {
        /// How long after the first look, in seconds.
        after_seconds: u64,
    },
    /// The recording ends before anything would have been decided.
    Undecided {
        /// What would still be waited for.
        why: String,
    },
}

/// A change of what a check says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// How long after the first look, in seconds.
    pub after_seconds: u64,
    /// The check.
    pub check: String,
    /// What it says from now on.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
}

/// Goes through a recording, look by look.
#[derive(Debug, Default)]
pub struct Replay {
    began: Option<Timestamp>,
    canary: BTreeMap<String, InstanceSamples>,
    stable: BTreeMap<String, InstanceSamples>,
    known: BTreeSet<String>,
    panel: Panel,
    standings: BTreeMap<String, CheckStanding>,
}

impl Replay {
    /// Takes in a look. Gives what has changed, and a decision where there is one: then the rest of the recording is of no interest.
    pub fn look(&mut self, policy: &Policy, recorded: &Recorded) -> (Vec<Change>, Option<Decision>) {
        let began = *self.began.get_or_insert(recorded.at);
        self.take(recorded, began);
        let after = since(began, recorded.at);
        let samples = Samples {
            since: began,
            canary: Side { instances: self.canary.clone(), restarts: 0 },
            stable: Side { instances: self.stable.clone(), restarts: 0 },
            reference: BTreeMap::new(),
        };
        self.panel.look(&policy.checks, policy.false_alarms, &samples, &BTreeMap::new());
        let (mut changes, mut failed) = (Vec::new(), None);
        for (check, result) in policy.checks.iter().zip(judge(&policy.checks, &samples, &self.panel)) {
            // How often tasks were started again is Nomad's to tell.
            if check.metric == Metric::Restarts {
                continue;
            }
            let before = self.standings.get(&check.name).map(|standing| standing.result.verdict);
            if before != Some(result.verdict) {
                let (verdict, why) = (result.verdict, result.why.clone());
                changes.push(Change {
                    after_seconds: after.as_secs(),
                    check: check.name.clone(),
                    verdict,
                    why,
                });
            }
            let why = phase::tally(&mut self.standings, policy.interval, result, check.failures, recorded.at);
            failed = failed.or(why);
        }
        let after_seconds = after.as_secs();
        let decision = match failed {
            Some(why) => Some(Decision::Fail { after_seconds, why }),
            None => self.is_passed(policy, after).then_some(Decision::Pass { after_seconds }),
        };
        (changes, decision)
    }

    /// What would still be waited for when the recording is over.
    #[must_use]
    pub fn end(&self, policy: &Policy) -> Decision {
        let open = self.open(policy).map(|standing| {
            format!(
                "{}: {} ({})",
                standing.result.check,
                standing.result.verdict.as_str(),
                standing.result.why
            )
        });
        let why = open.collect::<Vec<_>>().join("; ");
        let why = if why.is_empty() { "the bake is longer than the recording".to_owned() } else { why };
        Decision::Undecided { why }
    }

    fn is_passed(&self, policy: &Policy, after: Duration) -> bool {
        let bakes: Duration = policy.steps.iter().map(|step| step.bake).sum();
        after >= bakes && self.open(policy).next().is_none()
    }

    /// The checks without whose pass nothing goes on, and which do not pass.
    fn open<'s>(&'s self, policy: &'s Policy) -> impl Iterator<Item = &'s CheckStanding> {
        let of_policy =
            policy.checks.iter().filter_map(|check| Some((check, self.standings.get(&check.name)?)));
        of_policy
            .filter(|(check, standing)| match standing.result.verdict {
                Verdict::Pass => false,
                Verdict::Fail => true,
                Verdict::Error | Verdict::Inconclusive => check.required,
            })
            .map(|(_, standing)| standing)
    }

    fn take(&mut self, recorded: &Recorded, began: Timestamp) {
        let is_first = recorded.at == began;
        let listed: BTreeSet<&str> = recorded.instances.iter().map(|told| told.id.as_str()).collect();
        for told in &recorded.instances {
            let side = if told.is_new { &mut self.canary } else { &mut self.stable };
            if is_first {
                self.known.insert(told.id.clone());
            }
            let kept = side.entry(told.id.clone()).or_default();
            match (&told.snapshot, &told.error) {
                (Some(snapshot), _) => {
                    if kept.last.is_none() && !self.known.contains(&told.id) {
                        // It was not there when the recording began, so that all of what it has counted is of it.
                        kept.last = Some(Snapshot::default());
                    }
                    kept.add(snapshot.clone(), began);
                }
                (None, why) => kept.miss(why.clone().unwrap_or_else(|| "it told nothing".to_owned())),
            }
        }
        for (id, instance) in self.canary.iter_mut().chain(&mut self.stable) {
            instance.is_gone = !listed.contains(id.as_str());
        }
    }
}

#[cfg(test)]
mod tests;
