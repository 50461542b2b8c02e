//! Holding the lock: it is renewed, it may be lost, and at the end it is handed over.
//!
//! A renewal that fails is tried again until the session is known to be gone. What others may do meanwhile is bounded by the lease: at
//! its end nothing more is begun here, whether Consul is heard of or not.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use nova_hashistack::consul::{Consistency, HeldLock, KvEntry, Lease, Renewal, WatchEvent};
use nova_telemetry::{error_chain, keys};
use serde_json::json;
use slog::{error, info, warn};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::leadership::Throne;
use super::{Election, Holder};
use crate::metrics as names;

/// The pause after a renewal that failed.
const RETRY: Duration = Duration::from_millis(500);

/// How long the hand-over may take: after it the session ends by itself, and others wait for it.
const HAND_OVER: Duration = Duration::from_secs(5);

/// How a reign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The session or its lock is gone.
    Lost,
    /// It was given back because this instance stops.
    HandedOver,
}

impl Election {
    /// Holds the lock for as long as it can be held.
    pub(super) async fn reign(&self, mut lock: HeldLock, hand_over: &CancellationToken) -> End {
        let throne = Throne::of(&lock);
        self.enthroned(&throne);
        let mut watch = pin!(self.consul.watch(self.watch()));
        let mut renew_at = lock.lease().renews_at();
        loop {
            let Some(at) = renew_at else { return self.lost(&lock, &throne, "its session is gone").await };
            // Nothing where acting has ended already: the renewal that brings it back is on its way.
            let acts_until = lock.lease().acts_until().filter(|_| self.leadership.borrow().is_some());
            let stop_acting = async {
                match acts_until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let in_doubt = tokio::select! {
                biased;
                () = hand_over.cancelled() => {
                    self.hand_over(lock, &throne).await;
                    return End::HandedOver;
                }
                () = stop_acting => {
                    self.stop_acting();
                    false
                }
                () = sleep_until(at) => {
                    renew_at = self.renew(&mut lock, &throne).await;
                    false
                }
                () = throne.doubt.notified() => true,
                event = watch.next() => match event {
                    Some(WatchEvent::Changed(found)) => !found.value.iter().any(|entry| is_ours(entry, &lock)),
                    Some(WatchEvent::Unchanged(_) | WatchEvent::Failed { .. }) | None => false,
                },
            };
            if in_doubt && !self.is_held(&lock).await {
                return self.lost(&lock, &throne, "the key is no longer locked by this instance").await;
            }
        }
    }

    fn enthroned(&self, throne: &Throne) {
        let epoch = throne.leadership.epoch();
        info!(self.log, "this instance leads"; keys::STATE => "leader", "epoch" => epoch);
        self.events.record(
            "leadership",
            json!({ "state": "gained", "epoch": epoch, "instance": self.holder.instance }),
        );
        metrics::counter!(names::LEADERSHIP_CHANGES_TOTAL, "to" => "leader").increment(1);
        metrics::gauge!(names::LEADER).set(1.0);
        self.heard(|standing| {
            standing.holder = Some(Holder { since: Timestamp::now(), ..self.holder.clone() });
        });
        self.leadership.send_replace(Some(throne.leadership.clone()));
    }

    /// Renews once, and returns when to do so again; nothing when the session is gone.
    async fn renew(&self, lock: &mut HeldLock, throne: &Throne) -> Option<Instant> {
        // As many tries as there is time for before acting ends, and none that takes all of it.
        let patience = self.config.ttl / 6;
        let fault = match timeout(patience, self.consul.locks().renew(lock)).await {
            Ok(Ok(Renewal::Held)) => {
                throne.lease.send_replace(lock.lease());
                self.heard(|_| ());
                if self.leadership.borrow().is_none() {
                    info!(self.log, "the lock was renewed: this instance acts again"; keys::STATE => "leader");
                    metrics::gauge!(names::LEADER).set(1.0);
                    self.leadership.send_replace(Some(throne.leadership.clone()));
                }
                return lock.lease().renews_at();
            }
            Ok(Ok(Renewal::Lost)) => return None,
            Ok(Err(error)) => error_chain(&error),
            Err(_elapsed) => format!("Consul gave no answer within {} ms", patience.as_millis()),
        };
        warn!(self.log, "the lock could not be renewed: {fault}"; keys::STATE => "leader");
        self.failed(fault);
        Some(Instant::now() + RETRY)
    }

    fn stop_acting(&self) {
        error!(self.log, "acting stops: the lock could not be renewed in time, and others may hold it soon";
            keys::STATE => "deposed");
        self.events.record("leadership", json!({ "state": "suspended", "instance": self.holder.instance }));
        metrics::gauge!(names::LEADER).set(0.0);
        self.leadership.send_replace(None);
    }

    /// Asks the servers' leader, in a round of all of them. No answer leaves it as it was: the lease decides then.
    async fn is_held(&self, lock: &HeldLock) -> bool {
        let read = self.consul.kv().get(&self.config.key, Consistency::Consistent).await;
        read.map_or(true, |found| found.value.is_some_and(|entry| is_ours(&entry, lock)))
    }

    async fn lost(&self, lock: &HeldLock, throne: &Throne, why: &str) -> End {
        self.dethroned(lock, throne, "lost");
        warn!(self.log, "leadership is lost: {why}"; keys::STATE => "candidate");
        // It may live on where the key alone was taken away. Where it does not end now, it ends by itself.
        drop(timeout(HAND_OVER, self.consul.sessions().destroy(lock.session())).await);
        End::Lost
    }

    async fn hand_over(&self, lock: HeldLock, throne: &Throne) {
        self.dethroned(&lock, throne, "handed_over");
        match timeout(HAND_OVER, self.consul.locks().release(lock, Bytes::new())).await {
            Ok(Ok(())) => info!(self.log, "leadership was handed over"; keys::STATE => "stopped"),
            Ok(Err(error)) => {
                warn!(
                    self.log,
                    "leadership ends with its session, for which others wait: {}",
                    error_chain(&error)
                );
            }
            Err(_elapsed) => {
                warn!(self.log, "leadership ends with its session: Consul gave no answer in time")
            }
        }
    }

    fn dethroned(&self, lock: &HeldLock, throne: &Throne, how: &'static str) {
        // First of all, for whoever is about to act.
        throne.lease.send_modify(Lease::ended);
        self.leadership.send_replace(None);
        self.heard(|standing| standing.holder = None);
        let (epoch, instance) = (lock.epoch(), &self.holder.instance);
        self.events.record("leadership", json!({ "state": how, "epoch": epoch, "instance": instance }));
        metrics::counter!(names::LEADERSHIP_CHANGES_TOTAL, "to" => how).increment(1);
        metrics::gauge!(names::LEADER).set(0.0);
    }
}

fn is_ours(entry: &KvEntry, lock: &HeldLock) -> bool {
    entry.session.as_deref() == Some(lock.session())
}
