//! What an instance does about a candidate for `config`, in the form of the receipt.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::refusal::{FaultEntry, shown};
use super::rfc3339;

/// Which ring this instance is in, as the candidate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateRing {
    /// It is one of those that try the candidate.
    Canary,
    /// It runs `config`.
    Stable,
    /// The candidate cannot be read.
    Unknown,
}

/// What the instance does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateState {
    /// The candidate is in force in place of `config`.
    Applied,
    /// Others try it.
    NotMine,
    /// It is this one's to try, and `config` is in force, for a reason.
    Refused,
}

impl CandidateState {
    /// The word in receipts and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotMine => "not_mine",
            Self::Refused => "refused",
        }
    }
}

/// Why a candidate is not in force although it is this instance's to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateRefusal {
    /// In one word: `other_base`, `expired`, `unreadable`, or as [`nova_config::FaultKind`] says it.
    pub kind: &'static str,
    /// Why, in one sentence.
    pub problem: String,
    /// The first faults of its text.
    pub faults: Vec<FaultEntry>,
    /// How many there are.
    pub faults_total: usize,
}

impl CandidateRefusal {
    /// For a reason that is none of its text.
    #[must_use]
    pub fn plain(kind: &'static str, problem: String) -> Self {
        Self { kind, problem, faults: Vec::new(), faults_total: 0 }
    }

    /// For faults of its text.
    #[must_use]
    pub fn of_text(kind: &'static str, problem: String, faults: &[nova_config::Fault]) -> Self {
        Self { kind, problem, faults: shown(faults), faults_total: faults.len() }
    }
}

/// The candidate that was seen last, and what became of it here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateStanding {
    /// Its id; none where it cannot be read.
    pub id: Option<String>,
    /// Its `ModifyIndex`.
    pub modify_index: u64,
    /// The `ModifyIndex` of the `config` that it was made for.
    pub base_index: Option<u64>,
    /// Which ring this instance is in.
    pub ring: CandidateRing,
    /// What the instance does about it.
    pub state: CandidateState,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// The hash of what is in force while it is not applied: what this instance goes back to. None until that is known.
    pub base_hash: Option<Arc<str>>,
    /// Why it is refused, if it is.
    pub refusal: Option<CandidateRefusal>,
}
