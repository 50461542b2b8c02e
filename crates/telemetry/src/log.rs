//! The log root: JSON lines for machines or text for people, written by a thread of its own.
//!
//! Owns the form of a line, the level and what happens when the writer is too slow. Loggers are passed explicitly; a
//! component makes its child once, with [`crate::keys::COMPONENT`].

mod batch;
mod channel;
mod level;
mod line;
mod writer;

use std::io::{self, Write};

use slog::{Drain, FnValue, Level, Logger, Record, o};
use slog_async::AsyncRecord;

use batch::{Batch, Formed, Output, Sink};
use channel::{HandOver, LogChannel};
pub use level::LevelControl;
use level::LevelGate;
use writer::{LogWriter, WriterGuard};

use crate::keys;

/// How many records wait for the writer. At a few hundred bytes each this is some megabytes, and a second or more of
/// a busy instance.
const CHANNEL_RECORDS: usize = 20_000;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text, in color on a terminal.
    Text,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOutput {
    /// The standard error stream.
    Stderr,
    /// The standard output stream.
    Stdout,
}

/// How a program logs.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// The least severe level that is logged at first.
    pub level: Level,
    /// The form of a line.
    pub format: LogFormat,
    /// Where lines go.
    pub output: LogOutput,
}

/// The log root with its control, held by `main` until its end: dropping it writes what is still waiting.
#[must_use = "dropping it ends the log"]
pub struct Log {
    root: Logger,
    level: LevelControl,
    dropped: channel::DropCount,
    _flush: WriterGuard,
}

impl Log {
    /// Starts the log's thread.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(config: &LogConfig) -> io::Result<Self> {
        match (config.format, config.output) {
            (LogFormat::Json, LogOutput::Stderr) => Self::json(config.level, io::stderr(), CHANNEL_RECORDS),
            (LogFormat::Json, LogOutput::Stdout) => Self::json(config.level, io::stdout(), CHANNEL_RECORDS),
            (LogFormat::Text, output) => {
                let decorator = slog_term::TermDecorator::new();
                let decorator = match output {
                    LogOutput::Stderr => decorator.stderr(),
                    LogOutput::Stdout => decorator.stdout(),
                };
                let drain = slog_term::FullFormat::new(decorator.build()).use_utc_timestamp().build();
                let hand_over: HandOver<batch::Records> = |writer, record, values| {
                    let record = AsyncRecord::from(record, values);
                    writer.add(|records, room| records.push(record, room))
                };
                Self::over(config.level, Formed(drain.ignore_res()), hand_over, CHANNEL_RECORDS)
            }
        }
    }

    /// The root logger.
    pub fn root(&self) -> &Logger {
        &self.root
    }

    /// Changes the level while the program runs.
    #[must_use]
    pub fn level(&self) -> &LevelControl {
        &self.level
    }

    /// How many records were dropped since the start because the writer was too slow.
    #[must_use]
    pub fn dropped_records(&self) -> u64 {
        self.dropped.total()
    }

    /// Sends what libraries log through the `log` crate, at `warn` and above, to this root.
    ///
    /// The root then stays reachable for libraries after this value is dropped; their records go nowhere.
    ///
    /// # Errors
    /// When the process has a `log` backend already.
    pub fn bridge_libraries(&self) -> Result<(), log::SetLoggerError> {
        let library = FnValue(|record: &Record<'_>| record.tag().to_owned());
        let logger = self.root.new(o!(keys::COMPONENT => "library", keys::LIBRARY => library));
        slog_stdlog::init_with_level(log::Level::Warn)?;
        // Without the cancellation a record after the end of main would panic.
        slog_scope::set_global_logger(logger).cancel_reset();
        Ok(())
    }

    fn json<W: Write + Send + 'static>(level: Level, output: W, records: usize) -> io::Result<Self> {
        let hand_over: HandOver<batch::Lines> = |writer, record, values| {
            line::form(record, values, |line| writer.add(|lines, room| lines.push(line, room)))
        };
        Self::over(level, Output(output), hand_over, records)
    }

    fn over<B: Batch>(
        level: Level,
        sink: impl Sink<B>,
        hand_over: HandOver<B>,
        records: usize,
    ) -> io::Result<Self> {
        let (writer, flush) = LogWriter::start(sink, records)?;
        let channel = LogChannel::new(writer, hand_over);
        let dropped = channel.drop_count();
        let control = LevelControl::new(level);
        // Never `fuse`: a closed output would panic the writer, then every caller.
        let root = Logger::root(LevelGate::new(control.clone(), channel), o!());
        Ok(Self { root, level: control, dropped, _flush: flush })
    }
}

#[cfg(test)]
mod tests;
