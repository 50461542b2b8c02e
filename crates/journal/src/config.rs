//! What a journal is told when it is opened.

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::EngineConfig;

/// What happens to records that have to be written before something else is done, while the disk takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// They are refused, and the caller refuses what it wanted to do: nothing is done without a record.
    #[default]
    Refuse,
    /// They are kept in memory while there is room, and the caller goes on; those that find no room are counted, and a record says how many
    /// they were once the disk takes one again.
    Serve,
}

/// Where a journal is and what limits it has.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// The folder of all journals of a machine's disk; made if it is missing.
    pub root: PathBuf,
    /// Who writes: program, version and instance, for the records with which a journal begins and ends.
    pub by: String,
    /// A segment is sealed before it grows beyond this. What was acknowledged is removed by whole segments.
    pub segment_bytes: u64,
    /// What all journals in the folder may have together.
    pub disk_bytes_max: u64,
    /// Records in memory that wait for the writer, in bytes; when it is full, callers wait.
    pub queue_bytes_max: usize,
    /// How long a record that nobody waits for may lie in memory, so that one write serves many.
    pub linger: Duration,
    /// How long a record may be written and not on disk: what a power failure can take, besides what lies in memory and the time that a
    /// `sync` takes.
    pub commit_interval: Duration,
    /// What happens while the disk takes nothing.
    pub when_full: WhenFull,
}

impl JournalConfig {
    /// The defaults, in this folder.
    #[must_use]
    pub fn new(root: PathBuf, by: String) -> Self {
        Self {
            root,
            by,
            segment_bytes: 16 * 1024 * 1024,
            disk_bytes_max: 1024 * 1024 * 1024,
            queue_bytes_max: 8 * 1024 * 1024,
            linger: Duration::from_millis(5),
            commit_interval: Duration::from_millis(200),
            when_full: WhenFull::default(),
        }
    }

    pub(crate) fn engine(&self) -> EngineConfig {
        EngineConfig {
            root: self.root.clone(),
            segment_bytes: self.segment_bytes,
            disk_bytes_max: self.disk_bytes_max,
        }
    }
}
