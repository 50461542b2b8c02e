//! The writer's thread: takes what is in the queue, writes it, has it brought to disk, and tells those who wait.
//!
//! One write serves all who wait for it, and one `sync` all whose records it covers. `sync` runs on a thread of its own (`writer/syncer`),
//! so that records are written while an earlier `sync` is under way. What the calls do to files is for `engine`.

mod syncer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::body::{Ended, Rest};
use crate::engine::{Engine, SyncTicket};
use crate::error::{AppendError, Cause};
use crate::id::Head;
use crate::journal::{Durability, Receipt, Standing};
use crate::queue::{Command, Item, Queue, Reply, Work};
use syncer::Syncer;

/// Records are written by pieces of about this size, so that one that does not fit keeps few others out.
const PIECE_BYTES: usize = 256 * 1024;
/// What may be written and not on disk before a `sync` is begun, whatever the interval.
const SYNC_BYTES: usize = 1024 * 1024;
/// What may be written and not on disk before the writer takes nothing more: it is kept in memory until it is.
const UNCOMMITTED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a disk that failed is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// What waits for its record to be on disk.
#[derive(Debug)]
enum Waiter {
    Record(Reply<Receipt>, Head),
    Commit(Reply<Head>, u64),
}

impl Waiter {
    const fn sequence(&self) -> u64 {
        match self {
            Self::Record(_, head) => head.sequence,
            Self::Commit(_, sequence) => *sequence,
        }
    }
}

/// Answers somebody, who may have stopped waiting: nobody could act on that.
fn answer<T>(reply: Reply<T>, result: Result<T, AppendError>) {
    drop(reply.send(result));
}

/// The writer.
#[derive(Debug)]
pub(crate) struct Writer {
    engine: Engine,
    queue: Arc<Queue>,
    standing: watch::Sender<Standing>,
    syncer: Syncer,
    by: String,
    commit_interval: Duration,
    waiters: Vec<Waiter>,
    /// When what is written has to be brought to disk.
    commit_at: Option<Instant>,
    /// When the disk is tried again, and why it was left alone.
    down: Option<(Instant, Cause)>,
    /// Records that nobody waits for, and that the disk did not take. They keep their room in the queue.
    parked: Vec<Item>,
}

/// Closes the queue however the thread ends, so that nobody waits for it.
struct Closes(Arc<Queue>);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Writer {
    /// A writer for a journal that was begun or recovered.
    ///
    /// # Errors
    /// When the thread for `sync` cannot be had.
    pub(crate) fn new(
        engine: Engine,
        queue: Arc<Queue>,
        standing: watch::Sender<Standing>,
        by: String,
        commit_interval: Duration,
    ) -> std::io::Result<Self> {
        let syncer = Syncer::start(Arc::clone(&queue))?;
        Ok(Self {
            engine,
            queue,
            standing,
            syncer,
            by,
            commit_interval,
            waiters: Vec::new(),
            commit_at: None,
            down: None,
            parked: Vec::new(),
        })
    }

    /// Runs until the journal is closed or its handle is gone. Blocks: on a thread of its own.
    pub(crate) fn run(mut self) {
        let _closes = Closes(Arc::clone(&self.queue));
        loop {
            let takes_items =
                !(self.engine.is_syncing() && self.engine.uncommitted() >= UNCOMMITTED_BYTES_MAX);
            let retry_at = self.down.as_ref().map(|(at, _)| *at);
            let Work { items, commands, synced, is_abandoned } =
                self.queue.take(retry_at.or(self.commit_at), takes_items);
            if let Some((ticket, result)) = synced {
                self.finish_sync(&ticket, result);
            }
            if retry_at.is_some_and(|at| at <= Instant::now()) {
                self.retry();
            }
            self.write(items);
            self.record_losses();
            for command in commands {
                match command {
                    Command::Commit(reply) => self.commit(reply),
                    Command::Remove(through, reply) => self.remove(through, reply),
                    Command::Close(reason, reply) => {
                        self.close(reason, reply);
                        return;
                    }
                }
            }
            if is_abandoned {
                self.abandon();
                return;
            }
            self.sync_if_due();
            self.answer_waiters();
        }
    }

