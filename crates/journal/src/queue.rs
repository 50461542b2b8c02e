//! Between the callers and the writer's thread: records in order, under a limit, and what else the writer is asked to do.
//!
//! Owns who waits for whom. The lock is held for moves in memory alone, so callers on a runtime's workers may take it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, TryAcquireError, oneshot};

use crate::body::Lost;
use crate::config::WhenFull;
use crate::engine::SyncTicket;
use crate::error::{AppendError, Cause};
use crate::id::Head;
use crate::journal::{Durability, Receipt};
use crate::record::{Kind, NewRecord, now_us};

/// Tells a caller what became of the record.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, AppendError>>;
/// Where the writer's answer about a record comes.
pub(crate) type Answer = oneshot::Receiver<Result<Receipt, AppendError>>;

/// A record that waits for the writer.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) record: NewRecord,
    pub(crate) durability: Durability,
    pub(crate) reply: Option<Reply<Receipt>>,
    /// What it has taken of the queue's room.
    pub(crate) cost: usize,
}

/// What else the writer is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Bring everything that was appended so far to disk.
    Commit(Reply<Head>),
    /// Remove segments up to this record.
    Remove(u64, Reply<usize>),
    /// End the journal, for this reason.
    Close(String, Reply<Head>),
}

/// Why the writer should look.
#[derive(Debug, Default)]
struct Waiting {
    items: Vec<Item>,
    /// When the first of them came.
    since: Option<Instant>,
    /// Somebody waits for one of them.
    is_urgent: bool,
    commands: Vec<Command>,
    synced: Option<(SyncTicket, std::io::Result<()>)>,
    lost: Lost,
    down: Option<Cause>,
    /// The journal's handle is gone.
    is_abandoned: bool,
    /// The writer is gone.
    is_closed: bool,
    /// Whether whoever brings something has to wake the writer.
    sleep: Sleep,
}

/// How the writer sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sleep {
    /// It looks by itself before it sleeps.
    #[default]
    Awake,
    /// It looks again within the time that a record may lie: only what is urgent wakes it. After each piece of work it sleeps so once, so
    /// that a steady flow of records that nobody waits for needs no waking.
    Light,
    /// It sleeps until it is woken.
    Deep,
}

/// What the writer has to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) items: Vec<Item>,
    pub(crate) commands: Vec<Command>,
    pub(crate) synced: Option<(SyncTicket, std::io::Result<()>)>,
    pub(crate) is_abandoned: bool,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// One permit for each byte.
    room: Semaphore,
    /// Told to those who wait for room when the disk stops taking records.
    went_down: Notify,
    bytes_max: usize,
    linger: Duration,
    when_full: WhenFull,
}

/// No queue is larger than a gigabyte: it is memory.
const QUEUE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// What a record takes of memory beside its body.
const ITEM_BYTES: usize = 128;

