//! The page `/v1/agent`: who this instance is, who leads, for how long it may act, and how the tasks stand.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::Api;
use crate::driver::TaskStatus;
use crate::leader::Holder;

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct AgentStatus {
    instance: String,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'static str>,
    phase: &'static str,
    started: Timestamp,
    uptime_ms: u64,
    is_leader: bool,
    /// Who holds the lock; nothing while nobody does, or it is not known.
    leader: Option<Holder>,
    /// Of the leader alone.
    lease: Option<LeaseStatus>,
    /// Why nothing newer is known of the election.
    election_fault: Option<String>,
    conditions: Vec<Condition>,
    tasks: Vec<TaskStatus>,
    /// How the leader's tasks stand, as it wrote last.
    leader_record: Option<Value>,
}

#[derive(Debug, Serialize)]
struct LeaseStatus {
    epoch: u64,
    /// How long this instance may act if it cannot renew the lock any more.
    acts_for_ms: u64,
}

#[derive(Debug, Serialize)]
struct Condition {
    name: &'static str,
    holds: bool,
    reason: String,
}

impl Api {
    pub(super) fn status(&self) -> AgentStatus {
        let standing = self.standing.borrow().clone();
        let leadership = self.acting();
        let snapshot = self.readiness.snapshot();
        let lease = leadership.as_ref().map(|leadership| LeaseStatus {
            epoch: leadership.epoch(),
            acts_for_ms: leadership
                .acts_until()
                .map_or(0, |until| crate::driver::millis(until.saturating_duration_since(Instant::now()))),
        });
        let condition = |condition: nova_lifecycle::Condition| Condition {
            name: condition.name,
            holds: condition.holds,
            reason: condition.reason,
        };
        AgentStatus {
            instance: self.instance.clone(),
            version: nova_config::running_version(),
            commit: nova_config::commit(),
            phase: snapshot.phase.as_str(),
            started: self.started.0,
            uptime_ms: crate::driver::millis(self.started.1.elapsed()),
            is_leader: leadership.is_some(),
            leader: standing.holder,
            lease,
            election_fault: standing.fault,
            conditions: snapshot.conditions.into_iter().map(condition).collect(),
            tasks: self.driver.statuses(),
            leader_record: self.leader_record.borrow().clone(),
        }
    }
}
