//! Readiness: named conditions that must all hold before traffic should come here.
//!
//! Owns the conditions and their reasons. Which conditions there are, and the page that shows them, is the program's;
//! a condition belongs here only where another instance could do better.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::{Phase, Shutdown};

/// One named condition as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What must hold, for instance `credentials`.
    pub name: &'static str,
    /// Whether it does.
    pub holds: bool,
    /// Why not, or what is known of it, in words for an operator.
    pub reason: String,
}

/// Everything a health page needs, taken at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadinessSnapshot {
    /// Whether traffic should come here.
    pub ready: bool,
    /// The phase of the process.
    pub phase: Phase,
    /// All conditions in name order.
    pub conditions: Vec<Condition>,
}

/// The set of conditions. Clones share it.
#[derive(Clone, Debug)]
pub struct Readiness {
    shutdown: Shutdown,
    conditions: Arc<watch::Sender<BTreeMap<&'static str, Condition>>>,
}

impl Readiness {
    /// No conditions yet: ready as soon as `shutdown` is in phase [`Phase::Ready`].
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, conditions: Arc::new(watch::Sender::new(BTreeMap::new())) }
    }

    /// Adds a condition that does not hold yet for `reason`. A name declared twice is one condition.
    pub fn declare(&self, name: &'static str, reason: impl Into<String>) -> ConditionHandle {
        let handle = ConditionHandle { name, conditions: Arc::clone(&self.conditions) };
        handle.set(false, reason.into());
        handle
    }

    /// Whether the phase is [`Phase::Ready`] and every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shutdown.phase() == Phase::Ready && self.conditions.borrow().values().all(|c| c.holds)
    }

    /// Phase and conditions at this moment.
    #[must_use]
    pub fn snapshot(&self) -> ReadinessSnapshot {
        let conditions: Vec<_> = self.conditions.borrow().values().cloned().collect();
        let phase = self.shutdown.phase();
        ReadinessSnapshot {
            ready: phase == Phase::Ready && conditions.iter().all(|c| c.holds),
            phase,
            conditions,
        }
    }

    /// Completes when the process is ready; never, where it drains before that.
    pub async fn wait_ready(&self) {
        let (mut phase, mut conditions) = (self.shutdown.watch(), self.conditions.subscribe());
        while !self.is_ready() {
            // Both senders live in `self`, so neither channel can close while this waits.
            tokio::select! {
                _ = phase.changed() => {}
                _ = conditions.changed() => {}
            }
        }
    }
}

/// The owner's end of one condition.
#[derive(Clone, Debug)]
pub struct ConditionHandle {
    name: &'static str,
    conditions: Arc<watch::Sender<BTreeMap<&'static str, Condition>>>,
}

impl ConditionHandle {
    /// The condition holds; `reason` says what was found.
    pub fn hold(&self, reason: impl Into<String>) {
        self.set(true, reason.into());
    }

    /// The condition does not hold; `reason` says why and what would mend it.
    pub fn fail(&self, reason: impl Into<String>) {
        self.set(false, reason.into());
    }

    fn set(&self, holds: bool, reason: String) {
        let condition = Condition { name: self.name, holds, reason };
        self.conditions.send_if_modified(|conditions| {
            let changed = conditions.get(self.name) != Some(&condition);
            if changed {
                conditions.insert(self.name, condition);
            }
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_the_phase_and_every_condition() {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(shutdown.clone());
        let credentials = readiness.declare("credentials", "not read yet");
        let keys = readiness.declare("keys", "not read yet");
        keys.hold("12 keys");
        assert!(!readiness.is_ready());
        shutdown.set_ready();
        assert!(!readiness.is_ready());
        credentials.hold("expires in 50 minutes");
        assert!(readiness.is_ready());
        shutdown.advance(Phase::Draining);
        assert!(!readiness.is_ready());
    }

    #[test]
    fn the_snapshot_names_each_condition_with_its_reason() {
        let shutdown = Shutdown::new();
        shutdown.set_ready();
        let readiness = Readiness::new(shutdown);
        readiness.declare("keys", "x").fail("keys.json is empty");
        readiness.declare("credentials", "x").hold("assumed role");
        let snapshot = readiness.snapshot();
        assert!(!snapshot.ready);
        let seen: Vec<_> = snapshot.conditions.iter().map(|c| (c.name, c.holds, c.reason.as_str())).collect();
        assert_eq!(seen, [("credentials", true, "assumed role"), ("keys", false, "keys.json is empty")]);
    }

    #[tokio::test]
    async fn waiting_ends_when_the_last_condition_holds() {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(shutdown.clone());
        let keys = readiness.declare("keys", "not read yet");
        tokio::join!(readiness.wait_ready(), async {
            shutdown.set_ready();
            tokio::task::yield_now().await;
            assert!(!readiness.is_ready());
            keys.hold("read");
        });
        assert!(readiness.is_ready());
    }
}
