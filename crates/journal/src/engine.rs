//! The writer's state and what it does to files, one call after the other, without threads or waiting: what can be stopped at each of its
//! calls by a test.
//!
//! Owns the open segment, the chain, and what is in the file but not yet on disk, which is kept in memory as well until it is. Which record
//! is written when, and who is told, is for `writer`.

mod segments;
mod usage;

use std::path::PathBuf;
use std::sync::Arc;

use crate::body::{Body, Removed};
use crate::chain::Chain;
use crate::error::{Cause, FileError};
use crate::fs::{FileSystem, Lock, StoredFile, write_all};
use crate::id::{Head, JournalId};
use crate::layout;
use crate::record::{NewRecord, now_us};

/// Room that is kept for the records with which a journal ends or tells of its losses, when all else has reached the limit.
const RESERVED_BYTES: u64 = 16 * 1024;

/// What the engine is told once.
#[derive(Debug, Clone)]
pub(crate) struct EngineConfig {
    /// The folder of all journals.
    pub(crate) root: PathBuf,
    /// A segment is sealed when it would grow beyond this.
    pub(crate) segment_bytes: u64,
    /// What all journals of the folder may have together.
    pub(crate) disk_bytes_max: u64,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) file: Arc<dyn StoredFile>,
    /// Its first record.
    pub(crate) first: u64,
    /// Bytes that are on disk.
    pub(crate) committed: u64,
    /// What follows them in the file: to be written once more when a `sync` fails, because the kernel may have forgotten it.
    pub(crate) uncommitted: Vec<u8>,
    /// It has its seal, and waits to be on disk with it.
    pub(crate) sealed: bool,
}

impl OpenSegment {
    fn length(&self) -> u64 {
        self.committed + bytes(self.uncommitted.len())
    }
}

/// A `sync` that is to be done, perhaps on another thread, and told to [`Engine::synced`].
#[derive(Debug)]
pub(crate) struct SyncTicket {
    pub(crate) file: Arc<dyn StoredFile>,
    upto: usize,
    head: Head,
}

/// The writer's state.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) config: EngineConfig,
    pub(crate) folder: PathBuf,
    pub(crate) chain: Chain,
    /// The last record that is on disk.
    pub(crate) durable: Head,
    pub(crate) open: Option<OpenSegment>,
    /// Something failed, and the file may have what it should not, or lack what it should have.
    pub(crate) broken: bool,
    syncing: bool,
    /// The record with which the journal ends is written.
    ended: bool,
    usage: usage::Usage,
    /// Segments were removed, and the record that says so could not be written yet.
    owed: Option<Removed>,
    /// Frames of the batch that is being written.
    scratch: Vec<u8>,
    _lock: Box<dyn Lock>,
}

/// Lengths in memory fit into 64 bits.
pub(crate) fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

impl Engine {
    /// Begins at this place: nothing is open, or a segment of which everything is on disk.
    pub(crate) fn new(
        fs: Arc<dyn FileSystem>,
        config: EngineConfig,
        chain: Chain,
        open: Option<OpenSegment>,
        lock: Box<dyn Lock>,
    ) -> Self {
        let folder = layout::journal(&config.root, chain.head().journal);
        Self {
            fs,
            config,
            folder,
            durable: chain.head(),
            chain,
            open,
            broken: false,
            syncing: false,
            ended: false,
            usage: usage::Usage::default(),
            owed: None,
            scratch: Vec::new(),
            _lock: lock,
        }
    }

    /// The journal was found with the record that ends it: its seal may still be missing.
    pub(crate) const fn note_ended(&mut self) {
        self.ended = true;
    }

    pub(crate) const fn journal(&self) -> JournalId {
        self.chain.head().journal
    }

