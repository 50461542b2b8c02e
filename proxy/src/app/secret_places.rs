//! Where secrets can be: the clients that they are read by, the cache behind them, and what has begun already.

use nova_hashistack::VaultClient;

use crate::secrets::sealed::SealedSecrets;
use crate::upstream::SecretsManager;
use crate::vault::{CertificateRenewal, Vault};

/// The places, each where the configuration has it.
pub(super) struct SecretPlaces {
    pub(super) vault: Option<Vault>,
    pub(super) aws: SecretsManager,
    pub(super) sealed: Option<SealedSecrets>,
    /// What keeps Consul's connection in certificates of Vault's.
    pub(super) consul_certificate: Option<CertificateRenewal>,
}

impl SecretPlaces {
    pub(super) fn vault_client(&self) -> Option<&VaultClient> {
        self.vault.as_ref().map(Vault::client)
    }

    /// Which Vault it is; empty where there is none.
    pub(super) fn vault_server(&self) -> &str {
        self.vault.as_ref().map_or("", Vault::server)
    }
}
