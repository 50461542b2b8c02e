//! The loop of one task: it does what the schedule says, and outlives what the task does.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use nova_telemetry::{error_chain, keys};
use serde_json::json;
use slog::{debug, error, warn};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::schedule::{Decision, Reason, Schedule, Situation};
use super::status::{LastRun, Outcome, TaskState, TaskStatus, after, millis};
use super::{Activation, Scope, Surroundings, Task};
use crate::leader::Leadership;
use crate::metrics as names;

/// One task and what it is run with.
pub(super) struct Runner {
    pub(super) task: Arc<dyn Task>,
    pub(super) demand: Arc<Notify>,
    pub(super) status: watch::Sender<TaskStatus>,
    pub(super) surroundings: Surroundings,
}

impl Runner {
    pub(super) async fn run(mut self) {
        let mut schedule = Schedule::new(self.task.scope(), self.task.period());
        let mut is_asked = false;
        loop {
            let leadership = self.leadership();
            let situation = Situation {
                now: Instant::now(),
                is_stopping: self.surroundings.stopping.is_cancelled(),
                epoch: leadership.as_ref().map(Leadership::epoch),
                is_asked,
            };
            match schedule.decide(situation) {
                Decision::Stop => break,
                Decision::Run(reason) => {
                    is_asked = false;
                    // Whoever asked until now is met by this activation, however often they asked.
                    let _met: Option<()> = self.demand.notified().now_or_never();
                    self.activate(leadership, reason).await;
                    schedule.ended(Instant::now(), fastrand::f64());
                }
                Decision::WaitForLeadership => {
                    self.set(TaskState::NotLeading);
                    // Nobody is answered later for what was asked of a follower: the leader is asked.
                    is_asked = false;
                    self.rest(None).await;
                }
                Decision::WaitUntil(due) => {
                    let rest = due.saturating_duration_since(Instant::now());
                    self.set(TaskState::Waiting { next: after(Timestamp::now(), rest) });
                    is_asked = self.rest(Some(due)).await;
                }
            }
        }
        self.set(TaskState::Stopped);
        // A loop that ended before the process stops would count as lost.
        self.surroundings.stopping.cancelled().await;
    }

    /// The leadership, where this instance may act by it now.
    fn leadership(&mut self) -> Option<Leadership> {
        let leadership = self.surroundings.leadership.borrow_and_update().clone();
        leadership.filter(|leadership| leadership.may_act(Instant::now()))
    }

    /// Waits until there is something to decide anew. Returns whether somebody asked.
    async fn rest(&mut self, due: Option<Instant>) -> bool {
        let is_due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.surroundings.stopping.cancelled() => false,
            () = self.demand.notified() => true,
            changed = self.surroundings.leadership.changed() => {
                if changed.is_err() {
                    // The election has ended, and with it every leadership: the process stops.
                    self.surroundings.stopping.cancelled().await;
                }
                false
            }
            () = is_due => false,
        }
    }

    async fn activate(&mut self, leadership: Option<Leadership>, reason: Reason) {
        let (started, clock) = (Timestamp::now(), Instant::now());
        self.status.send_modify(|status| status.began(started, reason));
        let deposed = match (self.task.scope(), &leadership) {
            (Scope::Leader, Some(leadership)) => Some(leadership.clone()),
            _ => None,
        };
        let stopping = self.surroundings.stopping.clone();
        // Within the guard, so that a panic before the first await is outlived too.
        let task = Arc::clone(&self.task);
        let activated = async move { task.activate(Activation { leadership, reason, stopping }).await };
        let outcome = tokio::select! {
            biased;
            ended = AssertUnwindSafe(activated).catch_unwind() => match ended {
                Ok(Ok(summary)) => Outcome::Done { summary: summary.0 },
                Ok(Err(error)) => Outcome::Failed { error: error_chain(error.as_ref()) },
                Err(panic) => Outcome::Panicked { error: panic_text(panic.as_ref()).to_owned() },
            },
            () = is_over(&mut self.surroundings.leadership, deposed) => Outcome::Deposed,
        };
        self.ended(LastRun { started, took_ms: millis(clock.elapsed()), reason, outcome });
    }

    fn ended(&self, run: LastRun) {
        let (name, log) = (self.task.name(), &self.surroundings.log);
        metrics::counter!(names::TASK_RUNS_TOTAL, keys::TASK => name, "outcome" => run.outcome.as_str())
            .increment(1);
        #[expect(clippy::cast_precision_loss, reason = "no activation takes so many milliseconds")]
        metrics::histogram!(names::TASK_DURATION_SECONDS, keys::TASK => name)
            .record(run.took_ms as f64 / 1e3);
        match &run.outcome {
            Outcome::Done { summary } => {
                debug!(log, "task done: {summary}"; keys::TASK => name, keys::DURATION_MS => run.took_ms);
            }
            Outcome::Deposed => warn!(log, "task dropped: this instance no longer leads"; keys::TASK => name),
            Outcome::Failed { error } => {
                warn!(log, "task failed, and is tried again: {error}"; keys::TASK => name);
                self.tell(error, false);
            }
            Outcome::Panicked { error } => {
                error!(log, "task panicked, which is a defect, and is tried again: {error}"; keys::TASK => name);
                self.tell(error, true);
            }
        }
        self.status.send_modify(|status| status.ended(run));
    }

    /// An event for the first of failures in a row; the status counts the others.
    fn tell(&self, error: &str, is_panic: bool) {
        let is_new = self.status.borrow().last.as_ref().is_none_or(|last| match &last.outcome {
            Outcome::Failed { error: before } | Outcome::Panicked { error: before } => before != error,
            Outcome::Done { .. } | Outcome::Deposed => true,
        });
        if is_new {
            let body = json!({ "task": self.task.name(), "error": error, "panic": is_panic });
            self.surroundings.events.record("task_failed", body);
        }
    }

    fn set(&self, state: TaskState) {
        self.status.send_if_modified(|status| {
            let is_new = status.state != state;
            status.state = state;
            is_new
        });
    }
}

/// Completes when the leadership that the activation began with is another one, or none.
async fn is_over(receiver: &mut watch::Receiver<Option<Leadership>>, began: Option<Leadership>) {
    match began {
        None => std::future::pending().await,
        // An error means that the election has ended.
        Some(_) => drop(receiver.wait_for(|now| *now != began).await),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
