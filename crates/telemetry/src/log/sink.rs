//! Where records go: whole lines into a buffered output, or records to a drain that forms text for people.

use std::io::{BufWriter, Write};

use slog::{Drain, Never};
use slog_async::AsyncRecord;

use super::writer::Sink;

/// Lines that are formed already.
pub(super) struct Lines<W: Write>(BufWriter<W>);

impl<W: Write> Lines<W> {
    pub(super) fn new(output: W) -> Self {
        Self(BufWriter::new(output))
    }
}

impl<W: Write + Send + 'static> Sink<Box<[u8]>> for Lines<W> {
    fn take(&mut self, line: Box<[u8]>) {
        self.0.write_all(&line).unwrap_or_default();
    }

    fn flush(&mut self) {
        self.0.flush().unwrap_or_default();
    }
}

/// Records for a drain that writes each out by itself.
pub(super) struct Records<D>(pub(super) D);

impl<D: Drain<Ok = (), Err = Never> + Send + 'static> Sink<AsyncRecord> for Records<D> {
    fn take(&mut self, record: AsyncRecord) {
        // It cannot fail, by its type.
        let Ok(()) = record.log_to(&self.0);
    }

    fn flush(&mut self) {}
}
