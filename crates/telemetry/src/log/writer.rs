//! The thread that writes. While records come it looks for them every few milliseconds, rather than be woken for each: a wake-up costs
//! more than the record, and records that come together go out in one write.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use super::batch::{Batch, Sink};

/// How long a line waits at most while others come too.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// After so many looks without a record the thread sleeps until it is woken.
const LOOKS_MAX: u32 = 20;

/// The way to the thread.
pub(super) struct LogWriter<B> {
    room: usize,
    shared: Arc<Shared<B>>,
    thread: Thread,
}

/// Dropping it writes what is waiting, and ends the thread.
pub(super) struct WriterGuard {
    end: Box<dyn Fn() + Send + Sync>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared<B> {
    waiting: Mutex<B>,
    asleep: AtomicBool,
    ended: AtomicBool,
}

impl<B> Shared<B> {
    /// Every change is one addition or one exchange, so that a poisoned batch is still a whole one.
    fn waiting(&self) -> MutexGuard<'_, B> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Batch> LogWriter<B> {
    /// Starts the thread, with room for so many records that wait.
    pub(super) fn start(sink: impl Sink<B>, room: usize) -> io::Result<(Self, WriterGuard)> {
        let shared = Arc::new(Shared::default());
        let (of_thread, of_guard) = (Arc::clone(&shared), Arc::clone(&shared));
        let handle = thread::Builder::new().name("log".to_owned()).spawn(move || write(sink, &of_thread))?;
        let writer = Self { room, shared, thread: handle.thread().clone() };
        let end = Box::new(move || of_guard.ended.store(true, Ordering::Release));
        Ok((writer, WriterGuard { end, thread: Some(handle) }))
    }

    /// Whether there was room for the record, which `push` adds to those that wait.
    pub(super) fn add(&self, push: impl FnOnce(&mut B, usize) -> bool) -> bool {
        let added = push(&mut self.shared.waiting(), self.room);
        // Either this sees that the thread sleeps, or the thread sees the record before it does.
        fence(Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::Relaxed) && self.shared.asleep.swap(false, Ordering::Relaxed) {
            self.thread.unpark();
        }
        added
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        (self.end)();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread was told when it happened, and there is nobody left to tell.
            drop(thread.join());
        }
    }
}

fn write<B: Batch>(mut sink: impl Sink<B>, shared: &Shared<B>) {
    let (mut looks, mut batch) = (0, B::default());
    loop {
        // Before the look, so that what was sent before the end is written.
        let ended = shared.ended.load(Ordering::Acquire);
        std::mem::swap(&mut *shared.waiting(), &mut batch);
        let found = !batch.is_empty();
        if found {
            sink.write(&mut batch);
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
