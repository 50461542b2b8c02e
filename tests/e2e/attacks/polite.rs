//! A client of good will: a small chat request at a steady pace, none of which may fail.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use super::raw::RawClient;
use crate::bed::{Bed, ask};

/// The pause between two requests: the pace of a client, not a wait for something.
const PAUSE: Duration = Duration::from_millis(10);

/// How a polite client comes to the proxy.
pub(crate) enum Polite {
    /// By a connection of its own for each request.
    Opens,
    /// By one that it has kept since before the attack.
    Keeps(Box<RawClient>),
}

impl Polite {
    /// A client that opens a connection for each request.
    pub(crate) fn opens_connections() -> Self {
        Self::Opens
    }

    /// A client that keeps the one that it opens here.
    pub(crate) async fn keeps_its_connection(bed: &Bed) -> anyhow::Result<Self> {
        Ok(Self::Keeps(Box::new(RawClient::connect(bed).await?)))
    }

    /// Asks once, and says how long the answer took.
    pub(crate) async fn request(&mut self, bed: &Bed) -> anyhow::Result<Duration> {
        sleep(PAUSE).await;
        let began = Instant::now();
        match self {
            Self::Opens => drop(bed.chat_ok(&ask("Hello")).await?),
            Self::Keeps(client) => {
                client.send(&super::raw::chat_request(bed, &ask("Hello").to_string())).await?;
                let answer = client.answer().await?;
                ensure!(answer.status == 200, "{answer:?}");
            }
        }
        Ok(began.elapsed())
    }

    /// Asks so many times.
    pub(crate) async fn requests(&mut self, bed: &Bed, count: usize) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        for _ in 0..count {
            latencies.note(self.request(bed).await?);
        }
        Ok(latencies)
    }
}

/// How long answers took.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn note(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        let index = sorted.len().saturating_sub(1) * percent / 100;
        sorted.get(index).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}/{:.1} ms", self.percentile_ms(50), self.percentile_ms(99))?;
        write!(f, " of {}", self.0.len())
    }
}
