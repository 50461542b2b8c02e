//! A steady load: workers that ask for whole answers and streams in turn, check each, and note what failed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use nova_test_support::client::Call;
use nova_test_support::kept::Kept;
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::bed::{ask_script, with};
use crate::outcome;

/// What every answer of the load says, in this many pieces.
const PIECES: [&str; 6] = ["one ", "two ", "three ", "four ", "five ", "six"];

/// Makes a connection.
pub(crate) type Dial =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<Kept>> + Send>> + Send + Sync>;

/// Connects by TCP to `address`, `HOST:PORT`.
pub(crate) fn tcp(address: &str) -> Dial {
    let address = address.to_owned();
    Arc::new(move || {
        let address = address.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(&address).await;
            Kept::over(stream.with_context(|| format!("connect to {address}"))?).await
        })
    })
}

/// Whether a worker keeps its connection, until an answer says that it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    Kept,
    OnePerRequest,
}

/// The load, under way.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    cut: Arc<AtomicUsize>,
    workers: JoinSet<Vec<String>>,
}

impl Load {
    /// Begins with so many workers, which send `call` with the body of the load.
    pub(crate) fn begin(workers: usize, call: &Call, dial: &Dial, connections: Connections) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            answered: Arc::default(),
            cut: Arc::default(),
            workers: JoinSet::new(),
        };
        for number in 0..workers {
            let (stop, answered, cut) =
                (Arc::clone(&load.stop), Arc::clone(&load.answered), Arc::clone(&load.cut));
            let mut worker =
                Worker { call: call.clone(), dial: Arc::clone(dial), connections, connection: None };
            load.workers.spawn(async move {
                let mut failures = Vec::new();
                let mut round = number;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    match worker.ask(round.is_multiple_of(2)).await {
                        Ok(Exchanged::Answered) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Ok(Exchanged::Cut) => drop(cut.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => failures.push(format!("request {round} of {number}: {error:#}")),
                    }
                    // A load that cannot get through tells so soon enough.
                    if failures.len() > 20 {
                        break;
                    }
                }
                failures
            });
        }
        load
    }

    /// How many requests were answered well until now.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more were answered.
    pub(crate) async fn more(&self, count: usize) -> anyhow::Result<()> {
        let goal = self.answered() + count;
        wait_until("answers of the load", DEADLINE, || {
            let now = self.answered();
            Ok(if now >= goal { Look::Ready(()) } else { Look::NotYet((now, goal)) })
        })
        .await
    }

    /// Ends it, and returns how many were answered. Fails when any was not.
    pub(crate) async fn end(self) -> anyhow::Result<usize> {
        let (answered, cut) = self.end_with_cuts().await?;
        ensure!(cut == 0, "{cut} streams were cut beside {answered} answers");
        Ok(answered)
    }

    /// As [`Self::end`], where streams that had begun may have ended with an error event: returns how many did, too.
    pub(crate) async fn end_with_cuts(mut self) -> anyhow::Result<(usize, usize)> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        while let Some(worker) = self.workers.join_next().await {
            failures.extend(worker?);
        }
        let answered = self.answered();
        let shown: Vec<&String> = failures.iter().take(10).collect();
        ensure!(failures.is_empty(), "{} failed beside {answered} that did not: {shown:#?}", failures.len());
        Ok((answered, self.cut.load(Ordering::Relaxed)))
    }
}

/// What became of a request, well within the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchanged {
    /// It was answered whole.
    Answered,
    /// Its stream had begun, and ended with one error event.
    Cut,
}

struct Worker {
    call: Call,
    dial: Dial,
    connections: Connections,
    connection: Option<Kept>,
}

impl Worker {
    async fn ask(&mut self, streamed: bool) -> anyhow::Result<Exchanged> {
        let mut connection = match self.connection.take() {
            Some(kept) if !kept.is_over() => kept,
            _ => (self.dial)().await?,
        };
        let result = exchange(&mut connection, self.call.clone(), streamed).await;
        if result.is_ok() && self.connections == Connections::Kept {
            self.connection = Some(connection);
        }
        result
    }
}

/// One request whose answer is checked to its last event.
pub(crate) async fn exchange(connection: &mut Kept, call: Call, streamed: bool) -> anyhow::Result<Exchanged> {
    let script = json!({ "deltas": PIECES, "delta_delay_ms": 10, "first_byte_delay_ms": 10 });
    if streamed {
        let members = json!({ "stream": true, "stream_options": { "include_usage": true } });
        let (status, ended) =
            connection.stream_to_end(call.body(with(ask_script(&script), members).to_string())).await?;
        ensure!(status == 200, "{status} {}", ended.raw);
        let outcome = outcome::read(&ended)?;
        if outcome.error().is_ok() {
            return Ok(Exchanged::Cut);
        }
        outcome.finished("stop")?;
        ensure!(outcome.text == PIECES.concat() && outcome.usage.is_some(), "{outcome:?}");
    } else {
        let reply = connection.send(call.body(ask_script(&script).to_string())).await?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        let body = reply.json()?;
        ensure!(body["choices"][0]["message"]["content"] == PIECES.concat(), "{body}");
    }
    Ok(Exchanged::Answered)
}
