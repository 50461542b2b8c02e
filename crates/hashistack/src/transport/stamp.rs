//! Whether a file is still the one that was read.

use std::io;
use std::path::Path;
use std::time::SystemTime;

/// What tells one state of a file from another without reading it.
///
/// The inode is part of it: a file that was replaced by a rename may have the length and the time of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: SystemTime,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    /// Looks at the file, through links: mounted secrets are links that are turned around.
    pub(super) async fn of(path: &Path) -> io::Result<Self> {
        let metadata = tokio::fs::metadata(path).await?;
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified()?,
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }

    /// The file's length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}
