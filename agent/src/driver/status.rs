//! How a task stands, and what became of its last activation: what operators see.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Reason, Scope, Task};

/// What a task does at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TaskState {
    /// It is activated.
    Running {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// It rests.
    Waiting {
        /// When it is due.
        next: Timestamp,
    },
    /// It is the leader's, and this instance may not act as one.
    NotLeading,
    /// The process stops, or has not begun.
    Stopped,
}

/// How an activation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It did what there was to do.
    Done {
        /// What that was.
        summary: String,
    },
    /// Something is left undone.
    Failed {
        /// Why.
        error: String,
    },
    /// It panicked, which is a defect.
    Panicked {
        /// What it said.
        error: String,
    },
    /// It was dropped because leadership was lost.
    Deposed,
}

impl Outcome {
    /// A word for the metric.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Panicked { .. } => "panicked",
            Self::Deposed => "deposed",
        }
    }
}

/// The last activation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub took_ms: u64,
    /// Why it ran.
    pub reason: Reason,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    /// Its name.
    pub name: &'static str,
    /// Who runs it: `leader` or `everywhere`.
    pub scope: &'static str,
    /// How long it rests between two activations.
    pub period_ms: u64,
    /// What it does at the moment.
    #[serde(flatten)]
    pub state: TaskState,
    /// The last activation of this process; nothing before it.
    pub last: Option<LastRun>,
    /// Activations since the start.
    pub activations: u64,
    /// Those of them that failed or panicked.
    pub failures: u64,
}

impl TaskStatus {
    pub(super) fn new(task: &dyn Task) -> Self {
        Self {
            name: task.name(),
            scope: Scope::as_str(task.scope()),
            period_ms: millis(task.period()),
            state: TaskState::Stopped,
            last: None,
            activations: 0,
            failures: 0,
        }
    }

    /// Whether it is activated at the moment.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state, TaskState::Running { .. })
    }

    pub(super) fn began(&mut self, since: Timestamp, reason: Reason) {
        self.state = TaskState::Running { since, reason };
        self.activations += 1;
    }

    pub(super) fn ended(&mut self, run: LastRun) {
        if matches!(run.outcome, Outcome::Failed { .. } | Outcome::Panicked { .. }) {
            self.failures += 1;
        }
        self.last = Some(run);
        self.state = TaskState::Stopped;
    }
}

/// Milliseconds, as many as fit.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The time of the wall that is `rest` after `now`.
pub(super) fn after(now: Timestamp, rest: Duration) -> Timestamp {
    SignedDuration::try_from(rest).ok().and_then(|rest| now.checked_add(rest).ok()).unwrap_or(now)
}
