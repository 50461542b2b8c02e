//! What one look has shown of a candidate and of what is around it, and what people have ordered.
//!
//! Owns the types. Gathering them is in `observe`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rollout::observation::Seen;
use crate::rollout::policy::Policy;
use crate::rollout::verdict::CheckResult;

/// One look.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The modify index of `config`.
    pub config: Seen<u64>,
    /// What stands in `config.canary`.
    pub candidate: Seen<CandidateSeen>,
    /// Rollouts that are under way below the prefix, each as `namespace/job`.
    pub rollouts: Seen<Vec<String>>,
    /// The instances that the catalog lists.
    pub instances: Seen<Vec<InstanceSeen>>,
    /// What the checks of the policy say now; none before anything was measured.
    pub checks: Vec<CheckResult>,
    /// What people have ordered and the record does not name as handled, the earliest first.
    pub orders: Vec<Order>,
}

/// What stands in `config.canary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateSeen {
    /// Its modify index.
    pub modify_index: u64,
    /// Its id; none where it cannot be read.
    pub id: Option<String>,
    /// Whether it has expired by its own word, or is none that any instance would apply.
    pub is_over: bool,
}

/// An instance, as the catalog lists it and as its receipt tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSeen {
    /// The name in its receipt, which is that of rings; that of the catalog where it told nothing.
    pub name: String,
    /// Whether all its checks pass.
    pub passing: bool,
    /// What its receipt says, or why there is none.
    pub told: Result<Told, String>,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its version.
    pub version: Option<String>,
    /// The hash of what is in force, which is a label of its metrics.
    pub hash: Option<String>,
    /// The modify index of the `config` that is in force beneath a candidate.
    pub config_index: Option<u64>,
    /// Whether it is of a version that tries candidates.
    pub tries_candidates: bool,
    /// What it does about the candidate that it has seen; none where it has seen none.
    pub candidate: Option<Tried>,
}

/// What an instance does about a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The candidate's id.
    pub id: String,
    /// `applied`, `not_mine`, `refused`.
    pub state: String,
    /// Why it was refused: in one word, and in a sentence.
    pub refusal: Option<(String, String)>,
}

impl InstanceSeen {
    /// What it does about this candidate, where it has seen it.
    #[must_use]
    pub fn tries(&self, id: &str) -> Option<&Tried> {
        self.told.as_ref().ok()?.candidate.as_ref().filter(|tried| tried.id == id)
    }

    /// Whether it has this candidate in force.
    #[must_use]
    pub fn has_applied(&self, id: &str) -> bool {
        self.tries(id).is_some_and(|tried| tried.state == "applied")
    }

    /// Whether it could try one that was made for the `config` of this index.
    #[must_use]
    pub fn could_try(&self, base_index: u64) -> bool {
        let is_ready = |told: &Told| told.tries_candidates && told.config_index == Some(base_index);
        self.passing && self.told.as_ref().is_ok_and(is_ready)
    }
}

/// Somebody's word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Tells it from every other, and sorts by time. That of a push becomes the candidate's.
    pub id: String,
    /// Who it is from.
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was given.
    pub at: Timestamp,
    /// What is ordered.
    #[serde(flatten)]
    pub kind: OrderKind,
}

/// What can be ordered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum OrderKind {
    /// To try a candidate.
    Push(Box<Push>),
    /// To promote it now, whatever checks say.
    Promote {
        /// The candidate that is meant: an order for another one must not hit this one.
        candidate: String,
    },
    /// To take it away.
    Abort {
        /// The candidate that is meant.
        candidate: String,
    },
}

/// A candidate as somebody wants it tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// The name under which the instances are in the catalog.
    pub service: String,
    /// The modify index of the `config` that it was made for.
    pub base_index: u64,
    /// The share of the instances, in percent.
    pub share_percent: u8,
    /// How long it may be tried.
    #[serde(rename = "max_age_ms", with = "crate::rollout::millis")]
    pub max_age: Duration,
    /// What it is judged by.
    pub policy: Policy,
    /// Its text.
    pub config: String,
}
