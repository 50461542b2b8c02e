//! Evaluations: what a change of a job has led to.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::job::or_default;
use crate::transport::{Call, HashistackError, Transport};

/// The evaluations of a client.
#[derive(Debug, Clone, Copy)]
pub struct Evaluations<'c> {
    transport: &'c Transport,
}

/// One evaluation.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Evaluation {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// `pending`, `complete`, `failed`, `canceled` or `blocked`.
    pub status: String,
    /// Why it has this status, where there is more to say.
    #[serde(default)]
    pub status_description: String,
    /// The deployment that it has made or goes on with; empty where there is none.
    #[serde(default, rename = "DeploymentID")]
    pub deployment_id: String,
    /// The evaluation that waits for capacity; empty where nothing waits.
    #[serde(default)]
    pub blocked_eval: String,
    /// Groups that could not be placed, by name: there is no capacity for them, which is no fault of their program.
    #[serde(default, rename = "FailedTGAllocs", deserialize_with = "or_default")]
    pub failed_groups: BTreeMap<String, PlacementFailure>,
}

/// Why a group was not placed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PlacementFailure {
    /// How many nodes were looked at.
    pub nodes_evaluated: u64,
    /// How many of them had not enough left.
    pub nodes_exhausted: u64,
    /// What they had not enough of: `memory`, `cpu`, a port.
    #[serde(deserialize_with = "or_default")]
    pub dimension_exhausted: BTreeMap<String, u64>,
    /// Which constraints kept nodes out.
    #[serde(deserialize_with = "or_default")]
    pub constraint_filtered: BTreeMap<String, u64>,
    /// How many more allocations of the group failed in the same way.
    pub coalesced_failures: u64,
}

impl<'c> Evaluations<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// One evaluation.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: [`NomadFault::Gone`](super::NomadFault::Gone) for an id that is not there.
    pub async fn read(&self, id: &str) -> Result<Evaluation, HashistackError> {
        self.transport.send(&Call::get("/v1/evaluation").segment(id)?).await?.json()
    }
}
