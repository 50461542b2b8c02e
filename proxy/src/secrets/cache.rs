//! One secret's place in the sealed cache: what is told when it is kept, found, or neither.

use slog::Logger;

use super::sealed::{KeptSecret, SealedSecrets};
use crate::events;
use nova_telemetry::error_chain;

/// The place of one secret, which does nothing where the configuration keeps none.
#[derive(Debug, Clone)]
pub struct SecretCache {
    sealed: Option<SealedSecrets>,
    name: String,
    /// Where the secret is declared to come from.
    origin: String,
    log: Logger,
}

impl SecretCache {
    /// The place of the secret that is called so and comes from `origin`.
    pub fn new(sealed: Option<SealedSecrets>, name: &str, origin: String, log: Logger) -> Self {
        Self { sealed, name: name.to_owned(), origin, log }
    }

    /// Keeps a secret that was read. It is in use already, so that a failure is told and nothing else.
    pub async fn keep(&self, secret: KeptSecret) {
        let Some(sealed) = &self.sealed else { return };
        if let Err(error) = sealed.keep_soon(&self.name, &self.origin, secret).await {
            events::secret_not_sealed(&self.log, &self.name, &error_chain(&error));
        }
    }

    /// The last known one, for when it cannot be read from its own place.
    pub async fn find(&self) -> Option<KeptSecret> {
        match self.sealed.as_ref()?.find_soon(&self.name, &self.origin).await {
            Ok(Some(kept)) => {
                events::sealed_secret_used(&self.log, &self.name, kept.read_at, kept.ends_at);
                Some(kept)
            }
            Ok(None) => None,
            Err(error) => {
                events::sealed_secret_unusable(&self.log, &self.name, &error_chain(&error));
                None
            }
        }
    }

    /// Tells that what was kept is not what it should be.
    pub fn is_unusable(&self, reason: &str) {
        events::sealed_secret_unusable(&self.log, &self.name, reason);
    }
}
