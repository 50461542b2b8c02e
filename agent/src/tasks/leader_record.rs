//! What the leader's tasks have come to, written by the leader and followed by all: an instance that does not lead can tell when the
//! fleet was looked after last, and after a hand-over it is known what the leader before had done.

use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{TxnOperation, WatchConfig, WatchEvent, Watched};
use nova_lifecycle::Shutdown;
use serde_json::{Value, json};
use slog::{Logger, warn};
use tokio::sync::watch;

use super::{FencedWrite, write_fenced};
use crate::driver::{Activation, Driver, Pending, Scope, Summary, Task, TaskError};

/// How old the record is at most while all is well.
const PERIOD: Duration = Duration::from_secs(10);

/// The task that writes the record.
#[derive(Debug)]
pub struct LeaderRecord {
    consul: ConsulClient,
    key: String,
    instance: String,
    /// Known once the driver is there, of which this task is a part.
    driver: OnceLock<Weak<Driver>>,
}

/// The write was refused.
#[derive(Debug, thiserror::Error)]
#[error("leadership was lost before the write: another instance leads, and nothing was written")]
struct Deposed;

impl LeaderRecord {
    /// A task that writes below `prefix`.
    #[must_use]
    pub fn new(consul: ConsulClient, prefix: &str, instance: &str) -> Self {
        Self { consul, key: key(prefix), instance: instance.to_owned(), driver: OnceLock::new() }
    }

    /// Tells whose tasks are written.
    pub fn of(&self, driver: &Arc<Driver>) {
        // Told once, by whoever builds both.
        drop(self.driver.set(Arc::downgrade(driver)));
    }

    fn value(&self, epoch: u64) -> Value {
        let statuses = self.driver.get().and_then(Weak::upgrade).map(|driver| driver.statuses());
        let others = statuses.unwrap_or_default().into_iter().filter(|status| status.name != self.name());
        let tasks: serde_json::Map<String, Value> = others
            .map(|status| {
                let last = json!({ "last": status.last, "activations": status.activations, "failures": status.failures });
                (status.name.to_owned(), last)
            })
            .collect();
        json!({ "instance": self.instance, "epoch": epoch, "at": Timestamp::now(), "tasks": tasks })
    }

    async fn write(&self, activation: Activation) -> Result<Summary, TaskError> {
        let Some(leadership) = activation.leadership else { return Err(Deposed.into()) };
        let value = serde_json::to_vec(&self.value(leadership.epoch()))?;
        let set = TxnOperation::Set { key: self.key.clone(), value: value.into() };
        match write_fenced(&self.consul, &leadership, vec![set]).await? {
            FencedWrite::Written(_) => Ok(Summary(format!("epoch {} is recorded", leadership.epoch()))),
            FencedWrite::Deposed | FencedWrite::Conflict => Err(Deposed.into()),
        }
    }
}

impl Task for LeaderRecord {
    fn name(&self) -> &'static str {
        "leader-record"
    }

    fn scope(&self) -> Scope {
        Scope::Leader
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn activate(&self, activation: Activation) -> Pending<'_, Result<Summary, TaskError>> {
        Box::pin(self.write(activation))
    }
}

fn key(prefix: &str) -> String {
    format!("{prefix}/leader-record")
}

/// Follows the record until the process has stopped.
pub async fn follow(
    consul: ConsulClient,
    prefix: String,
    record: watch::Sender<Option<Value>>,
    shutdown: Shutdown,
    log: Logger,
) {
    let mut watch = pin!(consul.watch(WatchConfig::new(Watched::Key(key(&prefix)))));
    loop {
        let event = tokio::select! {
            () = shutdown.stopped() => return,
            event = watch.next() => event,
        };
        match event {
            Some(WatchEvent::Changed(found)) => {
                let newest = found.value.first().and_then(|entry| serde_json::from_slice(&entry.value).ok());
                record.send_replace(newest);
            }
            Some(WatchEvent::Failed { error, .. }) => {
                warn!(log, "the leader's record is not followed: {}", nova_telemetry::error_chain(&error));
            }
            Some(WatchEvent::Unchanged(_)) => {}
            None => return,
        }
    }
}
