//! The bounded way to the writer: a full channel drops the record, counts it, and says so when there is room again.
//!
//! `slog_async::Async` does the same but keeps its count to itself, and an operator must be able to alert on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slog::{BorrowedKV, Drain, Level, Never, OwnedKVList, Record, RecordStatic, SingleKV, b, record};
use slog_async::AsyncRecord;

use super::writer::LogWriter;
use crate::{keys, metrics as names};

/// Who puts the time into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// This channel, when the record is made: a line that waited still tells the right time.
    InRecord,
    /// The drain, when it writes.
    ByDrain,
}

/// How many records were dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct DropCount(Arc<AtomicU64>);

impl DropCount {
    pub(super) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct LogChannel {
    writer: LogWriter,
    stamp: Stamp,
    dropped: DropCount,
    /// Dropped and not yet reported in the log itself.
    unreported: AtomicU64,
}

impl LogChannel {
    pub(super) fn new(writer: LogWriter, stamp: Stamp) -> Self {
        Self { writer, stamp, dropped: DropCount::default(), unreported: AtomicU64::new(0) }
    }

    pub(super) fn drop_count(&self) -> DropCount {
        self.dropped.clone()
    }

    /// Whether there was room for the record.
    fn send(&self, record: &Record<'_>, values: &OwnedKVList) -> bool {
        if self.stamp == Stamp::ByDrain {
            return self.writer.send(AsyncRecord::from(record, values));
        }
        let now = format!("{:.3}", jiff::Timestamp::now());
        let stamped = (SingleKV(slog::Key::from(keys::TS), now), record.kv());
        let form = RecordStatic { location: record.location(), level: record.level(), tag: record.tag() };
        let stamped = Record::new(&form, record.msg(), BorrowedKV(&stamped));
        self.writer.send(AsyncRecord::from(&stamped, values))
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

impl Drain for LogChannel {
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
