//! The drain under tokio's paused clock: every wait is exact, none is slept through.

use std::sync::{Arc, Mutex};

use slog::{Drain as _, Logger, Never, OwnedKVList, Record, o};

use super::*;
use crate::Shutdown;

const MIN_DELAY: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(30);

/// Keeps the messages, so that a test can count the progress lines.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<Vec<String>>>);

impl slog::Drain for Messages {
    type Ok = ();
    type Err = Never;
    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
        self.0.lock().unwrap().push(record.msg().to_string());
        Ok(())
    }
}

impl Messages {
    fn count(&self, message: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|m| m.as_str() == message).count()
    }
}

fn tasks() -> (Tasks, Messages) {
    let messages = Messages::default();
    let logger = Logger::root(messages.clone().fuse(), o!());
    (Tasks::new(Shutdown::new(), &logger), messages)
}

#[tokio::test(start_paused = true)]
async fn drain_lets_open_connections_finish() {
    let (tasks, messages) = tasks();
    let shutdown = tasks.shutdown().clone();
    tasks.spawn_connection("connection", async { sleep(Duration::from_secs(20)).await });
    let start = Instant::now();
    assert_eq!(tasks.drain(MIN_DELAY, TIMEOUT).await, Outcome::Drained);
    assert_eq!(start.elapsed().as_secs(), 20);
    assert_eq!(shutdown.phase(), Phase::Stopped);
    assert!(!shutdown.forced().is_cancelled());
    // Waiting lasted from 3 s to 20 s: progress at 8, 13 and 18 s.
    assert_eq!(messages.count("waiting for open connections"), 3);
}

#[tokio::test(start_paused = true)]
async fn accepting_goes_on_for_the_minimum_delay() {
    let (tasks, _) = tasks();
    let shutdown = tasks.shutdown().clone();
    let draining = tasks.drain(MIN_DELAY, TIMEOUT);
    tokio::pin!(draining);
    let just_before = MIN_DELAY.checked_sub(Duration::from_millis(1)).unwrap();
    assert!(timeout(just_before, &mut draining).await.is_err());
    assert_eq!(shutdown.phase(), Phase::Draining);
    assert!(!shutdown.draining().is_cancelled());
    assert_eq!(draining.await, Outcome::Drained);
    assert!(shutdown.draining().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn drain_forces_at_the_deadline_and_lets_a_stream_say_its_last_word() {
    let (tasks, _) = tasks();
    let said = Arc::new(Mutex::new(false));
    let (shutdown, last_word) = (tasks.shutdown().clone(), Arc::clone(&said));
    tasks.spawn_connection("connection", async move {
        shutdown.forced().cancelled().await;
        sleep(Duration::from_secs(1)).await;
        *last_word.lock().unwrap() = true;
    });
    let start = Instant::now();
    assert_eq!(tasks.drain(MIN_DELAY, TIMEOUT).await, Outcome::Forced);
    assert_eq!(start.elapsed().as_secs(), 34);
    assert!(*said.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ignores_the_force_cannot_hold_the_process() {
    let (tasks, messages) = tasks();
    tasks.spawn_connection("connection", std::future::pending());
    let start = Instant::now();
    assert_eq!(tasks.drain(Duration::ZERO, TIMEOUT).await, Outcome::Forced);
    assert_eq!(start.elapsed(), TIMEOUT + FORCE_GRACE);
    assert_eq!(messages.count("connections ignored the forced stop"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_request_forces_at_once_whatever_the_drain_waits_for() {
    // One during the minimum delay, one while connections are open.
    for after in [1, 10] {
        let (tasks, _) = tasks();
        let shutdown = tasks.shutdown().clone();
        let open = shutdown.clone();
        tasks.spawn_connection("connection", async move { open.forced().cancelled().await });
        assert!(shutdown.request());
        let start = Instant::now();
        let (outcome, ()) = tokio::join!(tasks.drain(MIN_DELAY, TIMEOUT), async {
            sleep(Duration::from_secs(after)).await;
            assert!(!shutdown.request());
        });
        assert_eq!(outcome, Outcome::Forced);
        assert_eq!(start.elapsed().as_secs(), after);
    }
}

#[tokio::test(start_paused = true)]
async fn background_tasks_run_until_the_drain_is_over() {
    let (tasks, _) = tasks();
    let shutdown = tasks.shutdown().clone();
    tasks.spawn_critical("metrics", async move { shutdown.stopped().await });
    tasks.spawn_connection("connection", async { sleep(Duration::from_secs(9)).await });
    assert_eq!(tasks.drain(Duration::ZERO, TIMEOUT).await, Outcome::Drained);
    assert_eq!(tasks.finish(Duration::from_secs(1)).await, 0);
    assert!(tasks.failures().is_empty());
}

/// Streams give way to a forced stop within a poll, so that all connections may be gone before the drain looks.
#[tokio::test(start_paused = true)]
async fn work_that_was_cut_makes_the_drain_a_forced_one_however_fast_it_gave_way() {
    let (tasks, _) = tasks();
    let shutdown = tasks.shutdown().clone();
    tasks.spawn_connection("connection", async move { shutdown.report_cut() });
    tokio::task::yield_now().await;
    assert_eq!(tasks.drain(Duration::ZERO, TIMEOUT).await, Outcome::Forced);
}