impl Queue {
    pub(crate) fn new(bytes_max: usize, linger: Duration, when_full: WhenFull) -> Self {
        // A record of the largest size has to fit, or its caller would wait for ever.
        let bytes_max = bytes_max.clamp(2 * crate::record::BODY_BYTES_MAX, QUEUE_BYTES_MAX);
        Self {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            room: Semaphore::new(bytes_max),
            went_down: Notify::new(),
            bytes_max,
            linger,
            when_full,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that is done under the lock leaves it half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record behind the others. After the end it is dropped, which tells who waits for it.
    fn push(&self, item: Item) {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return;
        }
        let is_first = waiting.items.is_empty();
        waiting.since.get_or_insert_with(Instant::now);
        waiting.is_urgent |= item.reply.is_some();
        waiting.items.push(item);
        // The writer's own timer looks after the others.
        let wakes = match waiting.sleep {
            Sleep::Awake => false,
            Sleep::Light => waiting.is_urgent,
            Sleep::Deep => is_first || waiting.is_urgent,
        };
        if wakes {
            waiting.sleep = Sleep::Awake;
            drop(waiting);
            self.wake.notify_one();
        }
    }

    /// Puts a record into the queue, waiting for room, and says what to wait for: a reply, or a receipt at once.
    pub(crate) async fn append(
        &self,
        record: NewRecord,
        durability: Durability,
    ) -> Result<Result<Receipt, Answer>, AppendError> {
        let cost = check(&record)?;
        let permits = u32::try_from(cost).unwrap_or(u32::MAX);
        loop {
            // Made before the look at `down`, so that no change between both is missed.
            let went_down = self.went_down.notified();
            // A statement of its own: within the condition the lock would be held through the block.
            let down = self.lock().down.clone();
            if let Some(cause) = down {
                return self.append_while_down(record, durability, cause).map(Ok);
            }
            tokio::select! {
                permit = self.room.acquire_many(permits) => {
                    permit.map_err(|_| AppendError::Closed)?.forget();
                    break;
                }
                () = went_down => {}
            }
        }
        if durability == Durability::Queued {
            self.push(Item { record, durability, reply: None, cost });
            return Ok(Ok(Receipt::Queued));
        }
        let (reply, answer) = oneshot::channel();
        self.push(Item { record, durability, reply: Some(reply), cost });
        Ok(Err(answer))
    }

    /// What was done already is kept while there is room; for the rest it is as the configuration says. Nobody waits.
    fn append_while_down(
        &self,
        record: NewRecord,
        durability: Durability,
        cause: Cause,
    ) -> Result<Receipt, AppendError> {
        if durability == Durability::Queued {
            return self.enqueue(record).map(|()| Receipt::Queued);
        }
        if self.when_full == WhenFull::Refuse {
            return Err(AppendError::NotWritten(cause));
        }
        match self.enqueue(record) {
            Ok(()) => Ok(Receipt::Unwritten),
            Err(AppendError::Busy | AppendError::NotWritten(_)) => Ok(Receipt::Lost),
            Err(error) => Err(error),
        }
    }

    /// Puts a record into the queue that nobody waits for. One that finds no room is lost and counted.
    pub(crate) fn enqueue(&self, record: NewRecord) -> Result<(), AppendError> {
        let cost = check(&record)?;
        match self.room.try_acquire_many(u32::try_from(cost).unwrap_or(u32::MAX)) {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::Closed) => return Err(AppendError::Closed),
            Err(TryAcquireError::NoPermits) => {
                let cause = self.lose(record.kind);
                return Err(cause.map_or(AppendError::Busy, AppendError::NotWritten));
            }
        }
        self.push(Item { record, durability: Durability::Queued, reply: None, cost });
        Ok(())
    }

    /// Counts a record that is in no journal.
    pub(crate) fn lose(&self, kind: Kind) -> Option<Cause> {
        let mut waiting = self.lock();
        let now = now_us();
        let cause = waiting.down.clone();
        let lost = &mut waiting.lost;
        if lost.records == 0 {
            lost.first_us = now;
            lost.cause = cause.as_ref().map_or("queue", Cause::name).to_owned();
        }
        lost.records += 1;
        lost.last_us = now;
        *lost.kinds.entry(kind.0).or_default() += 1;
        cause
    }

    /// What was lost since this was last asked; counted from nothing again.
    pub(crate) fn take_lost(&self) -> Option<Lost> {
        let lost = std::mem::take(&mut self.lock().lost);
        (lost.records > 0).then_some(lost)
    }

    /// Puts back what could not be recorded.
    pub(crate) fn put_back_lost(&self, earlier: Lost) {
        let mut waiting = self.lock();
        let later = std::mem::replace(&mut waiting.lost, earlier);
        let lost = &mut waiting.lost;
        lost.records += later.records;
        lost.last_us = lost.last_us.max(later.last_us);
        for (kind, count) in later.kinds {
            *lost.kinds.entry(kind).or_default() += count;
        }
    }

