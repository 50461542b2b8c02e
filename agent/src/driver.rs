//! Runs the tasks of the daemon: each one periodically and on demand, one activation of it at a time, and none of a leader's while
//! this instance may not act.
//!
//! Owns when a task runs and what became of it. A task takes no input: whatever it needs to know it looks up, so that an activation
//! that is lost or doubled changes nothing. It does not try again within itself either; the next activation does.

mod run;
mod schedule;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use nova_lifecycle::Tasks;
use slog::Logger;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::events::Events;
use crate::leader::Leadership;

pub use schedule::Reason;
pub(crate) use status::millis;
pub use status::{LastRun, Outcome, TaskState, TaskStatus};

/// A future behind a trait object.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an activation came to nothing.
pub type TaskError = Box<dyn Error + Send + Sync>;

/// Who runs a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The leader alone: what it does must not be done twice at once.
    Leader,
    /// Every instance.
    Everywhere,
}

impl Scope {
    /// The word for it in answers of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Everywhere => "everywhere",
        }
    }
}

/// What an activation is given.
#[derive(Clone, Debug)]
pub struct Activation {
    /// The leadership of this instance. Always there for a task of [`Scope::Leader`]; the activation is dropped when it is lost.
    pub leadership: Option<Leadership>,
    /// Why the task was activated.
    pub reason: Reason,
    /// Cancelled when the process stops: what takes long gives way at its next safe place.
    pub stopping: CancellationToken,
}

/// What an activation has done, in a sentence for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary(pub String);

impl From<String> for Summary {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// An automation. It is idempotent: an activation may be cut off at any await, and another one begins from the start.
pub trait Task: Send + Sync {
    /// A word for logs, metrics and the API.
    fn name(&self) -> &'static str;

    /// Who runs it.
    fn scope(&self) -> Scope;

    /// How long it rests between two activations that nobody asked for.
    fn period(&self) -> Duration;

    /// Does what there is to do now.
    ///
    /// # Errors
    /// When something is left undone; the next activation tries again.
    fn activate(&self, activation: Activation) -> Pending<'_, Result<Summary, TaskError>>;
}

/// All tasks, and the handle by which others see and activate them.
pub struct Driver {
    entries: BTreeMap<&'static str, Entry>,
}

struct Entry {
    task: Arc<dyn Task>,
    /// Holds one permit at most, so that demands while one waits are one.
    demand: Arc<Notify>,
    status: watch::Sender<TaskStatus>,
}

/// There is no task of this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no task {name:?}; GET /v1/tasks lists those that are")]
pub struct UnknownTask {
    /// The name.
    pub name: String,
}

/// What running tasks needs beside them.
#[derive(Clone)]
pub struct Surroundings {
    /// The leadership of this instance, as it comes and goes.
    pub leadership: watch::Receiver<Option<Leadership>>,
    /// Cancelled when nothing more may begin.
    pub stopping: CancellationToken,
    /// Where failures are told.
    pub events: Events,
    /// The log.
    pub log: Logger,
}

impl Driver {
    /// A driver of these tasks, whose names differ.
    #[must_use]
    pub fn new(tasks: impl IntoIterator<Item = Arc<dyn Task>>) -> Self {
        let entry = |task: Arc<dyn Task>| {
            let status = watch::Sender::new(TaskStatus::new(task.as_ref()));
            (task.name(), Entry { task, demand: Arc::default(), status })
        };
        Self { entries: tasks.into_iter().map(entry).collect() }
    }

    /// Starts a supervised loop for each task.
    pub fn start(&self, tasks: &Tasks, surroundings: &Surroundings) {
        for (name, entry) in &self.entries {
            let runner = run::Runner {
                task: Arc::clone(&entry.task),
                demand: Arc::clone(&entry.demand),
                status: entry.status.clone(),
                surroundings: surroundings.clone(),
            };
            tasks.spawn(name, runner.run());
        }
    }

    /// Activates a task now, or after its activation that runs. Demands before it begins are one.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn activate(&self, name: &str) -> Result<TaskStatus, UnknownTask> {
        let entry = self.entries.get(name).ok_or_else(|| UnknownTask { name: name.to_owned() })?;
        entry.demand.notify_one();
        Ok(entry.status.borrow().clone())
    }

    /// How each task stands, in the order of their names.
    #[must_use]
    pub fn statuses(&self) -> Vec<TaskStatus> {
        self.entries.values().map(|entry| entry.status.borrow().clone()).collect()
    }

    /// Waits until no activation runs any more. Only after `stopping` does it stay so.
    pub async fn idle(&self) {
        for entry in self.entries.values() {
            // The sender lives in `self`, so that the channel cannot close.
            drop(entry.status.subscribe().wait_for(|status| !status.is_running()).await);
        }
    }
}
