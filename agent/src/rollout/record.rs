//! The state of a rollout, as it is kept: everything that another instance needs to go on with it.
//!
//! Owns the serialized form. Fields that a later version has added are kept and written back; a phase that this version does not know
//! is kept too, and holds the rollout until an agent that knows it leads.

mod state;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::action::{Action, Event, EventKind, Intent, Refusal, Settled, VersionRef};
use super::finding::{Finding, FindingId};
use super::policy::{Policy, Strategy};
use super::verdict::CheckResult;

pub use state::{Outcome, Phase, PhaseName, RollbackStage};

/// The form of the record. It rises when an older agent must not act on one; added fields do not need it.
pub const FORMAT: u32 = 1;

/// How many transitions are kept; the first and the latest are.
const MAX_TRANSITIONS: usize = 64;

/// How many ids of handled commands are kept.
const MAX_HANDLED: usize = 32;

/// How many situations are kept.
const MAX_FINDINGS: usize = 32;

/// How many messages wait to be sent at most. A later one takes the place of the earliest.
const MAX_MESSAGES: usize = 16;

/// How often what outlives its phase is tried before it is given up.
const MAX_TRIES: u32 = 10;

/// What is rolled out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The namespace.
    pub namespace: String,
    /// The job.
    pub job: String,
}

/// One change of the phase.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub from: PhaseName,
    /// To where.
    pub to: PhaseName,
    /// Why, in one sentence.
    pub why: String,
    /// The term of the leader that decided.
    #[serde(default)]
    pub epoch: u64,
}

/// How a check stands: its last result, and how often in a row it was of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckStanding {
    /// The last result.
    pub result: CheckResult,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u32,
    /// Errors in a row.
    #[serde(default)]
    pub errors: u32,
    /// Inconclusive results in a row.
    #[serde(default)]
    pub inconclusive: u32,
    /// When it was counted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
}

/// A failure that decides: once it is written, the agent never promotes this version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// Why, in one sentence with the numbers.
    pub reason: String,
}

/// Who has promoted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum PromotedBy {
    /// The agent, by its checks and gates.
    Agent,
    /// Somebody, through the agent.
    Command {
        /// Who.
        by: String,
    },
    /// Somebody in Nomad.
    Hand,
    /// Nomad, by `auto_promote`.
    Nomad,
    /// Somebody that a later version knows.
    #[serde(other)]
    Other,
}

impl PromotedBy {
    /// Whether it was a person's decision, which the agent does not undo by itself.
    #[must_use]
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Command { .. } | Self::Hand | Self::Other)
    }
}

/// A rollout that is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, in their words.
    #[serde(default)]
    pub reason: String,
}

/// Somebody's word that opens an approval.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Approval {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, in their words.
    #[serde(default)]
    pub reason: String,
}

/// What was refused last.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// The name of the action.
    pub action: String,
    /// What kind of refusal it was.
    pub refusal: Refusal,
    /// The answer's text.
    pub text: String,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Handled {
    /// The command's id.
    pub id: String,
    /// When it was handled.
    pub at: Timestamp,
    /// Why it was declined; absent where it was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<String>,
}

