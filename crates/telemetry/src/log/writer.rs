//! The thread that writes. While records come it looks for them every few milliseconds, rather than be woken for each: a wake-up costs
//! more than the record, and records that come together go out in one write.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// How long a line waits at most while others come too.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// After so many looks without a record the thread sleeps until it is woken.
const LOOKS_MAX: u32 = 20;

/// The way to the thread.
pub(super) struct LogWriter<T> {
    records: SyncSender<T>,
    shared: Arc<Shared>,
    thread: Thread,
}

/// What the thread does with records, and when there are no more for now. An output that fails takes nothing, and there is no other to
/// say so on.
pub(super) trait Sink<T>: Send + 'static {
    /// Takes a record.
    fn take(&mut self, record: T);
    /// Writes out what was taken.
    fn flush(&mut self);
}

/// Dropping it writes what is waiting, and ends the thread.
pub(super) struct WriterGuard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    asleep: AtomicBool,
    ended: AtomicBool,
}

impl<T: Send + 'static> LogWriter<T> {
    /// Starts the thread, with room for so many records that wait.
    pub(super) fn start(sink: impl Sink<T>, room: usize) -> io::Result<(Self, WriterGuard)> {
        let (records, waiting) = sync_channel(room);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let work = move || write(&waiting, sink, &of_thread);
        let handle = thread::Builder::new().name("log".to_owned()).spawn(work)?;
        let writer = Self { records, shared: Arc::clone(&shared), thread: handle.thread().clone() };
        Ok((writer, WriterGuard { shared, thread: Some(handle) }))
    }
}

impl<T> LogWriter<T> {
    /// Whether there was room for the record.
    pub(super) fn send(&self, record: T) -> bool {
        let sent = self.records.try_send(record).is_ok();
        // Either this sees that the thread sleeps, or the thread sees the record before it does.
        fence(Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::Relaxed) && self.shared.asleep.swap(false, Ordering::Relaxed) {
            self.thread.unpark();
        }
        sent
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread was told when it happened, and there is nobody left to tell.
            drop(thread.join());
        }
    }
}

fn write<T>(waiting: &Receiver<T>, mut sink: impl Sink<T>, shared: &Shared) {
    let mut looks = 0;
    loop {
        // Before the look, so that what was sent before the end is written.
        let ended = shared.ended.load(Ordering::Acquire);
        let mut found = false;
        while let Ok(record) = waiting.try_recv() {
            found = true;
            sink.take(record);
        }
        if found {
            sink.flush();
        }
        if ended {
            return;
        }
        looks = if found { 0 } else { looks + 1 };
        if looks < LOOKS_MAX {
            thread::park_timeout(LOOK_EVERY);
            continue;
        }
        // One more look with the flag up; a record sent after it wakes the thread.
        if !shared.asleep.swap(true, Ordering::Relaxed) {
            fence(Ordering::SeqCst);
            continue;
        }
        thread::park();
    }
}
