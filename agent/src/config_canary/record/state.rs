//! Where a candidate stands, and how it can end.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Phase {
    /// It was taken in, and no instance has it: a rollout runs, or there is something else that has to come first.
    Waiting,
    /// It is in `config.canary`.
    Trying,
    /// It is over.
    Ended {
        /// How.
        outcome: Outcome,
    },
    /// A phase of a later version.
    #[serde(untagged)]
    Unrecognized(Map<String, Value>),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Its text is that of `config`.
    Promoted {
        /// Who decided: `nova-agent`, or a person.
        by: String,
        /// The record of the configuration's history that it became.
        history: u64,
    },
    /// The checks say that it is worse.
    Failed {
        /// Which, with the numbers.
        why: String,
    },
    /// An instance of the ring could not take it.
    Refused {
        /// Which, and why.
        why: String,
    },
    /// Nothing spoke against it, and not enough for it, until its maximum age.
    Expired {
        /// What was missing.
        why: String,
    },
    /// Somebody changed `config`, which it was made for.
    Superseded {
        /// What was seen.
        why: String,
    },
    /// Somebody ordered it.
    Aborted {
        /// Who, and why.
        why: String,
    },
    /// Somebody took the candidate away by other means, or put another one in its place.
    Withdrawn {
        /// What was seen.
        why: String,
    },
    /// An end of a later version.
    #[serde(untagged)]
    Unrecognized(Map<String, Value>),
}

impl Outcome {
    /// Why it ended so, in one sentence; empty where it was promoted.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Failed { why }
            | Self::Refused { why }
            | Self::Expired { why }
            | Self::Superseded { why }
            | Self::Aborted { why }
            | Self::Withdrawn { why } => why,
            Self::Promoted { .. } | Self::Unrecognized(_) => "",
        }
    }
}

/// The name of a phase or of an end, for people, metrics and transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// [`Phase::Waiting`].
    Waiting,
    /// [`Phase::Trying`].
    Trying,
    /// [`Outcome::Promoted`].
    Promoted,
    /// [`Outcome::Failed`].
    Failed,
    /// [`Outcome::Refused`].
    Refused,
    /// [`Outcome::Expired`].
    Expired,
    /// [`Outcome::Superseded`].
    Superseded,
    /// [`Outcome::Aborted`].
    Aborted,
    /// [`Outcome::Withdrawn`].
    Withdrawn,
    /// One of a later version.
    #[serde(other)]
    Unrecognized,
}

impl PhaseName {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Trying => "trying",
            Self::Promoted => "promoted",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Aborted => "aborted",
            Self::Withdrawn => "withdrawn",
            Self::Unrecognized => "unrecognized",
        }
    }
}

impl Phase {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Waiting => PhaseName::Waiting,
            Self::Trying => PhaseName::Trying,
            Self::Ended { outcome } => match outcome {
                Outcome::Promoted { .. } => PhaseName::Promoted,
                Outcome::Failed { .. } => PhaseName::Failed,
                Outcome::Refused { .. } => PhaseName::Refused,
                Outcome::Expired { .. } => PhaseName::Expired,
                Outcome::Superseded { .. } => PhaseName::Superseded,
                Outcome::Aborted { .. } => PhaseName::Aborted,
                Outcome::Withdrawn { .. } => PhaseName::Withdrawn,
                Outcome::Unrecognized(_) => PhaseName::Unrecognized,
            },
            Self::Unrecognized(_) => PhaseName::Unrecognized,
        }
    }
}
