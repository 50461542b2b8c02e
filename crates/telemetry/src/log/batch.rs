//! Records that wait for the writer, as it will write them: lines that are formed already, or records for a drain that forms text.
//!
//! The writer takes a whole batch at once, so that a record costs the one who logs a short lock and a copy of its bytes.

use std::io::Write;

use slog::{Drain, Never};
use slog_async::AsyncRecord;

/// The most bytes of lines that wait: far more than the most records come to, unless a line is very long.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a batch keeps of its memory when it has been written.
const KEPT_BYTES: usize = 1024 * 1024;

/// Records that wait.
pub(super) trait Batch: Default + Send + 'static {
    /// Whether nothing waits.
    fn is_empty(&self) -> bool;
}

/// Writes a batch and leaves it empty. An output that fails takes nothing, and there is no other to say so on.
pub(super) trait Sink<B>: Send + 'static {
    fn write(&mut self, batch: &mut B);
}

/// Whole lines, one after the other.
#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    count: usize,
}

impl Lines {
    /// Adds a line, if fewer than `room` wait.
    pub(super) fn push(&mut self, line: &[u8], room: usize) -> bool {
        let fits = self.count < room && self.bytes.len() < BYTES_MAX;
        if fits {
            self.bytes.extend_from_slice(line);
            self.count += 1;
        }
        fits
    }
}

impl Batch for Lines {
    fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// An output for lines.
pub(super) struct Output<W>(pub(super) W);

impl<W: Write + Send + 'static> Sink<Lines> for Output<W> {
    fn write(&mut self, batch: &mut Lines) {
        self.0.write_all(&batch.bytes).and_then(|()| self.0.flush()).unwrap_or_default();
        batch.bytes.clear();
        batch.bytes.shrink_to(KEPT_BYTES);
        batch.count = 0;
    }
}

/// Records that a drain will form.
#[derive(Default)]
pub(super) struct Records(Vec<AsyncRecord>);

impl Records {
    /// Adds a record, if fewer than `room` wait.
    pub(super) fn push(&mut self, record: AsyncRecord, room: usize) -> bool {
        let fits = self.0.len() < room;
        if fits {
            self.0.push(record);
        }
        fits
    }
}

impl Batch for Records {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A drain that writes each record out by itself.
pub(super) struct Formed<D>(pub(super) D);

impl<D: Drain<Ok = (), Err = Never> + Send + 'static> Sink<Records> for Formed<D> {
    fn write(&mut self, batch: &mut Records) {
        for record in batch.0.drain(..) {
            // It cannot fail, by its type.
            let Ok(()) = record.log_to(&self.0);
        }
    }
}
