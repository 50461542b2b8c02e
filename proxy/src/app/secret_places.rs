//! Where declared secrets can be: the clients that they are read by, and the cache behind them.

use nova_hashistack::VaultClient;

use crate::secrets::sealed::SealedSecrets;
use crate::upstream::SecretsManager;
use crate::vault::Vault;

/// The places, each where the configuration has it.
pub(super) struct SecretPlaces {
    pub(super) vault: Option<Vault>,
    pub(super) aws: SecretsManager,
    pub(super) sealed: Option<SealedSecrets>,
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