    /// Bytes that are in the file and not known to be on disk.
    pub(crate) fn uncommitted(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.uncommitted.len())
    }

    /// True when the next write of about `coming` bytes will do more than write: no `sync` may be under way elsewhere then, because a
    /// failure is told to one of two callers alone.
    pub(crate) fn needs_quiet(&self, coming: usize) -> bool {
        self.broken || self.is_due_for_seal(coming) || self.open.as_ref().is_none_or(|open| open.sealed)
    }

    /// Writes records to the file, all or none, and gives the head after each.
    ///
    /// # Errors
    /// When the file does not take them or has no more room. Nothing of them is in the journal then, and the chain stands where it stood.
    pub(crate) fn write<'r>(
        &mut self,
        records: impl Iterator<Item = &'r NewRecord> + Clone,
    ) -> Result<Vec<Head>, Cause> {
        let coming: usize = records.clone().map(crate::codec::frame_bytes).sum();
        self.make_ready(coming)?;
        self.make_room(bytes(coming), RESERVED_BYTES)?;
        self.pay()?;
        self.put(records)
    }

    /// The same for a record of the journal's own, which may use the reserve.
    pub(crate) fn write_own<B: Body>(&mut self, body: &B) -> Result<Head, Cause> {
        let record = own(body)?;
        self.make_ready(crate::codec::frame_bytes(&record))?;
        self.pay()?;
        self.put_one(&record)
    }

    fn put_one(&mut self, record: &NewRecord) -> Result<Head, Cause> {
        let heads = self.put(std::iter::once(record))?;
        heads.last().copied().ok_or(Cause::Encoding)
    }

    /// Writes to the open segment, whatever its length.
    fn put<'r>(&mut self, records: impl Iterator<Item = &'r NewRecord>) -> Result<Vec<Head>, Cause> {
        let Some(open) = &mut self.open else { return Err(Cause::Encoding) };
        let mut chain = self.chain;
        let mut heads = Vec::new();
        self.scratch.clear();
        for record in records {
            if !chain.append(self.durable.sequence, record, &mut self.scratch) {
                return Err(Cause::Encoding);
            }
            heads.push(chain.head());
        }
        let (length, path) = (open.length(), self.folder.join(layout::segment_name(open.first)));
        if let Err(error) = write_all(&*open.file, &self.scratch, length) {
            // A part may be there. A crash before it is cut off leaves whole records of it, which is why the promise has that exception.
            self.broken = open.file.set_length(length).is_err();
            return Err(FileError::on("writing", &path)(error).into());
        }
        open.uncommitted.extend_from_slice(&self.scratch);
        self.chain = chain;
        Ok(heads)
    }

    /// What has to be brought to disk, if anything: one at a time, told to [`Engine::synced`] when done.
    pub(crate) fn begin_sync(&mut self) -> Option<SyncTicket> {
        if self.syncing || self.broken {
            return None;
        }
        let open = self.open.as_ref().filter(|open| !open.uncommitted.is_empty())?;
        self.syncing = true;
        Some(SyncTicket {
            file: Arc::clone(&open.file),
            upto: open.uncommitted.len(),
            head: self.chain.head(),
        })
    }

    pub(crate) const fn is_syncing(&self) -> bool {
        self.syncing
    }

    /// Takes in how a `sync` went.
    ///
    /// # Errors
    /// When it failed: nothing that was written since the last success is trusted, and [`Engine::mend`] writes it once more.
    pub(crate) fn synced(&mut self, ticket: &SyncTicket, result: std::io::Result<()>) -> Result<(), Cause> {
        self.syncing = false;
        let Some(open) = &mut self.open else { return Err(Cause::Encoding) };
        if let Err(error) = result {
            self.broken = true;
            let path = self.folder.join(layout::segment_name(open.first));
            return Err(FileError::on("syncing", &path)(error).into());
        }
        open.committed += bytes(ticket.upto);
        open.uncommitted.drain(..ticket.upto.min(open.uncommitted.len()));
        self.durable = ticket.head;
        Ok(())
    }

    /// Brings everything to disk at once.
    ///
    /// # Errors
    /// As [`Engine::synced`].
    pub(crate) fn commit(&mut self) -> Result<Head, Cause> {
        if self.broken {
            self.mend()?;
        }
        if let Some(ticket) = self.begin_sync() {
            let result = ticket.file.sync();
            self.synced(&ticket, result)?;
        }
        Ok(self.durable)
    }

    /// After a failure: cuts off what should not be in the file, writes once more all that is not known to be on disk, and syncs.
    ///
    /// Writing the same bytes to the same place makes their pages dirty again, so that a `sync` that succeeds afterwards is about them.
    ///
    /// # Errors
    /// When the disk still fails; it is tried again later then.
    pub(crate) fn mend(&mut self) -> Result<(), Cause> {
        let Some(open) = &mut self.open else {
            self.broken = false;
            return Ok(());
        };
        let path = self.folder.join(layout::segment_name(open.first));
        let length = open.length();
        open.file.set_length(length).map_err(FileError::on("cutting", &path))?;
        write_all(&*open.file, &open.uncommitted, open.committed)
            .map_err(FileError::on("writing anew", &path))?;
        open.file.sync().map_err(FileError::on("syncing", &path))?;
        open.committed = length;
        open.uncommitted.clear();
        self.durable = self.chain.head();
        self.broken = false;
        Ok(())
    }
}

/// A record of the journal's own.
pub(crate) fn own<B: Body>(body: &B) -> Result<NewRecord, Cause> {
    let body = serde_json::to_vec(body).map_err(|_| Cause::Encoding)?;
    Ok(NewRecord { kind: B::KIND, version: B::VERSION, time_us: now_us(), body })
}
