//! The clients of Vault's API and the logins against a real Vault.

mod admin;
mod engines;
mod lease;
mod login;
mod snapshot;
mod token;
mod transit;

use nova_hashistack::transport::TokenSource;
use nova_hashistack::{VaultClient, VaultConfig};
use nova_test_support::server::Vault;
use secrecy::SecretString;

fn config(vault: &Vault) -> anyhow::Result<VaultConfig> {
    Ok(VaultConfig::new(format!("http://{}", vault.address()).parse()?))
}

/// A client of this Vault with this token.
fn client_with(vault: &Vault, token: &str) -> anyhow::Result<VaultClient> {
    let token = TokenSource::Fixed(SecretString::from(token));
    Ok(VaultClient::new(VaultConfig { token, ..config(vault)? })?)
}

/// The client that may do everything.
fn client(vault: &Vault) -> anyhow::Result<VaultClient> {
    client_with(vault, vault.api().token().unwrap_or_default())
}
