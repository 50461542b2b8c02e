//! Consul: a client with one file for each part of its API, and the watch.

pub mod acl;
mod agent_service;
mod catalog;
mod check;
mod config_entry;
mod duration;
mod entry;
mod health;
mod indexed;
pub mod kv;
mod lock;
mod query;
mod session;
mod snapshot;
pub mod txn;
pub mod watch;

use std::time::Duration;

use futures_util::Stream;

pub use acl::{Acl, AclAdmin, ConsulLogin, IssuedToken, Link, OwnToken};
pub use agent_service::{AgentService, AgentServices, ServiceRegistration};
pub use catalog::Catalog;
pub use check::Check;
pub use config_entry::{ConfigEntries, ConfigEntry};
pub use entry::KvEntry;
pub use health::{CheckStatus, Health, ServiceInstance};
pub use indexed::{Consistency, Indexed};
pub use kv::Kv;
pub use lock::{HeldLock, Lease, Locks, Renewal};
pub use query::{NamedQuery, PreparedQueries, PreparedQuery, QueriedService, QueryFailover, QueryResult};
pub use session::{Session, SessionBehavior, SessionConfig, Sessions};
pub use snapshot::Snapshots;
pub use txn::{Conflict, TxnOperation, TxnOutcome};
pub use watch::{WatchConfig, WatchCounters, WatchCounts, WatchEvent, Watched};

use crate::transport::{
    Address, Dialect, HashistackError, Retries, TlsConfig, TokenSource, Transport, TransportConfig,
};

/// How to reach Consul, and as whom.
#[derive(Debug, Clone)]
pub struct ConsulConfig {
    /// Where the agent or server listens.
    pub address: Address,
    /// Where tokens come from.
    pub token: TokenSource,
    /// The namespace, in the enterprise edition; the default one where absent.
    pub namespace: Option<String>,
    /// The admin partition, in the enterprise edition; that of the agent where absent.
    pub partition: Option<String>,
    /// The datacenter; that of the agent where absent.
    pub datacenter: Option<String>,
    /// Certificates, for an `https://` address.
    pub tls: TlsConfig,
    /// How long a call may take; watches have a limit of their own. Five seconds more than an election mostly takes.
    pub call_timeout: Duration,
}

impl ConsulConfig {
    /// The agent at this address, without a token.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            token: TokenSource::None,
            namespace: None,
            partition: None,
            datacenter: None,
            tls: TlsConfig::default(),
            call_timeout: Duration::from_secs(10),
        }
    }

    fn transport(self) -> Result<Transport, HashistackError> {
        let scope = [("ns", self.namespace), ("partition", self.partition), ("dc", self.datacenter)];
        let mut transport = TransportConfig::new(self.address, &Dialect::CONSUL);
        transport.tls = self.tls;
        transport.token = self.token;
        transport.call_timeout = self.call_timeout;
        transport.query = scope.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Transport::new(transport)
    }
}

/// A client of Consul. Clones share connections and the token.
#[derive(Debug, Clone)]
pub struct ConsulClient {
    transport: Transport,
}

impl ConsulClient {
    /// Prepares a client; nothing is sent yet, and no token is read.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn new(config: ConsulConfig) -> Result<Self, HashistackError> {
        Ok(Self { transport: config.transport()? })
    }

    /// The same client, which sends calls that may be repeated again when their failure may pass. Watches have rules of
    /// their own and do not change.
    pub fn retrying(&self, retries: Retries) -> Self {
        Self { transport: self.transport.retrying(retries) }
    }

    /// The transport, for calls that have no method here.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The key-value store.
    pub fn kv(&self) -> Kv<'_> {
        Kv::new(&self.transport)
    }

    /// Carries out all operations, or none of them.
    ///
    /// # Errors
    /// As [`txn::run`].
    pub async fn txn(&self, operations: Vec<TxnOperation>) -> Result<TxnOutcome, HashistackError> {
        txn::run(&self.transport, &operations).await
    }

    /// Access control.
    pub fn acl(&self) -> Acl<'_> {
        Acl::new(&self.transport)
    }

    /// The services of the local agent.
    pub fn agent_service(&self) -> AgentServices<'_> {
        AgentServices::new(&self.transport)
    }

    /// The catalog: who is registered, healthy or not.
    pub fn catalog(&self) -> Catalog<'_> {
        Catalog::new(&self.transport)
    }

    /// Sessions.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions::new(&self.transport)
    }

    /// Locks on keys.
    pub fn locks(&self) -> Locks<'_> {
        Locks::new(self)
    }

    /// Configuration entries of the mesh.
    pub fn config_entries(&self) -> ConfigEntries<'_> {
        ConfigEntries::new(&self.transport)
    }

    /// Prepared queries.
    pub fn queries(&self) -> PreparedQueries<'_> {
        PreparedQueries::new(&self.transport)
    }

    /// Snapshots of the whole state.
    pub fn snapshots(&self) -> Snapshots<'_> {
        Snapshots::new(&self.transport)
    }

    /// The health of services.
    pub fn health(&self) -> Health<'_> {
        Health::new(&self.transport)
    }

    /// Follows a key or a prefix, for as long as the stream is polled. It has no end, and survives Consul.
    pub fn watch(&self, config: WatchConfig) -> impl Stream<Item = WatchEvent> + Send + use<> {
        watch::follow(self.transport.without_retries(), config)
    }
}
