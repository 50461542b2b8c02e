//! Messages to people about rollouts and candidates: handed over at once, delivered beside the work, and given up after some tries.
//!
//! Owns the queue and its bounds, and counts what was not delivered. How a message is delivered is in `webhook`; what it says is
//! decided in `rollout` and `config_canary`. Neither ever waits for a message: one that was queued when the process ends may be lost, and the record
//! in Consul says the same.

pub mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream;
use nova_lifecycle::Shutdown;
use serde::Serialize;
use slog::{Logger, warn};
use tokio::sync::mpsc;

use crate::seams::webhook::{Endpoint, Webhooks};

/// How many messages wait at most: a hundred rollouts that all tell something at once, several times over.
const QUEUE: usize = 512;

/// How many are delivered at once, so that a receiver that hangs holds up no other one.
const CONCURRENCY: usize = 8;

/// A message.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// What kind it is: `adopted`, `waiting`, `promoted` and so on.
    pub kind: String,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it; empty where there is nothing to do.
    pub advice: String,
    /// What it is about.
    #[serde(flatten)]
    pub about: Subject,
    /// When it was written, RFC 3339.
    pub at: jiff::Timestamp,
}

/// What a message is about.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// A new version of a job.
    Rollout {
        /// The namespace of the job.
        namespace: String,
        /// The job.
        job: String,
        /// The deployment.
        deployment_id: String,
        /// The version of the job.
        job_version: u64,
    },
    /// A candidate for the configuration.
    Candidate {
        /// The prefix of the keys.
        kv_prefix: String,
        /// The candidate's id.
        candidate: String,
    },
}

impl Subject {
    /// Its name, for the log.
    fn name(&self) -> &str {
        match self {
            Self::Rollout { job, .. } => job,
            Self::Candidate { candidate, .. } => candidate,
        }
    }
}

/// A message on its way to one receiver.
#[derive(Debug)]
struct Letter {
    message: Arc<Message>,
    to: Endpoint,
}

/// What became of messages since the start, one for each receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They were taken.
    pub delivered: u64,
    /// They were given up after their tries.
    pub failed: u64,
    /// There was no place in the queue.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counters {
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// Takes messages. Clones share the queue.
#[derive(Clone, Debug)]
pub struct Notifier {
    queue: mpsc::Sender<Letter>,
    counters: Arc<Counters>,
    log: Logger,
}

/// Delivers messages.
#[derive(Debug)]
pub struct Deliveries {
    queue: mpsc::Receiver<Letter>,
    webhooks: Webhooks,
    pauses: webhook::Pauses,
    counters: Arc<Counters>,
    log: Logger,
}

/// A queue, and what delivers from it.
#[must_use]
pub fn channel(webhooks: Webhooks, log: &Logger) -> (Notifier, Deliveries) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let counters = Arc::new(Counters::default());
    let notifier = Notifier { queue: sender, counters: Arc::clone(&counters), log: log.clone() };
    let pauses = webhook::Pauses::default();
    (notifier, Deliveries { queue: receiver, webhooks, pauses, counters, log: log.clone() })
}

impl Notifier {
    /// Hands a message over for each receiver. It never waits: where the queue is full it is dropped, counted and logged.
    pub fn tell(&self, message: Message, receivers: impl IntoIterator<Item = Endpoint>) {
        let message = Arc::new(message);
        for to in receivers {
            let host = to.host().to_owned();
            if self.queue.try_send(Letter { message: Arc::clone(&message), to }).is_err() {
                count(&self.counters.dropped, "dropped");
                warn!(
                    self.log,
                    "a notification was dropped: too many wait to be delivered, or the agent stops";
                    "host" => host, "kind" => &message.kind, "about" => message.about.name()
                );
            }
        }
    }

    /// Tells that a message cannot be sent to a receiver at all.
    pub fn give_up(&self, receiver: &str, message: &Message, why: &str) {
        count(&self.counters.failed, "failed");
        warn!(
            self.log,
            "a notification cannot be sent: {why}";
            "receiver" => receiver, "kind" => &message.kind, "about" => message.about.name()
        );
    }

    /// What became of messages so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            delivered: read(&self.counters.delivered),
            failed: read(&self.counters.failed),
            dropped: read(&self.counters.dropped),
        }
    }
}

impl Deliveries {
    /// Delivers until the process stops; what is under way then is cut off.
    pub async fn run(self, shutdown: Shutdown) {
        let Self { queue, webhooks, pauses, counters, log } = self;
        let letters =
            stream::unfold(queue, async |mut queue| queue.recv().await.map(|letter| (letter, queue)));
        let delivered = letters.for_each_concurrent(CONCURRENCY, |letter| {
            let (webhooks, counters, log) = (&webhooks, &counters, &log);
            async move {
                match webhook::deliver(webhooks, &letter.to, &letter.message, pauses).await {
                    Ok(()) => count(&counters.delivered, "delivered"),
                    Err(reason) => {
                        count(&counters.failed, "failed");
                        warn!(
                            log,
                            "a notification was given up after {} tries: {reason}", webhook::TRIES;
                            "host" => letter.to.host(), "kind" => &letter.message.kind, "about" => letter.message.about.name()
                        );
                    }
                }
            }
        });
        tokio::select! {
            () = delivered => {}
            () = shutdown.stopped() => {}
        }
    }
}

fn count(counter: &AtomicU64, outcome: &'static str) {
    counter.fetch_add(1, Ordering::Relaxed);
    metrics::counter!(NOTIFICATIONS_TOTAL, "outcome" => outcome).increment(1);
}

/// Notifications, by what became of them.
pub const NOTIFICATIONS_TOTAL: &str = "nova_agent_notifications_total";

#[cfg(test)]
mod tests;
