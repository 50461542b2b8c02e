//! Where a rollout stands: its phase, how far a rollback is, and how it ended.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rollout::finding::FindingId;

/// Where a rollout stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Phase {
    /// Canaries are being started, and are not all ready.
    AwaitingCanaries,
    /// Gates before the first step are not all open.
    AwaitingStart,
    /// Requests are being shared anew.
    Stepping {
        /// Which step of the policy, from 0.
        step: usize,
    },
    /// The step is judged.
    Baking {
        /// Which step of the policy, from 0.
        step: usize,
    },
    /// Gates before the promotion are not all open. It is judged on.
    AwaitingApproval,
    /// The promotion is being made.
    Promoting,
    /// It is promoted, and old instances are being replaced.
    AwaitingSuccess,
    /// Without canaries: instances are being replaced, and it is judged on the way.
    Replacing,
    /// All instances are of the new version, which is judged on.
    PostPromotionBake,
    /// It is being undone.
    RollingBack {
        /// How far.
        stage: RollbackStage,
    },
    /// Nothing more happens.
    Ended {
        /// How it ended.
        outcome: Outcome,
    },
    /// One that a later version knows: nothing is done.
    #[serde(untagged)]
    Unrecognized(Value),
}

/// How far a rollback is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum RollbackStage {
    /// Requests are being taken from the new version.
    TrafficAway,
    /// The deployment is being failed.
    Failing,
    /// What runs is being looked at.
    Verifying,
    /// The earlier version is being registered anew.
    Reverting,
    /// The deployment that the revert has made is being promoted, and comes into force.
    PromotingRevert,
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Outcome {
    /// The new version is in force.
    Promoted,
    /// The old version is in force.
    RolledBack {
        /// Why.
        reason: String,
        /// What to change in the specification; empty where the job is at a good one.
        advice: String,
    },
    /// The bad version is in force, and the policy leaves it to others to take it back.
    HandedOver {
        /// Why it is bad.
        reason: String,
        /// What to change in the specification.
        advice: String,
    },
    /// The rollback did not come to its end in time.
    RollbackIncomplete {
        /// Why it was rolled back.
        reason: String,
        /// What is left to do by hand.
        advice: String,
    },
    /// A newer version is rolled out instead.
    Superseded {
        /// That version.
        by_version: u64,
    },
    /// There is nothing left to decide.
    Abandoned {
        /// The situation.
        finding: FindingId,
        /// The same in words.
        reason: String,
    },
    /// One that a later version knows.
    #[serde(untagged)]
    Unrecognized(Value),
}

/// The plain name of a phase, with those of a rollback's stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// [`Phase::AwaitingCanaries`]
    AwaitingCanaries,
    /// [`Phase::AwaitingStart`]
    AwaitingStart,
    /// [`Phase::Stepping`]
    Stepping,
    /// [`Phase::Baking`]
    Baking,
    /// [`Phase::AwaitingApproval`]
    AwaitingApproval,
    /// [`Phase::Promoting`]
    Promoting,
    /// [`Phase::AwaitingSuccess`]
    AwaitingSuccess,
    /// [`Phase::Replacing`]
    Replacing,
    /// [`Phase::PostPromotionBake`]
    PostPromotionBake,
    /// [`RollbackStage::TrafficAway`]
    TrafficAway,
    /// [`RollbackStage::Failing`]
    Failing,
    /// [`RollbackStage::Verifying`]
    Verifying,
    /// [`RollbackStage::Reverting`]
    Reverting,
    /// [`RollbackStage::PromotingRevert`]
    PromotingRevert,
    /// [`Outcome::Promoted`]
    Promoted,
    /// [`Outcome::RolledBack`]
    RolledBack,
    /// [`Outcome::HandedOver`]
    HandedOver,
    /// [`Outcome::RollbackIncomplete`]
    RollbackIncomplete,
    /// [`Outcome::Superseded`]
    Superseded,
    /// [`Outcome::Abandoned`]
    Abandoned,
    /// One that a later version knows.
    #[serde(other)]
    Unrecognized,
}

impl PhaseName {
    /// The name in records, the API and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingCanaries => "awaiting_canaries",
            Self::AwaitingStart => "awaiting_start",
            Self::Stepping => "stepping",
            Self::Baking => "baking",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Promoting => "promoting",
            Self::AwaitingSuccess => "awaiting_success",
            Self::Replacing => "replacing",
            Self::PostPromotionBake => "post_promotion_bake",
            Self::TrafficAway => "traffic_away",
            Self::Failing => "failing",
            Self::Verifying => "verifying",
            Self::Reverting => "reverting",
            Self::PromotingRevert => "promoting_revert",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::HandedOver => "handed_over",
            Self::RollbackIncomplete => "rollback_incomplete",
            Self::Superseded => "superseded",
            Self::Abandoned => "abandoned",
            Self::Unrecognized => "unrecognized",
        }
    }
}

impl Phase {
    /// Its plain name; of a rollback that of its stage, of an end that of its outcome.
    #[must_use]
    pub fn name(&self) -> PhaseName {
        match self {
            Self::AwaitingCanaries => PhaseName::AwaitingCanaries,
            Self::AwaitingStart => PhaseName::AwaitingStart,
            Self::Stepping { .. } => PhaseName::Stepping,
            Self::Baking { .. } => PhaseName::Baking,
            Self::AwaitingApproval => PhaseName::AwaitingApproval,
            Self::Promoting => PhaseName::Promoting,
            Self::AwaitingSuccess => PhaseName::AwaitingSuccess,
            Self::Replacing => PhaseName::Replacing,
            Self::PostPromotionBake => PhaseName::PostPromotionBake,
            Self::RollingBack { stage } => match stage {
                RollbackStage::TrafficAway => PhaseName::TrafficAway,
                RollbackStage::Failing => PhaseName::Failing,
                RollbackStage::Verifying => PhaseName::Verifying,
                RollbackStage::Reverting => PhaseName::Reverting,
                RollbackStage::PromotingRevert => PhaseName::PromotingRevert,
            },
            Self::Ended { outcome } => match outcome {
                Outcome::Promoted => PhaseName::Promoted,
                Outcome::RolledBack { .. } => PhaseName::RolledBack,
                Outcome::HandedOver { .. } => PhaseName::HandedOver,
                Outcome::RollbackIncomplete { .. } => PhaseName::RollbackIncomplete,
                Outcome::Superseded { .. } => PhaseName::Superseded,
                Outcome::Abandoned { .. } => PhaseName::Abandoned,
                Outcome::Unrecognized(_) => PhaseName::Unrecognized,
            },
            Self::Unrecognized(_) => PhaseName::Unrecognized,
        }
    }
}
