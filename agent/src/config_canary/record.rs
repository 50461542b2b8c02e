//! The state of a candidate, as it is kept: everything that another instance needs to go on with it.
//!
//! Owns the serialized form. Members that a later version has added are kept and written back; a phase that this version does not know
//! is kept too, and left alone until an agent that knows it leads.

mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::observation::{Order, Push};
use crate::rollout::policy::Policy;
use crate::rollout::record::{CheckStanding, Handled, since};

pub use state::{Outcome, Phase, PhaseName};

/// The form of the record. It rises when an older agent must not act on one; added members do not need it.
pub const FORMAT: u32 = 1;

/// How many transitions are kept; the first and the latest are.
const MAX_TRANSITIONS: usize = 32;

/// How many ids of handled orders are kept.
const MAX_HANDLED: usize = 32;

/// How many messages wait to be sent at most. A later one takes the place of the earliest.
const MAX_MESSAGES: usize = 8;

/// One change of the phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// To where.
    pub to: PhaseName,
    /// Why, in one sentence.
    pub why: String,
    /// The term of the leader that decided.
    #[serde(default)]
    pub epoch: u64,
}

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// When it was written.
    pub at: Timestamp,
    /// What kind it is: `begun`, `waiting`, `promoted`, `removed`.
    pub kind: String,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it; empty where there is nothing to do.
    #[serde(default)]
    pub advice: String,
}

/// How the ring tries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// When the candidate was put there.
    pub at: Timestamp,
    /// The instances of the ring, by the names in their receipts. None where there is but one instance.
    pub ring: BTreeSet<String>,
    /// How many instances the catalog listed then.
    pub instances: usize,
    /// When all of the ring had it in force: what is measured is counted from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
}

/// Somebody's order to promote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromoteOrder {
    /// Who it is from.
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A candidate on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigCanary {
    /// The form of the record, [`FORMAT`].
    pub format: u32,
    /// The candidate's id.
    pub id: String,
    /// Who wants it.
    pub author: String,
    /// What they say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What is wanted.
    #[serde(flatten)]
    pub push: Push,
    /// When it was taken in.
    pub requested_at: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    /// When the phase began.
    pub entered_at: Timestamp,
    /// How the ring tries it, or tried it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// How the checks stand, by label.
    #[serde(default)]
    pub checks: BTreeMap<String, CheckStanding>,
    /// What it waits for, in one sentence; empty where it waits for nothing but time.
    #[serde(default)]
    pub waiting_for: String,
    /// Whether somebody was told that it waits for a person.
    #[serde(default)]
    pub has_asked: bool,
    /// Who has ordered to promote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_ordered: Option<PromoteOrder>,
    /// What is to be said to people, the earliest first.
    #[serde(default)]
    pub messages: Vec<Telling>,
    /// Orders that were handled, the latest last.
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

impl ConfigCanary {
    /// The record of a candidate that was taken in just now.
    #[must_use]
    pub fn new(order: &Order, push: &Push, epoch: u64, now: Timestamp) -> Self {
        let mut record = Self {
            format: FORMAT,
            id: order.id.clone(),
            author: order.by.clone(),
            message: order.reason.clone(),
            push: push.clone(),
            requested_at: now,
            phase: Phase::Waiting,
            entered_at: now,
            trial: None,
            checks: BTreeMap::new(),
            waiting_for: String::new(),
            has_asked: false,
            promote_ordered: None,
            messages: Vec::new(),
            handled: VecDeque::new(),
            transitions: Vec::new(),
            epoch,
            rest: Map::new(),
        };
        record.handle(&order.id, None, now);
        record.enter(Phase::Waiting, format!("{} wants it tried", order.by), now);
        record
    }

    /// The rules that it is judged by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.push.policy
    }

    /// How long it is judged at least.
    #[must_use]
    pub fn bake(&self) -> Duration {
        self.policy().steps.first().map(|step| step.bake).unwrap_or_default()
    }

    /// Whether this version may act on it.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        let is_known = !matches!(
            self.phase,
            Phase::Unrecognized(_) | Phase::Ended { outcome: Outcome::Unrecognized(_) }
        );
        self.format <= FORMAT && is_known
    }

    /// Whether it has ended. Messages may still be open.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Whether its candidate is meant to be in `config.canary`.
    #[must_use]
    pub fn is_tried(&self) -> bool {
        self.phase == Phase::Trying
    }

    /// When it expires, while it is tried.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let trial = self.trial.as_ref().filter(|_| self.is_tried())?;
        trial.at.checked_add(self.push.max_age).ok()
    }

    /// How long the whole ring has had it in force.
    #[must_use]
    pub fn baked(&self, now: Timestamp) -> Option<Duration> {
        let applied_at = self.trial.as_ref().filter(|_| self.is_tried())?.applied_at?;
        Some(since(applied_at, now))
    }

    /// Whether an order was handled.
    #[must_use]
    pub fn has_handled(&self, id: &str) -> bool {
        self.handled.iter().any(|handled| handled.id == id)
    }

    pub(crate) fn enter(&mut self, phase: Phase, why: impl Into<String>, now: Timestamp) {
        let transition = Transition { at: now, to: phase.name(), why: why.into(), epoch: self.epoch };
        self.phase = phase;
        self.entered_at = now;
        self.waiting_for.clear();
        if self.transitions.len() >= MAX_TRANSITIONS {
            self.transitions.remove(1);
        }
        self.transitions.push(transition);
    }

    pub(crate) fn handle(&mut self, id: &str, declined: Option<String>, now: Timestamp) {
        if self.handled.len() >= MAX_HANDLED {
            self.handled.pop_front();
        }
        self.handled.push_back(Handled { id: id.to_owned(), at: now, declined });
    }

    pub(crate) fn tell(&mut self, kind: &str, message: String, advice: &str, now: Timestamp) {
        if self.policy().notify.is_empty() {
            return;
        }
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push(Telling { at: now, kind: kind.to_owned(), message, advice: advice.to_owned() });
    }
}

#[cfg(test)]
pub(crate) mod tests;
