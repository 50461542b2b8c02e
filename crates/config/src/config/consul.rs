//! The validated types of `consul { … }`.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::{RemoteAddress, RemoteTlsConfig, VaultCertificateConfig};

/// Where Consul is, and what is taken from it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsulConfig {
    /// Where its agent listens.
    pub address: RemoteAddress,
    /// The prefix of this system's keys, without a slash at its ends.
    pub kv_prefix: String,
    /// Where the ACL token of calls comes from.
    pub token: ConsulToken,
    /// The datacenter that is asked; that of the agent without it.
    pub datacenter: Option<String>,
    /// The namespace, of the enterprise edition alone.
    pub namespace: Option<String>,
    /// The admin partition, of the enterprise edition alone.
    pub partition: Option<String>,
    /// The certificates of an https address.
    pub tls: RemoteTlsConfig,
    /// The client certificate, where Vault signs it; none is in files then.
    pub client_certificate: Option<VaultCertificateConfig>,
    /// How old the answer of a server without contact to its leader may be before it counts as stale.
    pub max_stale: Duration,
    /// How this instance stands in the catalog.
    pub service: ServiceConfig,
}

/// Where the ACL token of calls to Consul comes from.
#[derive(Clone, Debug)]
pub enum ConsulToken {
    /// Nowhere: calls are anonymous.
    None,
    /// `CONSUL_HTTP_TOKEN`. It is nowhere else in a configuration.
    Fixed(SecretString),
    /// A file, to be read again when it changes.
    File(PathBuf),
    /// A login.
    Login(ConsulLoginConfig),
}

impl PartialEq for ConsulToken {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Fixed(one), Self::Fixed(two)) => one.expose_secret() == two.expose_secret(),
            (Self::File(one), Self::File(two)) => one == two,
            (Self::Login(one), Self::Login(two)) => one == two,
            _ => false,
        }
    }
}

/// A login with a JWT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsulLoginConfig {
    /// The name of Consul's auth method.
    pub auth_method: String,
    /// The file with the JWT, to be read again at each login.
    pub jwt_file: PathBuf,
}

/// How an instance stands in Consul's catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Whether it registers itself with the local agent.
    pub register: bool,
    /// The name of the service.
    pub name: String,
    /// Its address without a port, where it is not that of the listener.
    pub address: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How often the agent asks whether it is ready.
    pub check_interval: Duration,
    /// How long it may be critical before the agent takes it out, a minute at least.
    pub deregister_critical_after: Duration,
}
