//! Consul's client, made of what the configuration says of it.

use std::sync::Arc;

use nova_config::{ConsulConfig, ConsulToken, RemoteTlsConfig};
use nova_hashistack::consul::ConsulLogin;
use nova_hashistack::transport::{AddressError, TokenSource};
use nova_hashistack::{
    Address, ClientIdentity, ConsulClient, ConsulConfig as ClientConfig, HashistackError, TlsConfig,
};

/// Why the settings of the `consul` block cannot be used. Whether Consul answers is no part of it.
#[derive(Debug, thiserror::Error)]
pub enum ConsulSetupError {
    /// The address is none that calls can be sent to.
    #[error("the address of the consul block cannot be used")]
    Address(#[source] AddressError),
    /// A certificate, a key or another setting cannot be used.
    #[error("the settings of the consul block cannot be used")]
    Client(#[source] HashistackError),
}

/// A client, and the login that its token comes from, if it comes from one.
pub(super) struct PreparedClient {
    pub(super) client: ConsulClient,
    pub(super) login: Option<Arc<ConsulLogin>>,
}

/// Prepares the client; nothing is sent, and a token or a JWT is read with the first call. `identity` is the client certificate where it is
/// in memory.
pub(super) fn client(
    config: &ConsulConfig,
    identity: Option<ClientIdentity>,
) -> Result<PreparedClient, ConsulSetupError> {
    let address: Address = config.address.to_string().parse().map_err(ConsulSetupError::Address)?;
    let mut settings = ClientConfig::new(address);
    settings.namespace.clone_from(&config.namespace);
    settings.partition.clone_from(&config.partition);
    settings.datacenter.clone_from(&config.datacenter);
    settings.tls = tls(&config.tls, identity);
    let mut login = None;
    settings.token = match &config.token {
        ConsulToken::None => TokenSource::None,
        ConsulToken::Fixed(token) => TokenSource::Fixed(token.clone()),
        ConsulToken::File(path) => TokenSource::file(path),
        ConsulToken::Login(with) => {
            let prepared = ConsulLogin::new(&settings, &with.auth_method, &with.jwt_file);
            let prepared = Arc::new(prepared.map_err(ConsulSetupError::Client)?);
            TokenSource::Login(Arc::<ConsulLogin>::clone(login.insert(prepared)))
        }
    };
    Ok(PreparedClient { client: ConsulClient::new(settings).map_err(ConsulSetupError::Client)?, login })
}

fn tls(tls: &RemoteTlsConfig, identity: Option<ClientIdentity>) -> TlsConfig {
    TlsConfig {
        ca_file: tls.ca_file.clone(),
        cert_file: tls.cert_file.clone(),
        key_file: tls.key_file.clone(),
        server_name: tls.server_name.clone(),
        identity,
    }
}
