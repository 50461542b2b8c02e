//! The HTTP API of the daemon, on a Unix socket and on TCP: what operators see and order.
//!
//! Owns who may ask what, the pages, and the form of answers and refusals. What a rollout is, and what an order does to it, is for
//! whoever stands behind [`Rollouts`].

mod access;
mod body;
mod error;
mod health;
mod orders;
pub mod rollouts;
mod routes;
pub mod server;
mod sse;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use nova_lifecycle::{Readiness, Shutdown};
use nova_telemetry::metrics::MetricsHandle;
use slog::Logger;
use tokio::sync::{Semaphore, watch};

use crate::driver::Driver;
use crate::events::Events;
use crate::leader::{Leadership, Standing};

pub use access::{AccessConfig, AccessRules, Caller, Door, NomadAccess, Peer, Role};
pub use error::ApiError;
pub use rollouts::{Rollouts, RolloutsError, StoredRollouts};
pub use routes::{HttpService, routes};

/// How many streams of events may be open at once.
pub(crate) const MAX_READERS: usize = 64;

/// Everything that requests are answered from.
pub struct Api {
    /// The name of this instance.
    pub instance: String,
    /// When the process began.
    pub started: (Timestamp, Instant),
    /// The leadership of this instance.
    pub leadership: watch::Receiver<Option<Leadership>>,
    /// How the election stands.
    pub standing: watch::Receiver<Standing>,
    /// The tasks.
    pub driver: Arc<Driver>,
    /// The rollouts.
    pub rollouts: Arc<dyn Rollouts>,
    /// What the leader's tasks have come to, for instances that do not lead.
    pub leader_record: watch::Receiver<Option<serde_json::Value>>,
    /// What happened.
    pub events: Events,
    /// What has to hold before this instance is ready.
    pub readiness: Readiness,
    /// The stop of the process.
    pub shutdown: Shutdown,
    /// The metrics, where they are recorded.
    pub metrics: Option<MetricsHandle>,
    /// Who may do what on TCP.
    pub access: Option<Arc<NomadAccess>>,
    /// The log.
    pub log: Logger,
    readers: Arc<Semaphore>,
}

/// An API that all requests share.
pub type SharedApi = Arc<Api>;

/// The parts of an API, to be put together by [`Api::new`].
pub struct Parts {
    /// See [`Api::instance`].
    pub instance: String,
    /// See [`Api::leadership`].
    pub leadership: watch::Receiver<Option<Leadership>>,
    /// See [`Api::standing`].
    pub standing: watch::Receiver<Standing>,
    /// See [`Api::driver`].
    pub driver: Arc<Driver>,
    /// See [`Api::rollouts`].
    pub rollouts: Arc<dyn Rollouts>,
    /// See [`Api::leader_record`].
    pub leader_record: watch::Receiver<Option<serde_json::Value>>,
    /// See [`Api::events`].
    pub events: Events,
    /// See [`Api::readiness`].
    pub readiness: Readiness,
    /// See [`Api::shutdown`].
    pub shutdown: Shutdown,
    /// See [`Api::metrics`].
    pub metrics: Option<MetricsHandle>,
    /// See [`Api::access`].
    pub access: Option<Arc<NomadAccess>>,
    /// See [`Api::log`].
    pub log: Logger,
}

impl Api {
    /// An API of these parts, which begins to count its time now.
    #[must_use]
    pub fn new(parts: Parts) -> SharedApi {
        let Parts {
            instance,
            leadership,
            standing,
            driver,
            rollouts,
            leader_record,
            events,
            readiness,
            shutdown,
            metrics,
            access,
            log,
        } = parts;
        Arc::new(Self {
            instance,
            started: (Timestamp::now(), Instant::now()),
            leadership,
            standing,
            driver,
            rollouts,
            leader_record,
            events,
            readiness,
            shutdown,
            metrics,
            access,
            log,
            readers: Arc::new(Semaphore::new(MAX_READERS)),
        })
    }

    /// The leadership, where this instance may act by it now.
    fn acting(&self) -> Option<Leadership> {
        let leadership = self.leadership.borrow().clone();
        leadership.filter(|leadership| leadership.may_act(tokio::time::Instant::now()))
    }
}
