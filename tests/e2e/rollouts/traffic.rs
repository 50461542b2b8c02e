//! A steady load that knows which version each of its requests went to, so that a failure has an owner.
//!
//! Requests come at a fixed rate, whether they are answered quickly or slowly: a version that fails at once must not get more of them
//! than its share of the instances. Nothing is tried again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::kept::Kept;
use nova_test_support::server::Api;
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::jobs::rollout::{address, chat_call, ready, version};
use crate::load::{Exchanged, exchange};

/// Workers; whole answers and streams in turn, on kept connections and on one for each request.
const WORKERS: usize = 32;
/// How often each asks. An answer takes some 600 milliseconds of it.
const PERIOD: Duration = Duration::from_millis(800);
/// How many requests a connection is kept for: what came into the catalog meanwhile is to get its share.
const KEPT_FOR: usize = 5;
/// How many failures are kept with their words.
const SHOWN: usize = 20;

/// What became of the requests to one version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) answered: usize,
    /// Streams that had begun and ended with an error event.
    pub(super) cut: usize,
    /// Everything else: no connection, no answer, an answer that is an error, a stream without an end.
    pub(super) failed: usize,
}

impl Counts {
    pub(super) fn total(self) -> usize {
        self.answered + self.cut + self.failed
    }

    fn since(self, before: Self) -> Self {
        Self {
            answered: self.answered - before.answered,
            cut: self.cut - before.cut,
            failed: self.failed - before.failed,
        }
    }
}

/// What became of all requests, by version.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    by_version: BTreeMap<String, Counts>,
    failures: Vec<String>,
}

impl Tally {
    /// The requests that went to this version.
    pub(super) fn of(&self, version: &str) -> Counts {
        self.by_version.get(version).copied().unwrap_or_default()
    }

    /// The requests that went to any other version.
    pub(super) fn beside(&self, version: &str) -> Counts {
        let others = self.by_version.iter().filter(|(name, _)| *name != version);
        others.fold(Counts::default(), |sum, (_, one)| Counts {
            answered: sum.answered + one.answered,
            cut: sum.cut + one.cut,
            failed: sum.failed + one.failed,
        })
    }

    /// What came since an earlier tally.
    pub(super) fn since(&self, before: &Self) -> Self {
        let by_version =
            self.by_version.iter().map(|(name, now)| (name.clone(), now.since(before.of(name)))).collect();
        Self { by_version, failures: self.failures.clone() }
    }

    /// The share of this version in all requests, in percent.
    pub(super) fn percent(&self, version: &str) -> f64 {
        let (own, others) = (self.of(version).total(), self.beside(version).total());
        // Counts of a test are exact in f64.
        100.0 * own as f64 / (own + others).max(1) as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (version, Counts { answered, cut, failed }) in &self.by_version {
            writeln!(formatter, "{version}: {answered} answered, {cut} cut, {failed} failed")?;
        }
        for failure in &self.failures {
            writeln!(formatter, "  {failure}")?;
        }
        Ok(())
    }
}

/// The load, under way. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Traffic {
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    workers: JoinSet<()>,
}

impl Traffic {
    /// Begins, with callers who take addresses from this catalog.
    pub(super) fn begin(consul: &Api, service: &str) -> Self {
        let mut traffic = Self { stop: Arc::default(), tally: Arc::default(), workers: JoinSet::new() };
        let next = Arc::new(AtomicUsize::new(0));
        for number in 0..WORKERS {
            let mut worker = Worker {
                consul: consul.clone(),
                service: service.to_owned(),
                next: Arc::clone(&next),
                keeps: number % 2 == 0,
                connection: None,
            };
            let (stop, tally) = (Arc::clone(&traffic.stop), Arc::clone(&traffic.tally));
            traffic.workers.spawn(async move {
                let mut ticks = interval(PERIOD);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                for round in number.. {
                    ticks.tick().await;
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let (version, outcome) = worker.ask(round % 2 == 0).await;
                    note(&mut lock(&tally), &version, outcome);
                }
            });
        }
        traffic
    }

    /// What became of all requests until now.
    pub(super) fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// Waits until so many more requests were answered.
    pub(super) async fn more(&self, count: usize) -> anyhow::Result<()> {
        let answered = || {
            let tally = self.tally();
            tally.by_version.values().map(|one| one.answered).sum::<usize>()
        };
        let goal = answered() + count;
        wait_until("answers of the load", DEADLINE, || {
            let now = answered();
            Ok(if now >= goal { Look::Ready(()) } else { Look::NotYet(self.tally().to_string()) })
        })
        .await
    }

    /// Ends it when every request that is under way has come to its end.
    pub(super) async fn end(mut self) -> anyhow::Result<Tally> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.workers.join_next().await {
            ended.context("a worker of the load")?;
        }
        Ok(self.tally())
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(tally: &mut Tally, version: &str, outcome: anyhow::Result<Exchanged>) {
    let counts = tally.by_version.entry(version.to_owned()).or_default();
    match outcome {
        Ok(Exchanged::Answered) => counts.answered += 1,
        Ok(Exchanged::Cut) => counts.cut += 1,
        Err(error) => {
            counts.failed += 1;
            if tally.failures.len() < SHOWN {
                let words = format!("{error:#}");
                tally.failures.push(format!("{version}: {}", words.chars().take(300).collect::<String>()));
            }
        }
    }
}

struct Worker {
    consul: Api,
    service: String,
    next: Arc<AtomicUsize>,
    keeps: bool,
    connection: Option<(Kept, String, usize)>,
}

impl Worker {
    /// One request; which version it went to, and what became of it.
    async fn ask(&mut self, streamed: bool) -> (String, anyhow::Result<Exchanged>) {
        let (mut connection, version, used) = match self.connection.take() {
            Some(kept) if !kept.0.is_over() && kept.2 < KEPT_FOR => kept,
            _ => match self.dial().await {
                Ok((connection, version)) => (connection, version, 0),
                Err((version, error)) => return (version, Err(error)),
            },
        };
        let outcome = async {
            let call = chat_call("nova-proxy")?;
            exchange(&mut connection, call, streamed).await
        };
        let outcome = outcome.await;
        if self.keeps && outcome.is_ok() {
            self.connection = Some((connection, version.clone(), used + 1));
        }
        (version, outcome)
    }

    /// Connects to the next instance of the catalog.
    async fn dial(&self) -> Result<(Kept, String), (String, anyhow::Error)> {
        let nobody = |error| ("nobody".to_owned(), error);
        let found = ready(&self.consul, &self.service).await.map_err(nobody)?;
        let instance = chosen(&found, self.next.fetch_add(1, Ordering::Relaxed)).map_err(nobody)?;
        let (version, address) = (version(instance).to_owned(), address(instance));
        let connected = async {
            let stream = TcpStream::connect(&address).await;
            Kept::over(stream.with_context(|| format!("connect to {address}"))?).await
        };
        match connected.await {
            Ok(connection) => Ok((connection, version)),
            Err(error) => Err((version, error)),
        }
    }
}

fn chosen(found: &[serde_json::Value], next: usize) -> anyhow::Result<&serde_json::Value> {
    ensure!(!found.is_empty(), "no instance is ready");
    found.get(next % found.len()).context("the remainder is within the list")
}
