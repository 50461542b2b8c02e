//! What an instance tells, and what the catalog says of it.

use nova_hashistack::consul::CheckStatus;

use super::Asked;
use crate::receipt::Receipt;

/// One instance in the catalog.
#[derive(Clone, Debug)]
pub struct InstanceFact {
    /// Node and id.
    pub name: String,
    /// The version in its registration.
    pub registered_version: Option<String>,
    /// The region in its registration.
    pub region: Option<String>,
    /// How its checks in Consul stand.
    pub status: CheckStatus,
    /// Its page `/health`.
    pub health: Asked<HealthPage>,
    /// Its receipt.
    pub receipt: Asked<Receipt>,
    /// Requests that it has counted, and those after the synthetic ones, where its metrics could be read.
    pub counted: Asked<(f64, f64)>,
}

/// The page `/health` of a metrics listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthPage {
    /// Whether traffic should come.
    pub is_ready: bool,
    /// `starting`, `ready`, `draining` or `stopped`.
    pub phase: String,
    /// The version.
    pub version: String,
    /// What readiness depends on.
    pub conditions: Vec<ReadinessCondition>,
}

/// One thing that readiness depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadinessCondition {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// Why not.
    pub reason: String,
}
