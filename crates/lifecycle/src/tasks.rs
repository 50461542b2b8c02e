//! Supervised tasks: the only way to spawn. A panic or an early end is logged, counted and acted on.
//!
//! Owns two sets of tasks: *connections*, which a drain waits for, and *background* tasks, which serve until the
//! drain is over. What the tasks do, and how failures become a metric, is left to the caller.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use slog::{Logger, error, o};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::{Phase, Shutdown};

/// Called once for each failed task with the task's name. It must return at once: it runs on the runtime.
pub type FailureHook = Arc<dyn Fn(&'static str) + Send + Sync>;

/// A handle to all tasks of the process. Clones share the same tasks.
#[derive(Clone)]
pub struct Tasks {
    pub(crate) shutdown: Shutdown,
    pub(crate) connections: TaskTracker,
    pub(crate) logger: Logger,
    background: TaskTracker,
    failures: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    hook: Option<FailureHook>,
}

impl Tasks {
    /// An empty set of tasks whose critical members start `shutdown`'s drain when they fail.
    #[must_use]
    pub fn new(shutdown: Shutdown, logger: &Logger) -> Self {
        Self {
            shutdown,
            connections: TaskTracker::new(),
            logger: logger.new(o!("component" => "lifecycle")),
            background: TaskTracker::new(),
            failures: Arc::default(),
            hook: None,
        }
    }

    /// Adds what is called for each failure, for instance to count it in a metric.
    #[must_use]
    pub fn with_failure_hook(mut self, hook: FailureHook) -> Self {
        self.hook = Some(hook);
        self
    }

    /// The switchboard these tasks belong to.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Runs a background task until [`Shutdown::stopped`]; a panic, or an end before a drain began, is a failure
    /// that the process outlives.
    ///
    /// `name` is fixed text: it labels a metric. The handle aborts the task, which is no failure.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.supervise(name, false, future)
    }

    /// As [`Tasks::spawn`], for a task without which the process is useless: its failure starts a drain.
    pub fn spawn_critical<F>(&self, name: &'static str, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.supervise(name, true, future)
    }

    /// Runs the work of one connection or request, which a drain waits for. Ending is normal; a panic is a failure
    /// under `name`. Costs one spawn and no logger.
    pub fn spawn_connection<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.connections.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                tasks.fail(name, &format!("panicked: {}", panic_text(panic.as_ref())));
            }
        });
    }

    /// The tracker of connections, for a listener that spawns them itself. A drain waits for all that is on it.
    #[must_use]
    pub fn connections(&self) -> &TaskTracker {
        &self.connections
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.connections.len()
    }

    /// Failures since the start, by task name.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits at most `grace` for the background tasks to end; call it after a drain.
    ///
    /// Returns how many were still running.
    pub async fn finish(&self, grace: Duration) -> usize {
        self.shutdown.advance(Phase::Stopped);
        self.background.close();
        if tokio::time::timeout(grace, self.background.wait()).await.is_err() {
            error!(self.logger, "background tasks did not end in time"; "left" => self.background.len());
        }
        self.background.len()
    }

    fn supervise<F>(&self, name: &'static str, critical: bool, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        let task = self.background.spawn(async move {
            let problem = match AssertUnwindSafe(future).catch_unwind().await {
                Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
                Ok(()) if tasks.shutdown.is_requested() => return,
                Ok(()) => "ended before a drain began".to_owned(),
            };
            tasks.fail(name, &problem);
            if critical {
                error!(tasks.logger, "critical task lost: draining this instance"; "task" => name);
                tasks.shutdown.request_once();
            }
        });
        task.abort_handle()
    }

    fn fail(&self, name: &'static str, problem: &str) {
        error!(self.logger, "task failed: {problem}"; "task" => name);
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        if let Some(hook) = &self.hook {
            hook(name);
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn tasks() -> Tasks {
        Tasks::new(Shutdown::new(), &Logger::root(slog::Discard, o!()))
    }

    #[tokio::test]
    async fn a_panic_in_a_plain_task_is_counted_and_outlived() {
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        let tasks = tasks().with_failure_hook(Arc::new(move |name| {
            assert_eq!(name, "poller");
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        tasks.spawn("poller", async { panic!("no luck") });
        assert_eq!(tasks.finish(Duration::from_secs(5)).await, 0);
        assert_eq!(tasks.failures(), BTreeMap::from([("poller", 1)]));
        assert_eq!(seen.load(Ordering::Relaxed), 1);
        assert!(!tasks.shutdown().is_requested());
    }

    #[tokio::test]
    async fn an_early_end_of_a_critical_task_starts_a_drain() {
        let tasks = tasks();
        tasks.spawn_critical("listener", async {});
        tasks.shutdown().requested().await;
        assert_eq!(tasks.failures(), BTreeMap::from([("listener", 1)]));
        assert!(!tasks.shutdown().forced().is_cancelled());
    }

    #[tokio::test]
    async fn an_end_after_the_drain_began_is_no_failure() {
        let tasks = tasks();
        let shutdown = tasks.shutdown().clone();
        tasks.spawn_critical("listener", async move { shutdown.draining().cancelled().await });
        tasks.shutdown().force();
        assert_eq!(tasks.finish(Duration::from_secs(5)).await, 0);
        assert!(tasks.failures().is_empty());
    }

    #[tokio::test]
    async fn a_panic_in_a_connection_is_counted_and_the_connection_is_gone() {
        let tasks = tasks();
        tasks.spawn_connection("connection", async { panic!("{}", "x") });
        assert_eq!(tasks.open_connections(), 1);
        tasks.connections.close();
        tasks.connections.wait().await;
        assert_eq!(tasks.open_connections(), 0);
        assert_eq!(tasks.failures(), BTreeMap::from([("connection", 1)]));
    }

    #[tokio::test]
    async fn an_aborted_task_is_no_failure() {
        let tasks = tasks();
        tasks.spawn_critical("poller", std::future::pending()).abort();
        assert_eq!(tasks.finish(Duration::from_secs(5)).await, 0);
        assert!(tasks.failures().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn finish_tells_how_many_tasks_ignored_the_stop() {
        let tasks = tasks();
        tasks.spawn("stubborn", std::future::pending());
        assert_eq!(tasks.finish(Duration::from_secs(1)).await, 1);
    }
}
