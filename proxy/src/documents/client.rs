//! Consul's client, made of what the configuration says of it.

use nova_config::{ConsulConfig, ConsulTlsConfig, ConsulToken};
use nova_hashistack::transport::{AddressError, TokenSource};
use nova_hashistack::{Address, ConsulClient, ConsulConfig as ClientConfig, HashistackError, TlsConfig};

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

/// Prepares the client; nothing is sent, and a token is read with the first call.
pub(super) fn client(config: &ConsulConfig) -> Result<ConsulClient, ConsulSetupError> {
    let address: Address = config.address.to_string().parse().map_err(ConsulSetupError::Address)?;
    let mut settings = ClientConfig::new(address);
    settings.token = token(&config.token);
    settings.namespace.clone_from(&config.namespace);
    settings.partition.clone_from(&config.partition);
    settings.datacenter.clone_from(&config.datacenter);
    settings.tls = tls(&config.tls);
    ConsulClient::new(settings).map_err(ConsulSetupError::Client)
}

fn token(token: &ConsulToken) -> TokenSource {
    match token {
        ConsulToken::None => TokenSource::None,
        ConsulToken::Fixed(token) => TokenSource::Fixed(token.clone()),
        ConsulToken::File(path) => TokenSource::file(path),
        ConsulToken::Login(_) => TokenSource::None, // TODO login
    }
}

fn tls(tls: &ConsulTlsConfig) -> TlsConfig {
    TlsConfig {
        ca_file: tls.ca_file.clone(),
        cert_file: tls.cert_file.clone(),
        key_file: tls.key_file.clone(),
        server_name: tls.server_name.clone(),
    }
}
