//! From a folder that somebody left to an engine that goes on: which bytes are kept, and which are cut off.
//!
//! Every whole record is kept. What is torn is cut off and reported. What was damaged otherwise is not touched: the journal is then for
//! people to look at, and its program begins another one.

use std::path::PathBuf;
use std::sync::Arc;

use crate::body::{Ended, Rest};
use crate::chain::Chain;
use crate::codec::HeaderFault;
use crate::cursor::Cursor;
use crate::engine::{Engine, EngineConfig, OpenSegment};
use crate::error::{FileError, OpenError};
use crate::fault::{Fault, FaultKind};
use crate::fs::{FileSystem, Lock, StoredFile};
use crate::id::{Head, JournalId};
use crate::layout;
use crate::scan::{End, Scanned, scan};

/// What a recovery did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The last record that was found.
    pub head: Head,
    /// Bytes of a torn tail that were cut off. No record that was told to be on disk was among them.
    pub cut_bytes: u64,
}

/// A journal that was read to its end.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) engine: Engine,
    pub(crate) recovery: Recovery,
    /// It has an end, whose seal may be missing: [`Engine::end`] then adds it.
    pub(crate) ended: bool,
}

/// Reads the last segment, cuts off what is torn, and brings the rest to disk. The lock is held.
///
/// # Errors
/// When there is nothing, it is damaged, or the file system fails. Nothing was changed then but for segments that were never finished.
pub(crate) fn recover(
    fs: &Arc<dyn FileSystem>,
    config: EngineConfig,
    journal: JournalId,
    lock: Box<dyn Lock>,
) -> Result<Recovered, OpenError> {
    let folder = layout::journal(&config.root, journal);
    let names = fs.names(&folder).map_err(FileError::on("listing", &folder))?;
    for name in names.iter().filter(|name| layout::is_unfinished(name)) {
        let path = folder.join(name);
        fs.remove(&path).map_err(FileError::on("removing", &path))?;
    }
    let Some(first) = layout::segments(&names).last().copied() else {
        return Err(OpenError::Empty(journal));
    };
    let last = LastSegment { path: folder.join(layout::segment_name(first)), journal, first };
    let file = fs.open_writable(&last.path).map_err(FileError::on("opening", &last.path))?;
    let scanned = last.scan(&file)?;
    let cut_bytes = match &scanned.end {
        End::Sealed | End::Open => 0,
        End::Torn { bytes } => *bytes,
        End::Fault(kind) => {
            return Err(last.damaged(scanned.length, scanned.chain.next(), kind.clone()));
        }
    };
    if cut_bytes > 0 {
        file.set_length(scanned.length).map_err(FileError::on("cutting", &last.path))?;
    }
    // What the last writer wrote may be in the kernel's memory alone, and its name too.
    file.sync().map_err(FileError::on("syncing", &last.path))?;
    fs.sync_folder(&folder).map_err(FileError::on("syncing", &folder))?;
    let open = OpenSegment {
        file,
        first,
        committed: scanned.length,
        uncommitted: Vec::new(),
        sealed: scanned.end == End::Sealed,
    };
    let recovery = Recovery { head: scanned.chain.head(), cut_bytes };
    let mut engine = Engine::new(Arc::clone(fs), config, scanned.chain, Some(open), lock);
    if scanned.ended {
        engine.note_ended();
    }
    Ok(Recovered { engine, recovery, ended: scanned.ended })
}

struct LastSegment {
    path: PathBuf,
    journal: JournalId,
    first: u64,
}

impl LastSegment {
    fn damaged(&self, offset: u64, sequence: u64, kind: FaultKind) -> OpenError {
        let segment = layout::segment_name(self.first);
        OpenError::Damaged { journal: self.journal, fault: Fault { segment, offset, sequence, kind } }
    }

    fn scan(&self, file: &Arc<dyn StoredFile>) -> Result<Scanned, OpenError> {
        let mut cursor = Cursor::new(Arc::clone(file), 0);
        let header = cursor.header().map_err(FileError::on("reading", &self.path))?;
        let fault = match header {
            Ok(header) if header.journal != self.journal => FaultKind::Foreign { found: header.journal },
            Ok(header) if header.first != self.first => FaultKind::Misnamed { found: header.first },
            Ok(header) => {
                let before = Head {
                    journal: self.journal,
                    sequence: self.first.saturating_sub(1),
                    hash: header.previous,
                };
                let scanned = scan(&mut cursor, Chain::at(before), true, &mut |_| ());
                return Ok(scanned.map_err(FileError::on("reading", &self.path))?);
            }
            Err(HeaderFault::Format(found)) => FaultKind::Format { found },
            Err(HeaderFault::Changed) => FaultKind::Changed,
        };
        Err(self.damaged(0, self.first, fault))
    }
}

/// Gives an end to a journal that was recovered, unless it has one.
pub(crate) fn finish(recovered: &mut Recovered, by: &str) -> Result<Head, OpenError> {
    let ended = Ended {
        by: by.to_owned(),
        reason: "adopted".to_owned(),
        cut_bytes: recovered.recovery.cut_bytes,
        rest: Rest::new(),
    };
    Ok(recovered.engine.end(&ended)?)
}
