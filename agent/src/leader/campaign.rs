//! Standing for the lock: it is waited for while somebody else holds it, and tried for when nobody does.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use nova_hashistack::consul::{HeldLock, KvEntry, WatchEvent};
use nova_telemetry::{error_chain, keys};
use slog::{debug, warn};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Election, Holder};

/// The pause before the lock is tried for again: within its lock delay there is nothing to wait for but time. All candidates do so, so
/// that each draws a part of it.
const RETRY: Duration = Duration::from_secs(1);

impl Election {
    /// Returns the lock once it is held; nothing when `hand_over` says that this instance no longer stands.
    pub(super) async fn campaign(&self, hand_over: &CancellationToken) -> Option<HeldLock> {
        let mut watch = pin!(self.consul.watch(self.watch()));
        let mut try_at: Option<Instant> = None;
        loop {
            // Without a time there is nothing to try: the watch tells when there is.
            let due = async {
                match try_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = hand_over.cancelled() => return None,
                event = watch.next() => match event? {
                    WatchEvent::Changed(found) => {
                        let held = found.value.iter().find(|entry| entry.session.is_some());
                        self.heard(|standing| standing.holder = held.and_then(holder));
                        try_at = held.is_none().then(Instant::now);
                    }
                    WatchEvent::Unchanged(_) => self.heard(|_| ()),
                    WatchEvent::Failed { error, .. } => self.unreachable(&error_chain(&error)),
                },
                () = due => match self.acquire().await {
                    Ok(Some(lock)) => return Some(lock),
                    Ok(None) => {
                        debug!(self.log, "the lock cannot be had yet: its delay runs, or somebody was quicker");
                        try_at = Some(again());
                    }
                    Err(error) => {
                        self.unreachable(&error);
                        try_at = Some(again());
                    }
                },
            }
        }
    }

    async fn acquire(&self) -> Result<Option<HeldLock>, String> {
        let value = self.holder.value(Timestamp::now());
        let session = self.session();
        let locks = self.consul.locks();
        let acquired = locks.acquire(&self.config.key, value, &session, self.config.margin).await;
        acquired.map_err(|error| error_chain(&error))
    }

    fn unreachable(&self, error: &str) {
        if self.standing.borrow().fault.as_deref() != Some(error) {
            warn!(self.log, "the election goes on without news: {error}"; keys::STATE => "candidate");
        }
        self.failed(error.to_owned());
    }
}

fn holder(entry: &KvEntry) -> Option<Holder> {
    Holder::parse(&entry.value)
}

fn again() -> Instant {
    Instant::now() + RETRY.mul_f64(0.5 + fastrand::f64())
}
