//! The documents of the configuration that are in Consul: what a start finds of them, and what comes later.
//!
//! Owns the way from Consul's key-value store to documents that can be judged. What is put into force is the reloader's; nothing here
//! holds up a request, and nothing here can take a configuration away.

mod client;
mod follow;
mod last_known_good;
mod view;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use nova_config::{BootstrapConfig, ConsulConfig, Documents};
use nova_hashistack::consul::{ConsulLogin, WatchConfig, WatchCounters, WatchEvent, Watched};
use nova_hashistack::{ClientIdentity, ConsulClient};
use nova_telemetry::keys;
use slog::{Logger, info, o, warn};

use crate::receipt::{ConsulStanding, RegistrationState};

pub use client::ConsulSetupError;
use client::PreparedClient;
pub use last_known_good::{LastKnownGood, LastKnownGoodError};

pub(crate) use follow::{Following, follow};
pub(crate) use view::View;

/// How long a start waits for Consul. One that runs answers in milliseconds.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// What a start found of documents, and where the later ones come from.
pub struct FirstDocuments {
    /// What Consul holds, if it answered in time and with documents.
    pub from_consul: Option<Documents>,
    /// What an earlier process kept.
    pub kept: Option<Documents>,
    /// Where documents are kept.
    pub last_known_good: Option<LastKnownGood>,
    /// Consul, if the configuration names it.
    pub(crate) consul: Option<Consul>,
}

/// Consul as a start has reached it, or tried to.
pub(crate) struct Consul {
    pub(crate) client: ConsulClient,
    /// Where the client's token comes from, if it is a login.
    pub(crate) login: Option<Arc<ConsulLogin>>,
    pub(crate) config: ConsulConfig,
    pub(crate) following: Following,
    /// What happened to the watch.
    pub(crate) counters: WatchCounters,
}

impl FirstDocuments {
    /// There is no Consul.
    #[must_use]
    pub fn none() -> Self {
        Self { from_consul: None, kept: None, last_known_good: None, consul: None }
    }

    /// Asks Consul, if there is a `consul` block, for two seconds at most, and reads what was kept. `identity` is the client
    /// certificate that Consul is shown, where it is in memory.
    ///
    /// # Errors
    /// When the settings of the `consul` block cannot be used: certificates or an address. Consul itself may be gone.
    pub async fn find(
        bootstrap: &BootstrapConfig,
        identity: Option<ClientIdentity>,
        log: &Logger,
    ) -> Result<Self, ConsulSetupError> {
        let Some(config) = bootstrap.consul.clone() else { return Ok(Self::none()) };
        let log = log.new(o!(keys::COMPONENT => "documents"));
        let PreparedClient { client, login } = client::client(&config, identity)?;
        let counters = WatchCounters::default();
        let events = events(&client, &config, counters.clone());
        let mut following = Following::new(events, View::new(&config.kv_prefix, config.max_stale));
        let from_consul = tokio::time::timeout(FIRST_ANSWER, following.first()).await.ok().flatten();
        let last_known_good = bootstrap.data_dir.clone().map(LastKnownGood::new);
        if last_known_good.is_none() {
            info!(log, "there is no data_dir: a start while Consul is gone has the files alone");
        }
        let kept = match last_known_good.clone() {
            Some(file) => read_kept(file, config.kv_prefix.clone(), &log).await,
            None => None,
        };
        Ok(Self {
            from_consul,
            kept,
            last_known_good,
            consul: Some(Consul { client, login, config, following, counters }),
        })
    }

    /// How the instance stands with Consul at its start.
    pub(crate) fn standing(&self, now: Timestamp) -> ConsulStanding {
        let mut standing = ConsulStanding::off(now);
        if let Some(consul) = &self.consul {
            consul.following.tell(&mut standing, now);
            if consul.config.service.register {
                standing.registration = RegistrationState::Pending;
            }
        }
        standing
    }
}

/// The one watch: recursive, so that `config` and `config.d/` come in one answer and a change of several is seen whole.
fn events(
    client: &ConsulClient,
    config: &ConsulConfig,
    counters: WatchCounters,
) -> BoxStream<'static, WatchEvent> {
    let what = Watched::Prefix(format!("{}/config", config.kv_prefix));
    client.watch(WatchConfig { counters, ..WatchConfig::new(what) }).boxed()
}

async fn read_kept(file: LastKnownGood, prefix: String, log: &Logger) -> Option<Documents> {
    let path = file.path();
    // A file system that hangs must not hold a worker.
    match tokio::task::spawn_blocking(move || file.read(&prefix)).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            warn!(log, "the last known good documents are not used"; keys::ERROR => nova_telemetry::error_chain(&error));
            None
        }
        Err(panic) => {
            warn!(log, "the last known good documents could not be read"; keys::ERROR => %panic, "file" => %path.display());
            None
        }
    }
}
