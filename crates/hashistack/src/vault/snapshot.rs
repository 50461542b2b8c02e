//! Snapshots of Vault's own storage, where that is Raft.

use std::path::Path;

use crate::snapshot::{SnapshotError, SnapshotSummary, restore_sealed, save_sealed};
use crate::transport::{Call, Transport};

/// The snapshots of a client.
#[derive(Debug, Clone, Copy)]
pub struct VaultSnapshots<'c> {
    transport: &'c Transport,
}

impl<'c> VaultSnapshots<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Takes a snapshot of the active server. The file is there when it is whole and on the disk; what was there before is replaced
    /// in one step. All in it is encrypted by the key that opens Vault, which is not in it.
    ///
    /// # Errors
    /// As [`SnapshotError`] says. The file is then as it was.
    pub async fn save(&self, path: &Path) -> Result<SnapshotSummary, SnapshotError> {
        save_sealed(self.transport, Call::get("/v1/sys/storage/raft/snapshot"), path).await
    }

    /// Puts a snapshot back: all that Vault knows is replaced by what it holds, the tokens too. It is verified before anything is
    /// sent. Vault refuses one of another cluster, which is opened by other keys.
    ///
    /// # Errors
    /// As [`SnapshotError`] says. After an answer that was lost Vault may have taken it.
    pub async fn restore(&self, path: &Path) -> Result<SnapshotSummary, SnapshotError> {
        restore_sealed(self.transport, Call::post("/v1/sys/storage/raft/snapshot"), path).await
    }

    /// As [`Self::restore`], of another cluster too: Vault is sealed afterwards, and the keys of that cluster open it.
    ///
    /// # Errors
    /// As [`SnapshotError`] says. After an answer that was lost Vault may have taken it.
    pub async fn restore_foreign(&self, path: &Path) -> Result<SnapshotSummary, SnapshotError> {
        restore_sealed(self.transport, Call::post("/v1/sys/storage/raft/snapshot-force"), path).await
    }
}
