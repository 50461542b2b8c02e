//! The clients of Consul and Nomad, made of what the configuration says of them.

use std::sync::Arc;
use std::time::Duration;

use nova_config::RemoteTlsConfig;
use nova_hashistack::consul::ConsulLogin;
use nova_hashistack::transport::{AddressError, TokenSource};
use nova_hashistack::{
    Address, ConsulClient, ConsulConfig as ConsulSettings, HashistackError, NomadClient,
    NomadConfig as NomadSettings, Retries, TlsConfig,
};
use nova_telemetry::error_chain;
use slog::{Logger, warn};

use crate::api::server::{SocketError, TlsFault};
use crate::config::{AgentConfig, ConsulConfig, ConsulToken, NomadConfig, NomadToken};

/// How long the logout may take.
const LOGOUT: Duration = Duration::from_secs(1);

/// Why the daemon cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An address is none that calls can be sent to.
    #[error("the address of the {block} block cannot be used")]
    Address {
        /// The block.
        block: &'static str,
        /// Why not.
        #[source]
        source: AddressError,
    },
    /// A certificate, a key or another setting cannot be used.
    #[error("the settings of the {block} block cannot be used")]
    Client {
        /// The block.
        block: &'static str,
        /// Why not.
        #[source]
        source: Box<HashistackError>,
    },
    /// A socket cannot be made.
    #[error(transparent)]
    Socket(SocketError),
    /// The certificate of the API cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsFault),
}

/// The clients. Clones share connections and tokens.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Consul, whose calls that may be repeated are sent again when their failure may pass.
    pub consul: ConsulClient,
    /// The login that its token comes from.
    pub login: Option<Arc<ConsulLogin>>,
    /// Nomad, where there is a block. Each call names its namespace where it is not `default`.
    pub nomad: Option<NomadClient>,
}

/// Prepares the clients; nothing is sent, and tokens are read with the first call.
///
/// # Errors
/// When an address or a certificate cannot be used.
pub fn connect(config: &AgentConfig) -> Result<Clients, BuildError> {
    let (consul, login) = consul(&config.consul)?;
    let nomad = config.nomad.as_ref().map(nomad).transpose()?;
    Ok(Clients { consul: consul.retrying(Retries::default()), login, nomad })
}

fn consul(config: &ConsulConfig) -> Result<(ConsulClient, Option<Arc<ConsulLogin>>), BuildError> {
    let block = "consul";
    let client = |source| BuildError::Client { block, source: Box::new(source) };
    let mut settings = ConsulSettings::new(address(&config.address.to_string(), block)?);
    settings.namespace.clone_from(&config.namespace);
    settings.partition.clone_from(&config.partition);
    settings.datacenter.clone_from(&config.datacenter);
    settings.tls = tls(&config.tls);
    let mut login = None;
    settings.token = match &config.token {
        ConsulToken::None => TokenSource::None,
        ConsulToken::Fixed(token) => TokenSource::Fixed(token.clone()),
        ConsulToken::File(path) => TokenSource::file(path),
        ConsulToken::Login { auth_method, jwt_file } => {
            let prepared = Arc::new(ConsulLogin::new(&settings, auth_method, jwt_file).map_err(client)?);
            TokenSource::Login(Arc::<ConsulLogin>::clone(login.insert(prepared)))
        }
    };
    Ok((ConsulClient::new(settings).map_err(client)?, login))
}

fn nomad(config: &NomadConfig) -> Result<NomadClient, BuildError> {
    let block = "nomad";
    let mut settings = NomadSettings::new(address(&config.address.to_string(), block)?);
    settings.region.clone_from(&config.region);
    settings.tls = tls(&config.tls);
    settings.token = match &config.token {
        NomadToken::None => TokenSource::None,
        NomadToken::Fixed(token) => TokenSource::Fixed(token.clone()),
        NomadToken::File(path) => TokenSource::file(path),
    };
    NomadClient::new(settings).map_err(|source| BuildError::Client { block, source: Box::new(source) })
}

fn address(text: &str, block: &'static str) -> Result<Address, BuildError> {
    text.parse().map_err(|source| BuildError::Address { block, source })
}

/// Certificates as clients take them.
pub(crate) fn tls(tls: &RemoteTlsConfig) -> TlsConfig {
    TlsConfig {
        ca_file: tls.ca_file.clone(),
        cert_file: tls.cert_file.clone(),
        key_file: tls.key_file.clone(),
        server_name: tls.server_name.clone(),
        ..TlsConfig::default()
    }
}

/// Deletes the token of the login: one without an end would stay in Consul for ever.
pub(super) async fn log_out(login: Option<Arc<ConsulLogin>>, log: &Logger) {
    let Some(login) = login else { return };
    let why = match tokio::time::timeout(LOGOUT, login.logout()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error_chain(&error),
        Err(_elapsed) => "Consul gave no answer in time".to_owned(),
    };
    warn!(log, "the token of the login is left in Consul: {why}");
}
