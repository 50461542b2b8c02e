//! Snapshots of Consul's servers.

use std::path::Path;

use super::indexed::Consistency;
use crate::snapshot::{SnapshotError, SnapshotSummary, restore, save};
use crate::transport::{Call, Transport};

/// The snapshots of a client.
#[derive(Debug, Clone, Copy)]
pub struct Snapshots<'c> {
    transport: &'c Transport,
}

impl<'c> Snapshots<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Takes a snapshot. The file is there when it is whole and on the disk; what was there before is replaced in one step.
    ///
    /// [`Consistency::Stale`] asks any server, for when there is no leader: it may lack the last writes. Needs a management token.
    ///
    /// # Errors
    /// As [`SnapshotError`] says. The file is then as it was.
    pub async fn save(
        &self,
        path: &Path,
        consistency: Consistency,
    ) -> Result<SnapshotSummary, SnapshotError> {
        save(self.transport, consistency.of(Call::get("/v1/snapshot")), path).await
    }

    /// Puts a snapshot back: all that the servers know is replaced by what it holds. It is verified before anything is sent.
    ///
    /// The servers must be of the version that it was taken from, and nobody should write meanwhile. Needs a management token.
    ///
    /// # Errors
    /// As [`SnapshotError`] says. After an answer that was lost the servers may have taken it.
    pub async fn restore(&self, path: &Path) -> Result<SnapshotSummary, SnapshotError> {
        restore(self.transport, Call::put("/v1/snapshot"), path).await
    }
}