    /// Records that are lost and not told of yet.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost.records
    }

    /// Says whether the disk takes records.
    pub(crate) fn set_down(&self, down: Option<Cause>) {
        let is_down = down.is_some();
        self.lock().down = down;
        if is_down {
            self.went_down.notify_waiters();
        }
    }

    /// True when callers go on without their records being written.
    pub(crate) fn serves_while_down(&self) -> bool {
        self.when_full == WhenFull::Serve
    }

    /// Gives back the room of a record that left the memory.
    pub(crate) fn release(&self, cost: usize) {
        self.room.add_permits(cost);
    }

    /// Bytes of records in memory.
    pub(crate) fn used(&self) -> usize {
        self.bytes_max.saturating_sub(self.room.available_permits())
    }

    /// Asks the writer for something else.
    pub(crate) fn command(&self, command: Command) {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return;
        }
        waiting.commands.push(command);
        waiting.sleep = Sleep::Awake;
        drop(waiting);
        self.wake.notify_one();
    }

    /// Tells the writer how a `sync` went.
    pub(crate) fn synced(&self, ticket: SyncTicket, result: std::io::Result<()>) {
        let mut waiting = self.lock();
        waiting.synced = Some((ticket, result));
        waiting.sleep = Sleep::Awake;
        drop(waiting);
        self.wake.notify_one();
    }

    /// The handle is gone: the writer finishes what is there.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.is_abandoned = true;
        waiting.sleep = Sleep::Awake;
        drop(waiting);
        self.wake.notify_one();
    }

    /// Nobody takes records any more: callers that wait for room, or come later, are told so. What is in the queue is dropped, which
    /// tells those who wait for it.
    pub(crate) fn close(&self) {
        self.room.close();
        let mut waiting = self.lock();
        waiting.is_closed = true;
        let left = (std::mem::take(&mut waiting.items), std::mem::take(&mut waiting.commands));
        drop(waiting);
        drop(left);
    }

    /// Waits for the `sync` that is under way, whatever else there is to do.
    pub(crate) fn wait_synced(&self) -> (SyncTicket, std::io::Result<()>) {
        let mut waiting = self.lock();
        loop {
            if let Some(synced) = waiting.synced.take() {
                waiting.sleep = Sleep::Awake;
                return synced;
            }
            waiting.sleep = Sleep::Deep;
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until there is something to do, or `until`. With `takes_items` false records stay where they are, and their callers wait.
    pub(crate) fn take(&self, until: Option<Instant>, takes_items: bool) -> Work {
        let mut waiting = self.lock();
        let mut has_rested = false;
        loop {
            let now = Instant::now();
            let due = waiting.due(now, self.linger, takes_items);
            let next = match (due, until) {
                (Some(due), Some(until)) => Some(due.min(until)),
                (due, until) => due.or(until),
            };
            if next.is_some_and(|next| next <= now) {
                break;
            }
            let rest = (!has_rested && due.is_none()).then(|| now + self.linger);
            let next = match (next, rest) {
                (Some(next), Some(rest)) => Some(next.min(rest)),
                (next, rest) => next.or(rest),
            };
            waiting.sleep = if due.is_some() || !has_rested { Sleep::Light } else { Sleep::Deep };
            waiting = match next {
                Some(next) => {
                    let (woken, timeout) =
                        self.wake.wait_timeout(waiting, next - now).unwrap_or_else(PoisonError::into_inner);
                    has_rested |= timeout.timed_out();
                    woken
                }
                None => self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
        waiting.sleep = Sleep::Awake;
        let mut work = Work {
            commands: std::mem::take(&mut waiting.commands),
            synced: waiting.synced.take(),
            is_abandoned: waiting.is_abandoned,
            ..Work::default()
        };
        // A command is about what was appended before it.
        if takes_items || !work.commands.is_empty() || work.is_abandoned {
            work.items = std::mem::take(&mut waiting.items);
            waiting.since = None;
            waiting.is_urgent = false;
        }
        work
    }
}

impl Waiting {
    /// When the writer has to act on what is here.
    fn due(&self, now: Instant, linger: Duration, takes_items: bool) -> Option<Instant> {
        if self.synced.is_some() || !self.commands.is_empty() || self.is_abandoned {
            return Some(now);
        }
        match (takes_items, self.is_urgent, self.since) {
            (true, true, _) => Some(now),
            (true, false, Some(since)) => Some(since + linger),
            _ => None,
        }
    }
}

/// What a record costs, if it may be written at all.
fn check(record: &NewRecord) -> Result<usize, AppendError> {
    if record.kind.is_own() {
        return Err(AppendError::OwnKind(record.kind));
    }
    if record.body.len() > crate::record::BODY_BYTES_MAX {
        return Err(AppendError::TooLong(record.body.len()));
    }
    Ok(ITEM_BYTES + record.body.len())
}
