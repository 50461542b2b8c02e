//! What the health pages say: live while the process answers, ready once Consul has told how the election stands.

use serde::Serialize;

use super::Api;

/// The page `/health/ready`.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    /// `ready` or `not_ready`.
    pub(super) status: &'static str,
    phase: &'static str,
    version: &'static str,
    conditions: Vec<Condition>,
}

#[derive(Debug, Serialize)]
struct Condition {
    name: &'static str,
    holds: bool,
}

impl Api {
    /// Conditions without their reasons: the page needs no token, and reasons name addresses and policies.
    pub(super) fn ready(&self) -> Ready {
        let snapshot = self.readiness.snapshot();
        let conditions = snapshot.conditions.iter();
        Ready {
            status: if snapshot.ready { "ready" } else { "not_ready" },
            phase: snapshot.phase.as_str(),
            version: nova_config::running_version(),
            conditions: conditions
                .map(|condition| Condition { name: condition.name, holds: condition.holds })
                .collect(),
        }
    }
}
