//! How much of the disk the journals have, held against their limit.
//!
//! What this journal writes is counted as it is written; the files of others are looked up when the count is new, and again when it would
//! pass the limit: perhaps something was removed.

use std::path::Path;

use super::Engine;
use crate::error::{Cause, FileError};
use crate::fs::FileSystem;
use crate::layout;

/// Bytes of all segments, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// All segments but the open one; nothing while it has to be looked up.
    settled: Option<(u64, u64)>,
}

impl Usage {
    /// Has it looked up when it is next needed.
    pub(super) const fn forget(&mut self) {
        self.settled = None;
    }
}

impl Engine {
    /// Bytes of all journals in the folder.
    fn used(&mut self) -> Result<u64, Cause> {
        let (open_first, open_length) = self.open.as_ref().map_or((0, 0), |open| (open.first, open.length()));
        let settled = match self.usage.settled {
            Some((first, settled)) if first == open_first => settled,
            _ => {
                let all = self.segment_bytes(open_first)?;
                self.usage.settled = Some((open_first, all));
                all
            }
        };
        Ok(settled.saturating_add(open_length))
    }

    /// Bytes of all segments but the open one.
    fn segment_bytes(&self, open_first: u64) -> Result<u64, FileError> {
        let root = &self.config.root;
        let mut sum = 0_u64;
        for name in self.fs.names(root).map_err(FileError::on("listing", root))? {
            if let Ok(id) = name.parse() {
                let folder = layout::journal(root, id);
                let skip = (id == self.journal()).then_some(open_first);
                sum = sum.saturating_add(folder_bytes(&*self.fs, &folder, skip)?);
            }
        }
        Ok(sum)
    }

    /// Says whether a few records would be within the limit, for a writer that was over it.
    pub(crate) fn has_room(&mut self) -> Result<(), Cause> {
        self.make_room(super::RESERVED_BYTES, super::RESERVED_BYTES)
    }

    /// Makes sure that so many bytes more are within the limit, with `reserve` to spare.
    pub(super) fn make_room(&mut self, coming: u64, reserve: u64) -> Result<(), Cause> {
        let bytes_max = self.config.disk_bytes_max;
        let fits = |used: u64| used.saturating_add(coming).saturating_add(reserve) <= bytes_max;
        if fits(self.used()?) {
            return Ok(());
        }
        self.usage.forget();
        if fits(self.used()?) { Ok(()) } else { Err(Cause::Limit { bytes_max }) }
    }
}

fn folder_bytes(fs: &dyn FileSystem, folder: &Path, skip: Option<u64>) -> Result<u64, FileError> {
    let names = match fs.names(folder) {
        // Somebody removed it just now.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        names => names.map_err(FileError::on("listing", folder))?,
    };
    let mut sum = 0_u64;
    for first in layout::segments(&names).into_iter().filter(|first| Some(*first) != skip) {
        let path = folder.join(layout::segment_name(first));
        let length = match fs.open(&path).and_then(|file| file.length()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            length => length.map_err(FileError::on("measuring", &path))?,
        };
        sum = sum.saturating_add(length);
    }
    Ok(sum)
}
