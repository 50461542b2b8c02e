//! Reads records in order, over the borders of segments, also while the journal is written.
//!
//! What a reader gives was checked: checksum, number, hash. Where it was is up to the caller: a reader begins anew from any record that is
//! still there. Calls block on the file system.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::chain::{Chain, ChainFault};
use crate::codec::HeaderFault;
use crate::cursor::{Cursor, Step};
use crate::error::{FileError, ReadError};
use crate::fault::{Fault, FaultKind};
use crate::fs::{Disk, FileSystem, StoredFile};
use crate::id::{Head, JournalId};
use crate::journal::Standing;
use crate::layout;
use crate::record::{Kind, Record};

/// How far may be read.
#[derive(Debug)]
pub(crate) enum Bound {
    /// What is on disk, as the writer says.
    Live(watch::Receiver<Standing>),
    /// Everything that is whole: nobody writes.
    All,
}

/// The segment that is read.
#[derive(Debug)]
struct Place {
    file: Arc<dyn StoredFile>,
    first: u64,
    offset: u64,
    chain: Chain,
}

/// A reader.
#[derive(Debug)]
pub struct Reader {
    fs: Arc<dyn FileSystem>,
    folder: PathBuf,
    journal: JournalId,
    next: u64,
    bound: Bound,
    place: Option<Place>,
}

impl Reader {
    /// A reader of a journal that nobody writes, from this record on.
    #[must_use]
    pub fn of(root: &Path, journal: JournalId, from: u64) -> Self {
        Self::on(Arc::new(Disk), root, journal, from)
    }

    /// The same on another file system.
    #[must_use]
    pub fn on(fs: Arc<dyn FileSystem>, root: &Path, journal: JournalId, from: u64) -> Self {
        Self::bounded(fs, root, journal, from, Bound::All)
    }

    pub(crate) fn bounded(
        fs: Arc<dyn FileSystem>,
        root: &Path,
        journal: JournalId,
        from: u64,
        bound: Bound,
    ) -> Self {
        Self { fs, folder: layout::journal(root, journal), journal, next: from.max(1), bound, place: None }
    }

    /// The record that is read next.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Reads records of about so many bytes, at least one; none when there are no more at this time.
    ///
    /// # Errors
    /// When a record was removed or changed, or the file system fails. The reader stays where it was.
    pub fn read(&mut self, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        let bound = match &self.bound {
            Bound::Live(standing) => standing.borrow().head.sequence,
            Bound::All => u64::MAX,
        };
        let mut records = Vec::new();
        let mut size = 0;
        while size < bytes_max.max(1) && self.next <= bound {
            let Some(mut place) = self.place.take().map_or_else(|| self.find(), |place| Ok(Some(place)))?
            else {
                break;
            };
            let before = records.len();
            let is_sealed = match self.read_segment(&mut place, bound, bytes_max, &mut size, &mut records) {
                // What is good is given first; the next call comes to the fault again.
                Err(_) if !records.is_empty() => break,
                read => read?,
            };
            let is_stuck = records.len() == before;
            if !is_sealed {
                self.place = Some(place);
            }
            // Behind the last seal there is no segment yet, and the search finds the sealed one again.
            if is_stuck {
                break;
            }
        }
        Ok(records)
    }

    /// The segment of the next record, from its beginning; nothing when there is none yet.
    fn find(&self) -> Result<Option<Place>, ReadError> {
        let names = self.fs.names(&self.folder).map_err(FileError::on("listing", &self.folder))?;
        let firsts = layout::segments(&names);
        let Some(first) = firsts.iter().rev().find(|first| **first <= self.next).copied() else {
            return match firsts.first() {
                Some(first) => Err(ReadError::Removed { wanted: self.next, first: *first }),
                None => Ok(None),
            };
        };
        let path = self.folder.join(layout::segment_name(first));
        let file = self.fs.open(&path).map_err(FileError::on("opening", &path))?;
        // Read by small pieces: the cursor's buffer is dropped with it.
        let mut cursor = Cursor::new(Arc::clone(&file), 0);
        let header = cursor.header().map_err(FileError::on("reading", &path))?;
        let kind = match header {
            Ok(header) if header.journal != self.journal => FaultKind::Foreign { found: header.journal },
            Ok(header) if header.first != first => FaultKind::Misnamed { found: header.first },
            Ok(header) => {
                let (sequence, hash) = (first.saturating_sub(1), header.previous);
                let chain = Chain::at(Head { journal: self.journal, sequence, hash });
                return Ok(Some(Place { file, first, offset: cursor.offset(), chain }));
            }
            Err(HeaderFault::Format(found)) => FaultKind::Format { found },
            Err(HeaderFault::Changed) => FaultKind::Changed,
        };
        let segment = layout::segment_name(first);
        Err(Fault { segment, offset: 0, sequence: first, kind }.into())
    }

    /// Reads on in one segment; true when it has come to its seal.
    fn read_segment(
        &mut self,
        place: &mut Place,
        bound: u64,
        bytes_max: usize,
        size: &mut usize,
        records: &mut Vec<Record>,
    ) -> Result<bool, ReadError> {
        let path = self.folder.join(layout::segment_name(place.first));
        // Begun anew by each call: what lies behind the bound may be cut off and written otherwise in between.
        let mut cursor = Cursor::new(Arc::clone(&place.file), place.offset);
        while *size < bytes_max.max(1) && place.chain.next() <= bound {
            let sequence = place.chain.next();
            let kind = match cursor.next().map_err(FileError::on("reading", &path))? {
                Step::End | Step::Short => return self.ends_here(place, bound),
                Step::Bad => FaultKind::Changed,
                Step::Frame(frame) => match place.chain.step(&frame) {
                    Ok(()) => {
                        if sequence >= self.next {
                            *size += frame.bytes.len();
                            self.next = sequence + 1;
                            records.push(Record::of(&frame));
                        }
                        let is_sealed = frame.kind == Kind::SEALED;
                        place.offset = cursor.offset();
                        if is_sealed {
                            return Ok(true);
                        }
                        continue;
                    }
                    Err(ChainFault::Sequence { found, .. }) if found > sequence => {
                        FaultKind::Missing { through: found - 1 }
                    }
                    Err(ChainFault::Sequence { found, .. }) => FaultKind::Swapped { found },
                    Err(_) => FaultKind::Unchained,
                },
            };
            let segment = layout::segment_name(place.first);
            return Err(Fault { segment, offset: place.offset, sequence, kind }.into());
        }
        Ok(false)
    }

    /// The file ends before a seal: nothing more for now, unless it is known that there should be.
    fn ends_here(&self, place: &Place, bound: u64) -> Result<bool, ReadError> {
        if bound == u64::MAX {
            return Ok(false);
        }
        let (sequence, segment) = (place.chain.next(), layout::segment_name(place.first));
        Err(Fault { segment, offset: place.offset, sequence, kind: FaultKind::Cut }.into())
    }
}
