//! Who leads: one of any number of instances, by the lock on a key of Consul's, and for how long it may act.
//!
//! Owns the campaign for the lock, its renewals and its hand-over. What a leader does is for the tasks; what it writes carries
//! [`Leadership::fence`], so that the write of one that was deposed without knowing is refused by Consul itself.

mod campaign;
mod holder;
mod leadership;
mod reign;
#[cfg(test)]
mod tests;

use std::time::Duration;

use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{Consistency, SessionBehavior, SessionConfig, WatchConfig, Watched};
use slog::Logger;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::events::Events;

pub use holder::Holder;
pub use leadership::Leadership;
use reign::End;

/// How long a blocking query waits. Short, since an operator who has taken a session's key away by hand should not wait for minutes
/// behind a proxy that forgets connections.
const WATCH_WAIT: Duration = Duration::from_secs(60);

/// How the lock is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderConfig {
    /// The key.
    pub key: String,
    /// How long the session lives without a renewal.
    pub ttl: Duration,
    /// How long the key cannot be locked after a session has ended with it.
    pub lock_delay: Duration,
    /// What an action may take that has begun: a leader stops acting so long before its session can end.
    pub margin: Duration,
}

/// How the election stands, as this instance knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether Consul has answered since the start.
    pub is_known: bool,
    /// Who holds the lock, which may be this instance.
    pub holder: Option<Holder>,
    /// Why nothing newer is known, or why this instance cannot stand.
    pub fault: Option<String>,
}

/// One instance in the election.
pub struct Election {
    consul: ConsulClient,
    config: LeaderConfig,
    holder: Holder,
    leadership: watch::Sender<Option<Leadership>>,
    standing: watch::Sender<Standing>,
    events: Events,
    log: Logger,
}

impl Election {
    /// An instance that stands as `holder`. Nothing is sent yet.
    #[must_use]
    pub fn new(
        consul: ConsulClient,
        config: LeaderConfig,
        holder: Holder,
        events: Events,
        log: Logger,
    ) -> Self {
        Self {
            consul,
            config,
            holder,
            leadership: watch::Sender::new(None),
            standing: watch::Sender::default(),
            events,
            log,
        }
    }

    /// The leadership of this instance: nothing while it may not act.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Option<Leadership>> {
        self.leadership.subscribe()
    }

    /// How the election stands.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Stands for the lock, holds it, and stands again when it is lost; hands it over and returns when `hand_over` says so.
    pub async fn run(self, hand_over: CancellationToken) {
        while let Some(lock) = self.campaign(&hand_over).await {
            if self.reign(lock, &hand_over).await == End::HandedOver {
                break;
            }
        }
    }

    fn session(&self) -> SessionConfig {
        SessionConfig {
            name: format!("nova-agent {}", self.holder.instance),
            ttl: self.config.ttl,
            lock_delay: self.config.lock_delay,
            behavior: SessionBehavior::Release,
        }
    }

    /// The key as the servers' leader has it, and each change of it.
    fn watch(&self) -> WatchConfig {
        let mut watch = WatchConfig::new(Watched::Key(self.config.key.clone()));
        watch.consistency = Consistency::Default;
        watch.wait = WATCH_WAIT;
        watch
    }

    fn heard(&self, change: impl FnOnce(&mut Standing)) {
        self.standing.send_if_modified(|standing| {
            let before = standing.clone();
            standing.is_known = true;
            standing.fault = None;
            change(standing);
            before != *standing
        });
    }

    fn failed(&self, fault: String) {
        self.standing.send_if_modified(|standing| {
            let is_new = standing.fault.as_ref() != Some(&fault);
            standing.fault = Some(fault);
            is_new
        });
    }
}
