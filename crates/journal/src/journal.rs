//! A journal that is written to: the handle that a program has.
//!
//! Appending never blocks a thread; opening and closing the files does, and is done on threads made for it.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::adopt;
use crate::body::{Reopened, Rest};
use crate::chain::Chain;
use crate::config::{JournalConfig, WhenFull};
use crate::engine::Engine;
use crate::error::{AppendError, Cause, FileError, OpenError};
use crate::fs::{Disk, FileSystem};
use crate::id::{Head, JournalId};
use crate::layout;
use crate::queue::{Command, Queue};
use crate::reader::{Bound, Reader};
use crate::record::NewRecord;
use crate::recovery::{Recovery, recover};
use crate::writer::Writer;

/// What a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The record is in the program's memory; it is lost when the program is killed within [`JournalConfig::linger`].
    Queued,
    /// The kernel has it: it survives the end of the program, however it comes, and not a power failure within
    /// [`JournalConfig::commit_interval`].
    Written,
    /// The disk has it.
    Committed,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is in memory.
    Queued,
    /// The kernel has it, as this record.
    Written(Head),
    /// The disk has it, as this record.
    Committed(Head),
    /// The disk takes nothing, and it is kept in memory: only where [`WhenFull::Serve`] is set.
    Unwritten,
    /// The disk takes nothing, the memory is full, and it was counted: only where [`WhenFull::Serve`] is set.
    Lost,
}

/// How a journal stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The last record that is on disk: what may be shipped, signed and anchored.
    pub head: Head,
    /// Why the disk takes nothing, when it does not.
    pub down: Option<Cause>,
    /// Records that are lost and not yet counted in the journal itself.
    pub lost: u64,
}

/// A journal that is written to. Dropped without [`Journal::close`] it is left without an end, to be adopted.
#[derive(Debug)]
pub struct Journal {
    id: JournalId,
    fs: Arc<dyn FileSystem>,
    config: JournalConfig,
    queue: Arc<Queue>,
    standing: watch::Receiver<Standing>,
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

impl Journal {
    /// Begins a journal, with its first record on disk. Blocks on the file system.
    ///
    /// # Errors
    /// When the folder cannot be used or the record not be written.
    pub fn create(config: JournalConfig) -> Result<Self, OpenError> {
        Self::create_on(Arc::new(Disk), config)
    }

    /// The same on another file system.
    ///
    /// # Errors
    /// As [`Journal::create`].
    pub fn create_on(fs: Arc<dyn FileSystem>, config: JournalConfig) -> Result<Self, OpenError> {
        let id = JournalId::random().ok_or(OpenError::Random)?;
        let folder = layout::journal(&config.root, id);
        fs.create_folder(&config.root).map_err(FileError::on("creating", &config.root))?;
        // Nobody adopts a journal between its folder and its lock.
        let making = adopt::lock_root(&*fs, &config.root)?;
        fs.create_folder(&folder).map_err(FileError::on("creating", &folder))?;
        let lock = adopt::lock_journal(&*fs, &config.root, id)?;
        drop(making);
        fs.sync_folder(&config.root).map_err(FileError::on("syncing", &config.root))?;
        let mut engine = Engine::new(Arc::clone(&fs), config.engine(), Chain::new(id), None, lock);
        engine.start(&config.by)?;
        Self::run(fs, config, engine)
    }

