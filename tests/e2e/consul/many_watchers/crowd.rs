//! Watchers, each with a client and a connection of its own, and what they tell.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::StreamExt as _;
use nova_hashistack::consul::{WatchConfig, WatchCounters, WatchCounts, WatchEvent, Watched};
use nova_hashistack::{ConsulClient, ConsulConfig};
use nova_test_support::wait::{Look, wait_until};
use nova_test_support::wire::Wire;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long anything may take that has no promise of its own.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often nothing may have been sent since the last look until nothing more is expected.
const QUIET_LOOKS: usize = 25;

/// What a watcher has seen: its number, the newest index in the documents, and when.
type Seen = (usize, u64, Instant);

/// All of them. Dropping it ends them.
pub(super) struct Crowd {
    size: usize,
    seen: mpsc::Receiver<anyhow::Result<Seen>>,
    counters: WatchCounters,
    _watchers: JoinSet<()>,
}

impl Crowd {
    /// So many begin to watch `prefix` of the Consul at `address`.
    pub(super) fn gather(size: usize, address: SocketAddr, prefix: &str) -> anyhow::Result<Self> {
        let (tell, seen) = mpsc::channel(2 * size);
        let counters = WatchCounters::default();
        let mut watchers = JoinSet::new();
        for number in 0..size {
            let client = ConsulClient::new(ConsulConfig::new(format!("http://{address}").parse()?))?;
            let config = WatchConfig {
                counters: counters.clone(),
                ..WatchConfig::new(Watched::Prefix(prefix.to_owned()))
            };
            watchers.spawn(watch(number, client, config, tell.clone()));
        }
        Ok(Self { size, seen, counters, _watchers: watchers })
    }

    /// Waits until all have seen documents of this index, and returns when each did.
    pub(super) async fn all_see(&mut self, index: u64) -> anyhow::Result<Vec<Instant>> {
        let mut times: Vec<Option<Instant>> = vec![None; self.size];
        let (end, mut left) = (Instant::now() + PATIENCE, self.size);
        while left > 0 {
            let seen = tokio::time::timeout_at(end, self.seen.recv()).await;
            let seen = seen.with_context(|| format!("{left} of {} have not seen {index}", self.size))?;
            let (number, newest, at) = seen.context("all watchers are gone")??;
            let slot = times.get_mut(number).context("there are so many watchers")?;
            if newest >= index && slot.replace(at).is_none() {
                left -= 1;
            }
        }
        Ok(times.into_iter().flatten().collect())
    }

    /// Waits until each has sent its question over this wire, and waits for the answer.
    pub(super) async fn all_wait(&self, wire: &Wire) -> anyhow::Result<()> {
        ensure!(wire.accepted() >= self.size, "{} connections of {} watchers", wire.accepted(), self.size);
        let (mut before, mut quiet_looks) = (0, 0);
        // A watcher has sent its question when nothing more is on its way.
        wait_until("the questions of all watchers", PATIENCE, || {
            let (sent, _) = wire.carried();
            let is_quiet = sent == std::mem::replace(&mut before, sent);
            quiet_looks = if is_quiet { quiet_looks + 1 } else { 0 };
            Ok(if quiet_looks == QUIET_LOOKS { Look::Ready(()) } else { Look::NotYet(sent) })
        })
        .await
    }

    /// What was counted by all together.
    pub(super) fn counts(&self) -> WatchCounts {
        self.counters.counts()
    }
}

async fn watch(
    number: usize,
    client: ConsulClient,
    config: WatchConfig,
    tell: mpsc::Sender<anyhow::Result<Seen>>,
) {
    let mut events = client.watch(config).boxed();
    loop {
        let told = match events.next().await {
            Some(WatchEvent::Changed(answer)) => {
                let newest = answer.value.iter().map(|entry| entry.modify_index).max();
                Ok((number, newest.unwrap_or_default(), Instant::now()))
            }
            Some(WatchEvent::Unchanged(_)) => continue,
            Some(WatchEvent::Failed { error, .. }) => failed(number, error),
            None => return,
        };
        if tell.send(told).await.is_err() {
            return;
        }
    }
}

fn failed(number: usize, error: nova_hashistack::HashistackError) -> anyhow::Result<Seen> {
    bail!("watcher {number}: {:#}", anyhow::Error::new(error))
}