/// One version of a job coming into force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The form of the record, [`FORMAT`].
    pub format: u32,
    /// What is rolled out.
    pub target: Target,
    /// Nomad's deployment.
    pub deployment_id: String,
    /// The new version.
    pub canary: VersionRef,
    /// The version that was in force before; absent where there was none, or Nomad keeps it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<VersionRef>,
    /// Which life of the job it is.
    pub job_create_index: u64,
    /// The index of the job when it was adopted.
    pub job_modify_index: u64,
    /// How the new version takes over.
    pub strategy: Strategy,
    /// The rules, as they were when it was adopted.
    pub policy: Policy,
    /// Where the rules come from, the strongest last.
    #[serde(default)]
    pub policy_origin: Vec<String>,
    /// Where it stands.
    pub phase: Phase,
    /// When it was adopted.
    pub started_at: Timestamp,
    /// When the phase began.
    pub entered_at: Timestamp,
    /// How long the phase was paused, all ended pauses together.
    #[serde(default, rename = "held_ms", with = "super::millis")]
    pub held: Duration,
    /// When checks began to be judged: what samples are counted from. It begins anew with each step, and after the promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_since: Option<Timestamp>,
    /// When it was promoted, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<(Timestamp, PromotedBy)>,
    /// Who has commanded to promote, whatever checks and gates say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_ordered: Option<String>,
    /// Whether the agent has ever meant to promote: an answer may be lost.
    #[serde(default)]
    pub promote_intended: bool,
    /// Whether the agent has ever meant to fail the deployment.
    #[serde(default)]
    pub fail_intended: bool,
    /// Whether the agent has ever meant to revert the job.
    #[serde(default)]
    pub revert_intended: bool,
    /// The version that a revert has made of the old one, once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_version: Option<u64>,
    /// Since when it is being rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_since: Option<Timestamp>,
    /// Whether it is held, by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// What has failed. It is never taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Whether somebody has commanded to roll back.
    #[serde(default)]
    pub aborted: bool,
    /// The words that open approvals, by what they stand before.
    #[serde(default)]
    pub approvals: BTreeMap<String, Approval>,
    /// How the checks stand, by label.
    #[serde(default)]
    pub checks: BTreeMap<String, CheckStanding>,
    /// What it waits for, in one sentence; empty where it waits for nothing but time.
    #[serde(default)]
    pub waiting_for: String,
    /// Situations, the earliest first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What is to be done, the earliest first.
    #[serde(default)]
    pub intents: Vec<Intent>,
    /// The number of the next intent.
    #[serde(default)]
    pub next_intent: u64,
    /// What was refused last, in this phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// Commands that were handled, the latest last.
    #[serde(default)]
    pub handled: VecDeque<Handled>,
    /// Changes of the phase, the earliest first.
    #[serde(default)]
    pub transitions: Vec<Transition>,
    /// The term of the leader that wrote it.
    #[serde(default)]
    pub epoch: u64,
    /// What a later version has added.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Rollout {
    /// Whether this version may act on it: its form, its phase and what it means to do are all known here.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        let is_known = !matches!(
            self.phase,
            Phase::Unrecognized(_) | Phase::Ended { outcome: Outcome::Unrecognized(_) }
        );
        let knows = |intent: &Intent| !matches!(intent.action, Action::Unrecognized(_));
        self.format <= FORMAT && is_known && self.intents.iter().all(knows)
    }

    /// Whether it has ended. Messages may still be open.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Whether it has ended and nothing is left to do: the record can go to the history.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.has_ended() && self.intents.is_empty()
    }

    /// Whether a promotion is behind it, by whomever.
    #[must_use]
    pub fn is_promoted(&self) -> bool {
        self.promoted.is_some()
    }

    /// How long the phase has lasted, without its pauses. A clock that went back counts as none.
    #[must_use]
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        let until = self.paused.as_ref().map_or(now, |pause| pause.at.max(self.entered_at));
        since(self.entered_at, until).saturating_sub(self.held)
    }

    /// The old version's values by check, for when it has no sample any more.
    #[must_use]
    pub fn reference(&self) -> BTreeMap<String, f64> {
        let value = |(name, standing): (&String, &CheckStanding)| {
            standing.result.measured.stable.map(|value| (name.clone(), value))
        };
        self.checks.iter().filter_map(value).collect()
    }

    /// The evidence of the comparisons by check, as e-values: what a process that takes over goes on from.
    #[must_use]
    pub fn evidence(&self) -> BTreeMap<String, f64> {
        let value = |(name, standing): (&String, &CheckStanding)| {
            standing.result.measured.compared.as_ref().map(|compared| (name.clone(), compared.e_value))
        };
        self.checks.iter().filter_map(value).collect()
    }

    /// Takes in what came of an action: the engine calls it after each, and writes the record.
    pub fn settle(&mut self, intent: u64, settled: Settled, now: Timestamp) {
        let Some(place) = self.intents.iter().position(|open| open.id == intent) else { return };
        match settled {
            Settled::Done => drop(self.intents.remove(place)),
            Settled::Refused(refusal, text) => {
                let action = self.intents.remove(place).action.name().to_owned();
                self.refused = Some(Refused { at: now, action, refusal, text });
            }
            Settled::Failed(error) => {
                let Some(open) = self.intents.get_mut(place) else { return };
                open.tries = open.tries.saturating_add(1);
                open.last_error = Some(error);
                // A decision is tried until its phase ends, which is bounded; what is left after that is bounded here.
                let is_left_over = open.action.outlives_its_phase() || self.has_ended();
                if is_left_over && self.intents.get(place).is_some_and(|open| open.tries >= MAX_TRIES) {
                    drop(self.intents.remove(place));
                }
            }
        }
    }

    /// Changes the phase: what only the phase before wanted to do is dropped.
    pub(crate) fn enter(&mut self, phase: Phase, why: impl Into<String>, now: Timestamp) {
        let transition = Transition {
            at: now,
            from: self.phase.name(),
            to: phase.name(),
            why: why.into(),
            epoch: self.epoch,
        };
        self.phase = phase;
        self.entered_at = now;
        self.held = Duration::ZERO;
        self.refused = None;
        self.waiting_for.clear();
        self.intents.retain(|intent| intent.action.outlives_its_phase());
        if self.transitions.len() >= MAX_TRANSITIONS {
            self.transitions.remove(1);
        }
        self.transitions.push(transition);
    }

    /// Writes down an action, unless it is written down already.
    pub(crate) fn intend(&mut self, action: Action, now: Timestamp) {
        if self.intents.iter().any(|intent| intent.action == action) {
            return;
        }
        match action {
            Action::Promote { .. } => self.promote_intended = true,
            Action::Fail { .. } => self.fail_intended = true,
            Action::Revert { .. } => self.revert_intended = true,
            _ => {}
        }
        let id = self.next_intent;
        self.next_intent = self.next_intent.saturating_add(1);
        self.intents.push(Intent { id, action, at: now, tries: 0, last_error: None });
    }

    /// Writes down a message.
    pub(crate) fn tell(&mut self, kind: EventKind, message: String, advice: &str, now: Timestamp) {
        if self.policy.notify.is_empty() {
            return;
        }
        let is_message = |intent: &Intent| matches!(intent.action, Action::Notify(_));
        if self.intents.iter().filter(|intent| is_message(intent)).count() >= MAX_MESSAGES
            && let Some(earliest) = self.intents.iter().position(is_message)
        {
            self.intents.remove(earliest);
        }
        self.intend(Action::Notify(Event { kind, message, advice: advice.to_owned() }), now);
    }

    /// Takes down a situation. Returns whether it is new.
    pub(crate) fn find(&mut self, id: FindingId, what: impl Into<String>, now: Timestamp) -> bool {
        let what = what.into();
        if let Some(known) = self.findings.iter_mut().find(|known| known.id == id) {
            known.what = what;
            known.is_current = true;
            return false;
        }
        if self.findings.len() >= MAX_FINDINGS {
            return false;
        }
        let advice = id.advice().to_owned();
        self.findings.push(Finding { id, what, advice, since: now, is_current: true });
        true
    }

    /// Takes down that a command was handled.
    pub(crate) fn handle(&mut self, id: &str, declined: Option<String>, now: Timestamp) {
        if self.handled.len() >= MAX_HANDLED {
            self.handled.pop_front();
        }
        self.handled.push_back(Handled { id: id.to_owned(), at: now, declined });
    }

    /// Whether a command was handled.
    #[must_use]
    pub fn has_handled(&self, id: &str) -> bool {
        self.handled.iter().any(|handled| handled.id == id)
    }
}

/// The time from one moment to another; none where the other is earlier.
pub(crate) fn since(from: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
