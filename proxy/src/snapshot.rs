//! Everything that follows from one configuration, in one piece: a request sees the old one or the new one, never a mixture.

use std::sync::Arc;

use arc_swap::ArcSwap;
use nova_config::{Fault, Loaded};

use crate::events::SeriesCache;
use crate::media::ImageFetcher;
use crate::models::ModelTable;
use crate::upstream::{BedrockClient, BreakerConfig};

/// What a configuration came to. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration.
    pub loaded: Loaded,
    /// Its hash, short, as metrics and records carry it.
    pub config_hash: Arc<str>,
    /// The series that its requests are counted in.
    pub series: SeriesCache,
    /// The models that it serves.
    pub models: ModelTable,
    /// The client with its timeouts and retries.
    pub bedrock: BedrockClient,
    /// When a region counts as failed.
    pub breaker: BreakerConfig,
    /// Images by URL, if the operator allows any.
    pub images: Option<ImageFetcher>,
    /// Fields of the files that differ from what is in force, because they are fixed at the start.
    pub waiting_for_restart: Vec<String>,
}

impl Snapshot {
    /// With the fields that a restart would change.
    #[must_use]
    pub fn waiting_for_restart(self, fields: Vec<String>) -> Self {
        Self { waiting_for_restart: fields, ..self }
    }
}

/// The snapshot in force.
#[derive(Debug)]
pub struct Snapshots(ArcSwap<Snapshot>);

impl Snapshots {
    /// Begins with a first one.
    #[must_use]
    pub fn new(first: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// The one in force.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts another one into force. Requests under way keep theirs.
    pub fn replace(&self, next: Snapshot) {
        self.0.store(Arc::new(next));
    }
}

/// Why a configuration cannot be put into force.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Faults in the files.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
    /// The Bedrock client cannot be built.
    #[error("the bedrock client cannot be built")]
    Upstream(#[from] crate::upstream::UpstreamSetupError),
    /// The image fetcher cannot be built.
    #[error("the image fetcher cannot be built")]
    Images(#[source] std::io::Error),
}
