//! What all requests share. Built by `app.rs`, read by the pipeline.

use std::sync::Arc;

use nova_lifecycle::{Readiness, Shutdown};
use slog::Logger;
use tokio::sync::Semaphore;

use crate::auth::Authenticator;
use crate::limit::{Admission, BodyMemory};
use crate::receipt::ReceiptStore;
use crate::repair::LearnedRefusals;
use crate::requests::RequestRegistry;
use crate::snapshot::Snapshots;
use crate::upstream::Breakers;

/// What all requests share.
#[derive(Debug)]
pub struct Services {
    /// Who may call.
    pub authenticator: Authenticator,
    /// How much is taken on at once.
    pub admission: Admission,
    /// The configuration in force, and what follows from it.
    pub snapshots: Snapshots,
    /// What models were found to refuse.
    pub refusals: LearnedRefusals,
    /// Which regions fail for which models.
    pub breakers: Breakers,
    /// Requests under way and lately ended.
    pub requests: Arc<RequestRegistry>,
    /// Whether traffic should come here.
    pub readiness: Readiness,
    /// What this instance tells of its configuration, and how it stands with Consul.
    pub receipts: ReceiptStore,
    /// Phases and the drain.
    pub shutdown: Shutdown,
    /// The root of all requests' logs.
    pub log: Logger,
    /// Memory for bodies that are being read.
    pub body_memory: BodyMemory,
    /// Memory for vectors, in KiB: the answers of embeddings are larger than their requests.
    pub vector_budget: Arc<Semaphore>,
}

/// As filters take it.
pub type SharedServices = Arc<Services>;
