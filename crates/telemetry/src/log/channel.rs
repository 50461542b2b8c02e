//! The bounded way to the writer: a full channel drops the record, counts it, and says so when there is room again.
//!
//! `slog_async::Async` does the same but keeps its count to itself, and an operator must be able to alert on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slog::{Drain, Level, Never, OwnedKVList, Record, b, record};

use super::batch::Batch;
use super::writer::LogWriter;
use crate::{keys, metrics as names};

/// Hands a record, which borrows from the one who logs, over to the writer. Tells whether there was room.
pub(super) type HandOver<B> = fn(&LogWriter<B>, &Record<'_>, &OwnedKVList) -> bool;

/// How many records were dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct DropCount(Arc<AtomicU64>);

impl DropCount {
    pub(super) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct LogChannel<B> {
    writer: LogWriter<B>,
    hand_over: HandOver<B>,
    dropped: DropCount,
    /// Dropped and not yet reported in the log itself.
    unreported: AtomicU64,
}

impl<B: Batch> LogChannel<B> {
    pub(super) fn new(writer: LogWriter<B>, hand_over: HandOver<B>) -> Self {
        Self { writer, hand_over, dropped: DropCount::default(), unreported: AtomicU64::new(0) }
    }

    pub(super) fn drop_count(&self) -> DropCount {
        self.dropped.clone()
    }

    /// Whether there was room for the record.
    fn send(&self, record: &Record<'_>, values: &OwnedKVList) -> bool {
        (self.hand_over)(&self.writer, record, values)
    }

    fn report_dropped(&self, values: &OwnedKVList) {
        // The usual case must cost a load, not a write to a shared line.
        if self.unreported.load(Ordering::Relaxed) == 0 {
            return;
        }
        let count = self.unreported.swap(0, Ordering::Relaxed);
        let text = format_args!("log records were dropped: the writer is too slow for them");
        if count > 0 && !self.send(&record!(Level::Error, "log", &text, b!(keys::COUNT => count)), values) {
            self.unreported.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl<B: Batch> Drain for LogChannel<B> {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        self.report_dropped(values);
        if !self.send(record, values) {
            self.dropped.0.fetch_add(1, Ordering::Relaxed);
            self.unreported.fetch_add(1, Ordering::Relaxed);
            metrics::counter!(names::LOG_DROPPED_TOTAL).increment(1);
        }
        Ok(())
    }
}