    /// Goes on with a journal that its writer left without an end. Blocks on the file system.
    ///
    /// # Errors
    /// When another process has it, it has ended, is empty or damaged, or the file system fails.
    pub fn open(config: JournalConfig, id: JournalId) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Arc::new(Disk), config, id)
    }

    /// The same on another file system.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        fs: Arc<dyn FileSystem>,
        config: JournalConfig,
        id: JournalId,
    ) -> Result<(Self, Recovery), OpenError> {
        let lock = adopt::lock_journal(&*fs, &config.root, id)?;
        let recovered = recover(&fs, config.engine(), id, lock)?;
        if recovered.ended {
            return Err(OpenError::Ended(id));
        }
        let (mut engine, recovery) = (recovered.engine, recovered.recovery);
        let by = config.by.clone();
        engine.write_own(&Reopened { by, cut_bytes: recovery.cut_bytes, rest: Rest::new() })?;
        engine.commit()?;
        Ok((Self::run(fs, config, engine)?, recovery))
    }

    fn run(fs: Arc<dyn FileSystem>, config: JournalConfig, engine: Engine) -> Result<Self, OpenError> {
        let id = engine.journal();
        let queue = Arc::new(Queue::new(config.queue_bytes_max, config.linger, config.when_full));
        let first = Standing { head: engine.durable, down: None, lost: 0 };
        let (sender, standing) = watch::channel(first);
        let started = || {
            let (queue, by) = (Arc::clone(&queue), config.by.clone());
            let writer = Writer::new(engine, queue, sender, by, config.commit_interval)?;
            std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())
        };
        started().map_err(FileError::on("starting a thread for", &config.root))?;
        Ok(Self { id, fs, config, queue, standing })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> JournalId {
        self.id
    }

    /// Appends a record, and returns when it is as durable as asked for. Waits for room in the queue while the disk is slow, and not at
    /// all while it takes nothing.
    ///
    /// A caller who stops waiting does not take the record back.
    ///
    /// # Errors
    /// When the record is not in the journal, or not known to be on disk; [`AppendError`] says which.
    pub async fn append(&self, record: NewRecord, durability: Durability) -> Result<Receipt, AppendError> {
        match self.queue.append(record, durability).await? {
            Ok(receipt) => Ok(receipt),
            Err(answer) => answer.await.unwrap_or(Err(AppendError::Closed)),
        }
    }

    /// Appends a record without waiting for anything, from anywhere: for what has happened already, such as the end of a call.
    ///
    /// # Errors
    /// When the queue has no room: the record is lost then, and counted.
    pub fn enqueue(&self, record: NewRecord) -> Result<(), AppendError> {
        self.queue.enqueue(record)
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, AppendError>>) -> Command,
    ) -> Result<T, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.queue.command(command(reply));
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Brings everything that was appended so far to disk, and gives the head then.
    ///
    /// # Errors
    /// When the disk fails, or has failed and was not tried again yet.
    pub async fn commit(&self) -> Result<Head, AppendError> {
        self.ask(Command::Commit).await
    }

    /// Removes the segments all of whose records are up to and with this one; the one that is written to stays. Gives how many they were.
    ///
    /// # Errors
    /// When the disk fails. Some may be removed then.
    pub async fn remove_through(&self, sequence: u64) -> Result<usize, AppendError> {
        self.ask(|reply| Command::Remove(sequence, reply)).await
    }

    /// Ends the journal: nothing is ever added to it. Gives its last head, which is to be registered.
    ///
    /// # Errors
    /// When the disk fails: the journal is left without an end, to be adopted, and without the records that were kept in memory.
    pub async fn close(self, reason: &str) -> Result<Head, AppendError> {
        self.ask(|reply| Command::Close(reason.to_owned(), reply)).await
    }

    /// The last record that is on disk: what may be signed, anchored and registered elsewhere.
    #[must_use]
    pub fn head(&self) -> Head {
        self.standing.borrow().head
    }

    /// How the journal stands, and will: its changes are seen by whoever waits on it.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Bytes of records in memory that wait for the writer.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.used()
    }

    /// What is done with records while the disk takes nothing.
    #[must_use]
    pub const fn when_full(&self) -> WhenFull {
        self.config.when_full
    }

    /// A reader from this record on, which sees only what is on disk: what it has given is never taken back by a crash.
    #[must_use]
    pub fn reader(&self, from: u64) -> Reader {
        let bound = Bound::Live(self.standing.clone());
        Reader::bounded(Arc::clone(&self.fs), &self.config.root, self.id, from, bound)
    }
}
