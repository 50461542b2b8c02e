//! The clients of Consul's API against a real Consul: what a scripted server would only repeat of our own beliefs.

mod config_entry;
mod kv;
mod lock;
mod query;
mod service;
mod snapshot;
mod txn;

use nova_hashistack::transport::TokenSource;
use nova_hashistack::{ConsulClient, ConsulConfig};
use nova_test_support::server::Consul;
use secrecy::SecretString;

/// A client of this Consul with this token; without one where it is empty.
fn client_with(consul: &Consul, token: &str) -> anyhow::Result<ConsulClient> {
    let mut config = ConsulConfig::new(format!("http://{}", consul.address()).parse()?);
    if !token.is_empty() {
        config.token = TokenSource::Fixed(SecretString::from(token));
    }
    Ok(ConsulClient::new(config)?)
}

/// The client that may do everything.
fn client(consul: &Consul) -> anyhow::Result<ConsulClient> {
    client_with(consul, consul.api().token().unwrap_or_default())
}