    /// Writes records, or deals with them as it is done while the disk takes nothing.
    fn write(&mut self, items: Vec<Item>) {
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            if let Some((_, cause)) = &self.down {
                let cause = cause.clone();
                items.for_each(|item| self.park(item, &cause));
                return;
            }
            let mut piece = Vec::new();
            let mut size = 0;
            while let Some(item) = items.next_if(|_| size < PIECE_BYTES) {
                size += item.cost;
                piece.push(item);
            }
            self.write_piece(piece, size);
        }
    }

    fn write_piece(&mut self, piece: Vec<Item>, size: usize) {
        if self.engine.needs_quiet(size) {
            self.quiet();
        }
        match self.engine.write(piece.iter().map(|item| &item.record)) {
            Ok(heads) => piece.into_iter().zip(heads).for_each(|(item, head)| self.wrote(item, head)),
            Err(cause) => {
                self.go_down(cause.clone());
                piece.into_iter().for_each(|item| self.park(item, &cause));
            }
        }
        // A new segment may have brought everything before it to disk.
        self.publish();
    }

    fn wrote(&mut self, item: Item, head: Head) {
        self.queue.release(item.cost);
        self.commit_at.get_or_insert_with(|| Instant::now() + self.commit_interval);
        match item.reply {
            Some(reply) if item.durability == Durability::Committed => {
                self.waiters.push(Waiter::Record(reply, head));
            }
            Some(reply) => answer(reply, Ok(Receipt::Written(head))),
            None => {}
        }
    }

    /// A record that the disk did not take: its caller is told, and it is kept only where nobody was to wait for it.
    fn park(&mut self, item: Item, cause: &Cause) {
        match item.reply {
            None => self.parked.push(item),
            Some(reply) if self.queue.serves_while_down() => {
                answer(reply, Ok(Receipt::Unwritten));
                self.parked.push(Item { reply: None, ..item });
            }
            Some(reply) => {
                self.queue.release(item.cost);
                answer(reply, Err(AppendError::NotWritten(cause.clone())));
            }
        }
    }

    /// Waits until no `sync` is under way.
    fn quiet(&mut self) {
        if self.engine.is_syncing() {
            let (ticket, result) = self.queue.wait_synced();
            self.finish_sync(&ticket, result);
        }
    }

    fn finish_sync(&mut self, ticket: &SyncTicket, result: std::io::Result<()>) {
        if let Err(cause) = self.engine.synced(ticket, result) {
            // Whoever hears of the failure finds it in the standing.
            self.go_down(cause.clone());
            self.fail_waiters(&cause);
        }
        if self.engine.uncommitted() > 0 {
            self.commit_at.get_or_insert_with(|| Instant::now() + self.commit_interval);
        } else {
            self.commit_at = None;
        }
        self.publish();
        self.answer_waiters();
    }

    fn go_down(&mut self, cause: Cause) {
        self.queue.set_down(Some(cause.clone()));
        self.down = Some((Instant::now() + RETRY, cause));
        self.publish();
    }

    /// Tries a disk that failed once more, with what waits for it.
    fn retry(&mut self) {
        self.quiet();
        let parked = std::mem::take(&mut self.parked);
        self.down = None;
        let has_room = self.engine.commit().and_then(|_| self.engine.has_room());
        if let Err(cause) = has_room {
            self.parked = parked;
            self.go_down(cause);
            return;
        }
        self.write(parked);
        if self.down.is_none() {
            self.queue.set_down(None);
        }
        self.publish();
    }

    /// Writes down how many records were lost, behind those that were not.
    fn record_losses(&mut self) {
        if self.down.is_some() {
            return;
        }
        let Some(lost) = self.queue.take_lost() else { return };
        if self.engine.needs_quiet(0) {
            self.quiet();
        }
        match self.engine.write_own(&lost) {
            Ok(_) => {
                self.commit_at.get_or_insert_with(Instant::now);
            }
            Err(cause) => {
                self.queue.put_back_lost(lost);
                self.go_down(cause);
            }
        }
        self.publish();
    }

    /// Answers when what is written is on disk; while the disk takes nothing, what is kept in memory cannot be.
    fn commit(&mut self, reply: Reply<Head>) {
        match &self.down {
            Some((_, cause)) => answer(reply, Err(AppendError::NotCommitted(cause.clone()))),
            None => self.waiters.push(Waiter::Commit(reply, self.engine.chain.head().sequence)),
        }
    }

    fn remove(&mut self, through: u64, reply: Reply<usize>) {
        self.quiet();
        let removed = match &self.down {
            Some((_, cause)) if self.engine.broken => Err(cause.clone()),
            _ => self.engine.remove_through(through),
        };
        match (&removed, &mut self.down) {
            (Err(cause), _) if self.engine.broken => {
                let cause = cause.clone();
                self.go_down(cause);
            }
            // There is more room now.
            (Ok(1..), Some((at, _))) => *at = Instant::now(),
            _ => {}
        }
        self.publish();
        answer(reply, removed.map_err(AppendError::NotCommitted));
    }

    fn sync_if_due(&mut self) {
        let is_waited_for =
            self.waiters.iter().any(|waiter| waiter.sequence() > self.engine.durable.sequence);
        let is_due = self.commit_at.is_some_and(|at| at <= Instant::now());
        if (is_waited_for || is_due || self.engine.uncommitted() >= SYNC_BYTES)
            && let Some(ticket) = self.engine.begin_sync()
        {
            self.syncer.begin(ticket);
            self.commit_at = None;
        } else if is_due {
            // One is under way, or there is nothing to do: its end sets the next time.
            self.commit_at = None;
        }
    }

    fn answer_waiters(&mut self) {
        let durable = self.engine.durable;
        for waiter in self.waiters.extract_if(.., |waiter| waiter.sequence() <= durable.sequence) {
            match waiter {
                Waiter::Record(reply, head) => answer(reply, Ok(Receipt::Committed(head))),
                Waiter::Commit(reply, _) => answer(reply, Ok(durable)),
            }
        }
    }

    fn fail_waiters(&mut self, cause: &Cause) {
        for waiter in self.waiters.drain(..) {
            let error = AppendError::NotCommitted(cause.clone());
            match waiter {
                Waiter::Record(reply, _) => answer(reply, Err(error)),
                Waiter::Commit(reply, _) => answer(reply, Err(error)),
            }
        }
    }

    fn publish(&self) {
        let standing = Standing {
            head: self.engine.durable,
            down: self.down.as_ref().map(|(_, cause)| cause.clone()),
            lost: self.queue.lost(),
        };
        self.standing.send_if_modified(|current| {
            let is_new = current.head != standing.head
                || current.lost != standing.lost
                || current.down.is_some() != standing.down.is_some();
            *current = standing;
            is_new
        });
    }

    /// Ends the journal, and lets go of it before its caller hears of it.
    fn close(mut self, reason: String, reply: Reply<Head>) {
        if self.down.is_some() {
            self.retry();
        }
        self.quiet();
        self.record_losses();
        let ended = Ended { by: self.by.clone(), reason, cut_bytes: 0, rest: Rest::new() };
        let result = match &self.down {
            Some((_, cause)) => Err(cause.clone()),
            None => self.engine.end(&ended),
        };
        match &result {
            Ok(_) => self.answer_waiters(),
            Err(cause) => self.fail_waiters(cause),
        }
        self.publish();
        let Self { engine, syncer, .. } = self;
        drop((engine, syncer));
        answer(reply, result.map_err(AppendError::NotCommitted));
    }

    /// Leaves the journal as a crash would, but for a tear: it is adopted later.
    fn abandon(mut self) {
        self.quiet();
        match self.engine.commit() {
            Ok(_) => self.answer_waiters(),
            Err(cause) => self.fail_waiters(&cause),
        }
        self.publish();
    }
}
