//! The thread that writes. While records come it looks for them every few milliseconds, rather than be woken for each: a wake-up costs
//! more than the record, and records that come together go out in one write.

use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use slog::{Drain, Never};
use slog_async::AsyncRecord;

/// How long a line waits at most while others come too.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// After so many looks without a record the thread sleeps until it is woken.
const LOOKS_MAX: u32 = 20;

/// The way to the thread.
pub(super) struct LogWriter {
    records: SyncSender<AsyncRecord>,
    shared: Arc<Shared>,
    thread: Thread,
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

impl LogWriter {
    /// Starts the thread, with room for so many records that wait. `flush` is called after each batch.
    pub(super) fn start<D>(
        drain: D,
        flush: impl Fn() + Send + 'static,
        room: usize,
    ) -> io::Result<(Self, WriterGuard)>
    where
        D: Drain<Ok = (), Err = Never> + Send + 'static,
    {
        let (records, waiting) = sync_channel(room);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let work = move || write(&waiting, &drain, &flush, &of_thread);
        let handle = thread::Builder::new().name("log".to_owned()).spawn(work)?;
        let writer = Self { records, shared: Arc::clone(&shared), thread: handle.thread().clone() };
        Ok((writer, WriterGuard { shared, thread: Some(handle) }))
    }

    /// Whether there was room for the record.
    pub(super) fn send(&self, record: AsyncRecord) -> bool {
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

fn write<D>(waiting: &Receiver<AsyncRecord>, drain: &D, flush: &impl Fn(), shared: &Shared)
where
    D: Drain<Ok = (), Err = Never>,
{
    let mut looks = 0;
    loop {
        // Before the look, so that what was sent before the end is written.
        let ended = shared.ended.load(Ordering::Acquire);
        let mut found = false;
        while let Ok(record) = waiting.try_recv() {
            found = true;
            // It cannot fail, by its type.
            let Ok(()) = record.log_to(drain);
        }
        if found {
            flush();
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

/// Where whole lines go, and are kept until somebody flushes.
pub(super) struct LineSink<W: Write>(Arc<Mutex<BufWriter<W>>>);

impl<W: Write> LineSink<W> {
    pub(super) fn new(output: W) -> Self {
        Self(Arc::new(Mutex::new(BufWriter::new(output))))
    }

    /// For the serializer, which writes a line in dozens of pieces and ends it with its one line break.
    pub(super) fn lines(&self) -> Lines<W> {
        Lines { line: Vec::new(), sink: Arc::clone(&self.0) }
    }

    /// Writes what is kept. An output that is closed takes nothing, and there is no other to say so on.
    pub(super) fn flush(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush().unwrap_or_default();
    }
}

/// Gathers a line before it takes the lock of the sink.
pub(super) struct Lines<W: Write> {
    line: Vec<u8>,
    sink: Arc<Mutex<BufWriter<W>>>,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if bytes.last() == Some(&b'\n') {
            let written = self.sink.lock().unwrap_or_else(PoisonError::into_inner).write_all(&self.line);
            self.line.clear();
            written?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
