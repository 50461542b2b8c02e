//! Nomad: a client with one file for each part of its API, and what its refusals mean.
//!
//! A task of Nomad's reaches the API by the Unix socket in its secrets folder, with its workload identity for a token (Nomad's
//! documentation, "Task API"); everybody else by an address and a token.

mod acl;
mod allocation;
mod deployment;
mod evaluation;
mod event;
mod job;
mod namespace;
mod node;
mod refusal;
mod snapshot;
mod token;
mod variable;

use std::time::Duration;

use secrecy::SecretString;

pub use acl::{AclPolicy, JobAcl, NomadAcl};
pub use allocation::{Allocation, AllocationHealth, Allocations, TaskEvent, TaskState};
pub use deployment::{Deployment, DeploymentGroup, DeploymentStatus, DeploymentUpdate, Deployments, Groups};
pub use evaluation::{Evaluation, Evaluations, PlacementFailure};
pub use event::{Event, EventStream, Events, Topic};
pub use job::{GroupChanges, Job, JobHead, JobPlan, Jobs, Registered, Registration, Submission};
pub use namespace::{Namespace, Namespaces};
pub use node::Node;
pub use refusal::NomadFault;
pub use snapshot::NomadSnapshots;
pub use token::NomadToken;
pub use variable::{MAX_VARIABLE, Variable, VariableWrite, Variables};

use crate::transport::{
    Address, Call, Dialect, HashistackError, Retries, TlsConfig, TokenSource, Transport, TransportConfig,
};

/// The longest wait of a blocking query that servers grant, whatever their documentation says
/// (`MaxBlockingRPCQueryTime` in `nomad/structs/structs.go`).
const MAX_WAIT: Duration = Duration::from_secs(300);
/// What a server may add to a wait, as a part of it, so that not all watchers wake at once.
const JITTER: u32 = 16;
/// How long an answer may take once the wait is over.
const AFTER_WAIT: Duration = Duration::from_secs(10);

/// How to reach Nomad, and as whom.
#[derive(Debug, Clone)]
pub struct NomadConfig {
    /// Where a server or a client listens, or the socket of the task API.
    pub address: Address,
    /// Where tokens come from.
    pub token: TokenSource,
    /// The namespace; `default` where absent.
    pub namespace: Option<String>,
    /// The region; that of the agent where absent.
    pub region: Option<String>,
    /// Certificates, for an `https://` address.
    pub tls: TlsConfig,
    /// How long a call may take; blocking queries take longer.
    pub call_timeout: Duration,
}

impl NomadConfig {
    /// The agent at this address, without a token, in the namespace `default`.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            token: TokenSource::None,
            namespace: None,
            region: None,
            tls: TlsConfig::default(),
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// A client of Nomad. Clones share connections and the token.
#[derive(Debug, Clone)]
pub struct NomadClient {
    transport: Transport,
}

impl NomadClient {
    /// Prepares a client; nothing is sent yet, and no token is read.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn new(config: NomadConfig) -> Result<Self, HashistackError> {
        let scope = [("namespace", config.namespace), ("region", config.region)];
        let mut transport = TransportConfig::new(config.address, &Dialect::NOMAD);
        transport.tls = config.tls;
        transport.token = config.token;
        transport.call_timeout = config.call_timeout;
        transport.query = scope.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Ok(Self { transport: Transport::new(transport)? })
    }

    /// The same client, which sends calls that may be repeated again when their failure may pass.
    pub fn retrying(&self, retries: Retries) -> Self {
        Self { transport: self.transport.retrying(retries) }
    }

    /// The same client in another namespace; `*` is all that the token may read, for lists.
    pub fn in_namespace(&self, namespace: impl Into<String>) -> Self {
        Self { transport: self.transport.with_query("namespace", namespace.into()) }
    }

    /// The transport, for calls that have no method here.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What the token of this client is.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: [`NomadFault::PermissionDenied`] for one that the servers do not know.
    pub async fn token_self(&self) -> Result<NomadToken, HashistackError> {
        token::own(&self.transport).await
    }

    /// What somebody else's token is: the question is sent with it, and not with the token of this client.
    ///
    /// # Errors
    /// As [`Self::token_self`].
    pub async fn token_of(&self, token: &SecretString) -> Result<NomadToken, HashistackError> {
        token::of(&self.transport, token).await
    }

    /// The nodes, in the order of their ids.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn nodes(&self) -> Result<Vec<Node>, HashistackError> {
        node::list(&self.transport).await
    }

    /// Makes the first token of new servers, of this secret, a UUID.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where there is one already, or ACLs are off.
    pub async fn bootstrap(&self, secret: &SecretString) -> Result<(), HashistackError> {
        token::bootstrap(&self.transport, secret).await
    }

    /// Access control, as a set-up writes it.
    pub fn acl(&self) -> NomadAcl<'_> {
        NomadAcl::new(&self.transport)
    }

    /// Namespaces.
    pub fn namespaces(&self) -> Namespaces<'_> {
        Namespaces::new(&self.transport)
    }

    /// Jobs and their versions.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs::new(&self.transport)
    }

    /// Evaluations: what a change of a job has led to.
    pub fn evaluations(&self) -> Evaluations<'_> {
        Evaluations::new(&self.transport)
    }

    /// Deployments, with what decides them.
    pub fn deployments(&self) -> Deployments<'_> {
        Deployments::new(&self.transport)
    }

    /// Snapshots of the whole state.
    pub fn snapshots(&self) -> NomadSnapshots<'_> {
        NomadSnapshots::new(&self.transport)
    }

    /// Variables: small secrets in Nomad's own store.
    pub fn variables(&self) -> Variables<'_> {
        Variables::new(&self.transport)
    }

    /// Opens a stream of events about these topics, each of one id or, without it, of all; `index` is the last one that was seen, and 0
    /// begins with what the server remembers. Events may be missing: they are a reason to look, and not what is true.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn events(
        &self,
        topics: &[(Topic, Option<&str>)],
        index: u64,
    ) -> Result<EventStream, HashistackError> {
        event::open(&self.transport, topics, index).await
    }

    /// Allocations: the instances of a job.
    pub fn allocations(&self) -> Allocations<'_> {
        Allocations::new(&self.transport)
    }
}

/// A point from which a blocking query waits for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The index of the last answer. Zero would not wait at all, and a loop around it would never rest: it counts as one.
    pub index: u64,
    /// How long to wait, five minutes at most.
    pub wait: Duration,
}

impl After {
    fn of(self, call: Call) -> Call {
        let wait = self.wait.min(MAX_WAIT);
        call.query("index", self.index.max(1).to_string())
            .query("wait", format!("{}ms", wait.as_millis()))
            .timeout(wait + wait / JITTER + AFTER_WAIT)
    }
}

/// A value, and the index to wait after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtIndex<T> {
    /// The content.
    pub value: T,
    /// The `X-Nomad-Index` of the answer. One that is lower than before, as after a restored snapshot, is a new beginning.
    pub index: u64,
}
