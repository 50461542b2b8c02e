//! Vault: a client with one file for each part of its API, and the logins that give it a token.
//!
//! OpenBao speaks the same API: what differs is which engines are mounted, and that is asked, not derived from a version.

mod admin;
pub mod aws;
mod envelope;
mod health;
pub mod kv;
mod lease;
mod login;
mod mount;
pub mod pki;
mod refusal;
mod seal;
mod snapshot;
mod token;
pub mod transit;
mod wrapping;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

pub use admin::{Mounted, NewMount, VaultAdmin};
pub use aws::{AwsCredentials, AwsEngine, AwsRoot};
pub use health::{VaultHealth, VaultState};
pub use kv::{KvEngine, KvVersion};
pub use lease::{Lease, Leases};
pub use login::{AppRole, LoginMethod, SecretId, VaultLogin};
pub use mount::Mount;
pub use pki::{PkiEngine, SignedCertificate, SigningRequest};
pub(crate) use refusal::words;
pub use seal::VaultKeys;
pub use snapshot::VaultSnapshots;
pub use token::{Tokens, VaultToken};
pub use transit::{DataKey, TransitEngine, TransitSignature};

use crate::transport::{
    Address, Call, Dialect, HashistackError, Retries, TlsConfig, TokenSource, Transport, TransportConfig,
};

/// Agents and proxies of Vault may ask for this header, which no browser can be made to send (`require_request_header`).
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
/// The namespace, in the enterprise edition and in OpenBao.
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");

/// How to reach Vault, and as whom.
#[derive(Debug, Clone)]
pub struct VaultConfig {
    /// Where a server, an agent or a proxy of Vault listens.
    pub address: Address,
    /// Where tokens come from.
    pub token: TokenSource,
    /// The namespace; the root one where absent.
    pub namespace: Option<String>,
    /// Certificates, for an `https://` address.
    pub tls: TlsConfig,
    /// How long a call may take: Vault asks AWS while we wait for credentials of it.
    pub call_timeout: Duration,
}

impl VaultConfig {
    /// The server at this address, without a token.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            token: TokenSource::None,
            namespace: None,
            tls: TlsConfig::default(),
            call_timeout: Duration::from_secs(15),
        }
    }

    fn transport(self) -> Result<Transport, HashistackError> {
        let mut headers = HeaderMap::from_iter([(REQUEST, HeaderValue::from_static("true"))]);
        if let Some(namespace) = self.namespace {
            let value = HeaderValue::from_str(&namespace).map_err(|_invalid| HashistackError::Invalid {
                what: format!(
                    "the vault namespace {namespace:?} cannot be sent in a header; correct its name"
                ),
            })?;
            headers.insert(NAMESPACE, value);
        }
        let mut transport = TransportConfig::new(self.address, &Dialect::VAULT);
        transport.tls = self.tls;
        transport.token = self.token;
        transport.headers = headers;
        transport.call_timeout = self.call_timeout;
        Transport::new(transport)
    }
}

/// A client of Vault. Clones share connections and the token.
#[derive(Debug, Clone)]
pub struct VaultClient {
    transport: Transport,
}

impl VaultClient {
    /// Prepares a client; nothing is sent yet, and no token is read.
    ///
    /// # Errors
    /// When a certificate cannot be used, or the namespace cannot be sent.
    pub fn new(config: VaultConfig) -> Result<Self, HashistackError> {
        Ok(Self { transport: config.transport()? })
    }

    /// The same client, which sends calls that may be repeated again when their failure may pass.
    pub fn retrying(&self, retries: Retries) -> Self {
        Self { transport: self.transport.retrying(retries) }
    }

    /// The transport, for calls that have no method here.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Sets up a new server, with one key that opens it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where it was set up before.
    pub async fn initialize(&self) -> Result<VaultKeys, HashistackError> {
        seal::initialize(&self.transport).await
    }

    /// Opens a server that has one key. It answers calls a moment later, which [`Self::health`] tells.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where the key is another one's.
    pub async fn unseal(&self, key: &SecretString) -> Result<(), HashistackError> {
        seal::unseal(&self.transport, key).await
    }

    /// The key-value engine, version 2, that is mounted here.
    pub fn kv<'c>(&'c self, mount: &'c str) -> KvEngine<'c> {
        KvEngine::new(&self.transport, mount)
    }

    /// The AWS engine that is mounted here.
    pub fn aws<'c>(&'c self, mount: &'c str) -> AwsEngine<'c> {
        AwsEngine::new(&self.transport, mount)
    }

    /// The PKI engine that is mounted here.
    pub fn pki<'c>(&'c self, mount: &'c str) -> PkiEngine<'c> {
        PkiEngine::new(&self.transport, mount)
    }

    /// What a set-up reads and writes.
    pub fn admin(&self) -> VaultAdmin<'_> {
        VaultAdmin::new(&self.transport)
    }

    /// The Transit engine that is mounted here.
    pub fn transit<'c>(&'c self, mount: &'c str) -> TransitEngine<'c> {
        TransitEngine::new(&self.transport, mount)
    }

    /// Leases of what this client was given.
    pub fn leases(&self) -> Leases<'_> {
        Leases::new(&self.transport)
    }

    /// Snapshots of Vault's own storage, where that is Raft.
    pub fn snapshots(&self) -> VaultSnapshots<'_> {
        VaultSnapshots::new(&self.transport)
    }

    /// The token of this client.
    pub fn token(&self) -> Tokens<'_> {
        Tokens::new(&self.transport)
    }

    /// What state the server is in. It is told without a token, by a sealed server too.
    ///
    /// # Errors
    /// When there is no answer, or none of Vault's.
    pub async fn health(&self) -> Result<VaultHealth, HashistackError> {
        health::ask(&self.transport).await
    }

    /// What is mounted at this path, for whoever has to know whether an engine is there and which version it has.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 where nothing is mounted there that the token may use.
    pub async fn mount(&self, path: &str) -> Result<Mount, HashistackError> {
        mount::read(&self.transport, path).await
    }
}

/// A call below a mount, whose path may have several segments.
fn below(call: fn(&'static str) -> Call, mount: &str, rest: &str) -> Result<Call, HashistackError> {
    call("/v1").path(mount.trim_matches('/'))?.path(rest)
}
