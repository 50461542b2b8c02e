//! Segments: their beginning, their seal, their removal, and the end of the journal.
//!
//! Every step can be repeated: one that failed half way is found as it was left, and gone on with.

use std::sync::Arc;

use super::{Engine, OpenSegment, bytes, own};
use crate::body::{Ended, Removed, Rest, Sealed, Started};
use crate::codec::{HEADER_BYTES, SegmentHeader};
use crate::cursor::Cursor;
use crate::error::{Cause, FileError};
use crate::fs::write_all;
use crate::id::Head;
use crate::layout;
use crate::record::now_us;

impl Engine {
    /// True when the open segment has records and would grow beyond its length.
    pub(super) fn is_due_for_seal(&self, coming: usize) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.first <= self.chain.head().sequence
                && open.length().saturating_add(bytes(coming)) > self.config.segment_bytes
        })
    }

    /// Makes sure that a segment is open that takes so many bytes: mends, seals, brings to disk and begins the next, as it is needed.
    pub(super) fn make_ready(&mut self, coming: usize) -> Result<(), Cause> {
        if self.broken {
            self.mend()?;
        }
        if self.is_due_for_seal(coming) && !self.open.as_ref().is_some_and(|open| open.sealed) {
            self.seal()?;
        }
        if self.open.as_ref().is_some_and(|open| open.sealed) {
            self.commit()?;
            self.open = None;
        }
        if self.open.is_none() {
            self.make_room(bytes(HEADER_BYTES), 0)?;
            self.begin_segment(&[])?;
        }
        Ok(())
    }

    /// Writes the seal; the segment then waits for being on disk.
    fn seal(&mut self) -> Result<Head, Cause> {
        let first = self.open.as_ref().map_or_else(|| self.chain.next(), |open| open.first);
        let Head { sequence: last, hash: head, .. } = self.chain.head();
        let records = (last + 1).saturating_sub(first);
        let seal = own(&Sealed { first, last, records, head, rest: Rest::new() })?;
        let head = self.put_one(&seal)?;
        if let Some(open) = &mut self.open {
            open.sealed = true;
        }
        Ok(head)
    }

    /// Makes the next segment with its header and these frames. It has its name only when its content is on disk: no segment has half a
    /// header.
    fn begin_segment(&mut self, frames: &[u8]) -> Result<(), Cause> {
        let Head { journal, hash: previous, .. } = self.chain.head();
        let first = self.chain.next();
        let mut content = SegmentHeader { journal, first, previous, time_us: now_us() }.encode();
        content.extend_from_slice(frames);
        let unfinished = self.folder.join(layout::unfinished_name(first));
        let path = self.folder.join(layout::segment_name(first));
        let file = self.fs.create(&unfinished).map_err(FileError::on("creating", &unfinished))?;
        write_all(&*file, &content, 0).map_err(FileError::on("writing", &unfinished))?;
        file.sync().map_err(FileError::on("syncing", &unfinished))?;
        self.fs.rename(&unfinished, &path).map_err(FileError::on("renaming", &unfinished))?;
        self.fs.sync_folder(&self.folder).map_err(FileError::on("syncing", &self.folder))?;
        let committed = bytes(content.len());
        self.open = Some(OpenSegment { file, first, committed, uncommitted: Vec::new(), sealed: false });
        Ok(())
    }

    /// Begins the journal: its first segment with its first record, both on disk or neither.
    pub(crate) fn start(&mut self, by: &str) -> Result<Head, Cause> {
        let record = own(&Started { by: by.to_owned(), rest: Rest::new() })?;
        self.make_room(bytes(HEADER_BYTES + crate::codec::frame_bytes(&record)), super::RESERVED_BYTES)?;
        let (mut chain, mut frames) = (self.chain, Vec::new());
        if !chain.append(0, &record, &mut frames) {
            return Err(Cause::Encoding);
        }
        self.begin_segment(&frames)?;
        self.chain = chain;
        self.durable = chain.head();
        Ok(self.durable)
    }

    /// Ends the journal: the last record, the seal, and both on disk. May be called again after a failure.
    pub(crate) fn end(&mut self, ended: &Ended) -> Result<Head, Cause> {
        if !self.ended {
            self.write_own(ended)?;
            self.ended = true;
        }
        if !self.open.as_ref().is_some_and(|open| open.sealed) {
            if self.broken {
                self.mend()?;
            }
            self.seal()?;
        }
        self.commit()
    }

    /// Removes the segments all of whose records are up to `through`, never the open one. First a record says so, for those who miss them;
    /// on a full disk afterwards, because room for the record has to be made.
    ///
    /// Gives the number of segments that were removed.
    pub(crate) fn remove_through(&mut self, through: u64) -> Result<usize, Cause> {
        let names = self.fs.names(&self.folder).map_err(FileError::on("listing", &self.folder))?;
        let firsts = layout::segments(&names);
        let is_done = |next: &u64| next.saturating_sub(1) <= through;
        let count = firsts.iter().skip(1).take_while(|next| is_done(next)).count();
        let (gone, left) = firsts.split_at_checked(count).unwrap_or_default();
        let (Some(_), Some(left)) = (gone.first(), left.first()) else { return Ok(0) };
        let head = self.previous_of(*left)?;
        self.owed = Some(Removed { through: left - 1, head, rest: Rest::new() });
        let told = self.make_ready(0).and_then(|()| self.pay()).and_then(|()| self.commit());
        match told {
            Ok(_) | Err(Cause::NoSpace(_)) => {}
            Err(cause) => return Err(cause),
        }
        for first in gone {
            let path = self.folder.join(layout::segment_name(*first));
            self.fs.remove(&path).map_err(FileError::on("removing", &path))?;
        }
        self.fs.sync_folder(&self.folder).map_err(FileError::on("syncing", &self.folder))?;
        self.usage.forget();
        Ok(gone.len())
    }

    /// Writes the record about removed segments that a full disk did not take.
    pub(super) fn pay(&mut self) -> Result<(), Cause> {
        if let Some(removed) = self.owed.take() {
            let written = own(&removed).and_then(|record| self.put_one(&record));
            if let Err(cause) = written {
                self.owed = Some(removed);
                return Err(cause);
            }
        }
        Ok(())
    }

    /// The hash from which the segment goes on.
    fn previous_of(&self, first: u64) -> Result<crate::id::RecordHash, Cause> {
        let path = self.folder.join(layout::segment_name(first));
        let file = self.fs.open(&path).map_err(FileError::on("opening", &path))?;
        let header = Cursor::new(Arc::clone(&file), 0).header().map_err(FileError::on("reading", &path))?;
        header.map(|header| header.previous).map_err(|_| {
            let changed = std::io::Error::new(std::io::ErrorKind::InvalidData, "the header was changed");
            FileError::on("reading", &path)(changed).into()
        })
    }
}
