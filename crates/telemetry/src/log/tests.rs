//! Lines as a log collector sees them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use slog::{debug, error, info, warn};

use super::*;

/// A writer that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        bytes
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect()
    }
}

#[test]
fn a_line_is_json_with_time_level_message_component_and_fields() {
    let kept = Kept::default();
    let before = jiff::Timestamp::now();
    let log = Log::json(Level::Info, kept.clone(), 100).unwrap();
    let logger = log.root().new(o!(keys::COMPONENT => "upstream"));
    warn!(logger, "retrying"; keys::ATTEMPT => 2, keys::REQUEST_ID => "req-\"1\"");
    drop(log);
    let [line] = kept.lines().try_into().unwrap();
    assert_eq!(line["level"], "warn");
    assert_eq!(line["msg"], "retrying");
    assert_eq!(line["component"], "upstream");
    assert_eq!(line["attempt"], 2);
    assert_eq!(line["request_id"], "req-\"1\"");
    let ts = line["ts"].as_str().unwrap();
    assert!(ts.len() == "2026-01-02T03:04:05.678Z".len() && ts.ends_with('Z'), "{ts}");
    // To the millisecond, so a stamp may lie up to one before.
    let stamped: jiff::Timestamp = ts.parse().unwrap();
    assert!(stamped.as_millisecond() >= before.as_millisecond());
}

#[test]
fn the_level_changes_while_loggers_are_in_use() {
    let kept = Kept::default();
    let log = Log::json(Level::Warning, kept.clone(), 100).unwrap();
    let logger = log.root().clone();
    info!(logger, "one");
    log.level().set(Level::Debug);
    assert_eq!(log.level().get(), Level::Debug);
    debug!(logger, "two");
    log.level().set(Level::Error);
    warn!(logger, "three");
    error!(logger, "four");
    drop(log);
    let seen: Vec<_> = kept.lines().iter().map(|line| line["msg"].clone()).collect();
    assert_eq!(seen, ["two", "four"]);
}

/// A writer that says when it was entered, and then waits to be let go.
struct Stuck {
    entered: SyncSender<()>,
    go: Receiver<()>,
    kept: Kept,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Either end may be gone once the test has let go.
        self.entered.try_send(()).unwrap_or_default();
        self.go.recv().unwrap_or_default();
        self.kept.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_writer_drops_records_and_the_loss_is_counted_and_told() {
    let kept = Kept::default();
    let (entered, writer_is_stuck) = sync_channel(1);
    let (let_go, go) = sync_channel(1);
    let log = Log::json(Level::Info, Stuck { entered, go, kept: kept.clone() }, 4).unwrap();
    info!(log.root(), "in the writer");
    writer_is_stuck.recv().unwrap();
    for number in 0..10 {
        info!(log.root(), "record {number}");
    }
    assert_eq!(log.dropped_records(), 6);
    drop(let_go);
    // Room again: the next record that finds some is preceded by the report.
    while kept.lines().len() < 5 {
        std::thread::yield_now();
    }
    info!(log.root(), "after");
    drop(log);
    let lines = kept.lines();
    let report = lines.iter().find(|line| line["count"] == 6).expect("the loss is reported");
    assert_eq!(report["level"], "error");
    assert_eq!(lines.last().unwrap()["msg"], "after");
    assert_eq!(lines.len(), 7);
}

#[test]
fn a_closed_output_never_reaches_the_caller() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let log = Log::json(Level::Info, Closed, 4).unwrap();
    for _ in 0..100 {
        info!(log.root(), "into the void");
    }
    let late = log.root().clone();
    drop(log);
    info!(late, "after the end");
}

#[test]
fn libraries_are_heard_from_warn_on_with_their_name() {
    let kept = Kept::default();
    let log = Log::json(Level::Debug, kept.clone(), 100).unwrap();
    log.bridge_libraries().unwrap();
    assert!(log.bridge_libraries().is_err());
    ::log::info!(target: "hyper::client", "chatter");
    ::log::warn!(target: "hyper::client", "connection reset");
    drop(log);
    ::log::warn!(target: "hyper::client", "after the end");
    let [line] = kept.lines().try_into().unwrap();
    assert_eq!(line["msg"], "connection reset");
    assert_eq!(line["library"], "hyper::client");
    assert_eq!(line["component"], "library");
}
