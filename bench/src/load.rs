//! Load on one address: so many connections that each ask again as soon as they are answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::Connection;
use crate::latency::Latency;

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) completed: u64,
    /// Requests that were not answered with a whole 200.
    pub(crate) failed: u64,
    /// The first failure, for whoever has to find out.
    pub(crate) failure: Option<String>,
    pub(crate) elapsed: Duration,
    /// Of all answers: who compares targets wants to know that they gave as much.
    pub(crate) body_bytes: u64,
    /// To the end of the answer.
    pub(crate) latency: Latency,
    /// To the first byte of the body.
    pub(crate) first_byte: Latency,
}

impl Outcome {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            completed: 0,
            failed: 0,
            failure: None,
            elapsed: Duration::ZERO,
            body_bytes: 0,
            latency: Latency::new()?,
            first_byte: Latency::new()?,
        })
    }

    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
        let completed = self.completed as f64;
        completed / self.elapsed.as_secs_f64()
    }

    fn add(&mut self, began: Instant, answered: anyhow::Result<crate::client::Answered>) {
        match answered {
            Ok(answered) => {
                self.completed += 1;
                self.body_bytes += answered.body_bytes as u64;
                self.latency.record(answered.ended.duration_since(began));
                self.first_byte.record(answered.first_byte.duration_since(began));
            }
            Err(error) => {
                self.failed += 1;
                self.failure.get_or_insert_with(|| format!("{error:#}"));
            }
        }
    }
}

/// Asks on `connections` connections for `duration`, each anew as soon as it is answered.
///
/// # Errors
/// When a connection cannot be opened at the start.
pub(crate) async fn closed(
    address: SocketAddr,
    request: &Arc<[u8]>,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Outcome> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let end = began + duration;
    let mut workers = JoinSet::new();
    for mut connection in open {
        let request = Arc::clone(request);
        workers.spawn_local(async move {
            let mut outcome = Outcome::new()?;
            loop {
                let began = Instant::now();
                if began >= end {
                    return anyhow::Ok(outcome);
                }
                let answered = connection.exchange(&request).await;
                if answered.is_err() {
                    connection = Connection::open(address).await?;
                }
                outcome.add(began, answered);
            }
        });
    }
    gather(workers, began).await
}

/// Asks `per_second` times a second for `duration`, whether earlier requests have been answered or not. A latency is counted from the
/// moment at which the request was due, so that a target that stalls cannot hide it.
///
/// # Errors
/// When a connection cannot be opened at the start.
pub(crate) async fn open(
    address: SocketAddr,
    request: &Arc<[u8]>,
    connections: usize,
    per_second: f64,
    duration: Duration,
) -> anyhow::Result<Outcome> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let due = Arc::new(tokio::sync::Mutex::new(crate::pace::start(per_second, duration)?));
    let mut workers = JoinSet::new();
    for mut connection in open {
        let (request, due) = (Arc::clone(request), Arc::clone(&due));
        workers.spawn_local(async move {
            let mut outcome = Outcome::new()?;
            loop {
                let next = due.lock().await.recv().await;
                let Some(at) = next else { return anyhow::Ok(outcome) };
                let answered = connection.exchange(&request).await;
                if answered.is_err() {
                    connection = Connection::open(address).await?;
                }
                outcome.add(at, answered);
            }
        });
    }
    gather(workers, began).await
}

async fn gather(mut workers: JoinSet<anyhow::Result<Outcome>>, began: Instant) -> anyhow::Result<Outcome> {
    let mut whole = Outcome::new()?;
    while let Some(outcome) = workers.join_next().await {
        let outcome = outcome??;
        whole.completed += outcome.completed;
        whole.failed += outcome.failed;
        whole.body_bytes += outcome.body_bytes;
        whole.failure = whole.failure.or(outcome.failure);
        whole.latency.add(&outcome.latency)?;
        whole.first_byte.add(&outcome.first_byte)?;
    }
    whole.elapsed = began.elapsed();
    Ok(whole)
}
