//! A certificate from Vault's PKI engine: makes a key, has it signed, gives both to whoever shows them, and does so again in time.
//!
//! The key is another one with each certificate and never leaves this process. While Vault signs nothing, the certificate in force
//! serves on to its end.

mod holder;
mod request;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use nova_config::VaultCertificateConfig;
use nova_hashistack::{HashistackError, VaultClient};
use nova_lifecycle::{ConditionHandle, Shutdown};
use nova_telemetry::error_chain;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use slog::Logger;
use tokio::time::timeout;

use super::{PAUSE, PAUSE_MAX, Vault};
use crate::events;
use crate::receipt::{ReceiptStore, SecretPlace, SecretStanding};
use crate::secrets::SecretCache;
use crate::secrets::sealed::{KeptSecret, SealedSecrets};
use crate::server::{Identity, TlsError};
use crate::upstream::draw;

pub(crate) use holder::{CertificateHolder, ConsulIdentity};

/// The share of a certificate's life after which it is renewed, and how much earlier at most: instances that were started together
/// shall not ask together for ever.
const RENEW_AFTER: f64 = 2.0 / 3.0;
const EARLIER_AT_MOST: f64 = 0.1;
/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateRequestError {
    #[error(
        "no certificate can be asked for under the names that the configuration has; mend them and restart"
    )]
    Request(#[source] rcgen::Error),
    #[error("Vault signs no certificate")]
    Vault(#[source] HashistackError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A certificate and its key, as they are kept sealed.
#[derive(Serialize)]
struct Written<'a> {
    chain: &'a str,
    key: &'a str,
}

/// The same, read.
#[derive(Deserialize)]
struct Kept {
    chain: String,
    key: SecretString,
}

/// Keeps one holder in certificates.
pub(crate) struct CertificateRenewal {
    client: VaultClient,
    config: VaultCertificateConfig,
    holder: CertificateHolder,
    cache: SecretCache,
    log: Logger,
    /// When the one ends that was signed ahead of the renewal.
    signed: Option<Timestamp>,
}

/// Who is told how a certificate stands.
pub(crate) struct CertificateTold {
    /// Holds while a certificate is in force that has not ended, where another instance does better until then.
    pub(crate) ready: Option<ConditionHandle>,
    /// Operators.
    pub(crate) receipts: ReceiptStore,
}

impl CertificateRenewal {
    /// Prepares it; nothing is sent.
    pub(crate) fn new(
        vault: &Vault,
        config: VaultCertificateConfig,
        holder: CertificateHolder,
        sealed: Option<SealedSecrets>,
        log: Logger,
    ) -> Self {
        let origin = format!("{} {config:?}", vault.server());
        let cache = SecretCache::new(sealed, holder.name(), origin, log.clone());
        Self { client: vault.client().clone(), config, holder, cache, log, signed: None }
    }

    /// Has the first one signed, if that takes no longer than `limit`: for a start that connects before anything goes on beside it.
    /// That it failed is told by [`Self::keep`], which asks again at once.
    pub(crate) async fn first(mut self, limit: Duration) -> Self {
        self.signed = timeout(limit, self.renew()).await.ok().and_then(Result::ok);
        self
    }

    /// Renews until the process stops.
    pub(crate) async fn keep(self, told: CertificateTold, shutdown: Shutdown) {
        tokio::select! {
            () = self.renew_for_ever(&told) => {}
            () = shutdown.stopped() => {}
        }
    }

    async fn renew_for_ever(&self, told: &CertificateTold) {
        let mut pause = PAUSE;
        // Said once for each trouble: while it lasts, and again when the certificate has ended over it.
        let mut said = None;
        let mut signed = self.signed;
        loop {
            let renewed = match signed.take() {
                Some(not_after) => Ok(not_after),
                None => self.renew().await,
            };
            let wait = match renewed {
                Ok(not_after) => {
                    self.holder.in_force(&self.log, not_after);
                    self.holds(told, Timestamp::now(), not_after);
                    (pause, said) = (PAUSE, None);
                    let left = Duration::try_from(not_after - Timestamp::now()).unwrap_or_default();
                    renewal_in(left, draw())
                }
                Err(error) => {
                    // The first attempt of the process failed: the last known certificate may be good still.
                    if said.is_none() && self.holder.not_after().is_none() {
                        self.take_kept(told).await;
                    }
                    let until = self.holder.not_after().filter(|not_after| *not_after > Timestamp::now());
                    if said != Some(until) {
                        self.holder.not_signed(&self.log, &error, until);
                        said = Some(until);
                    }
                    let reason = error_chain(&error);
                    if let Some(ready) = told.ready.as_ref().filter(|_| until.is_none()) {
                        ready.fail(reason.clone());
                    }
                    self.tell(told, |secret| secret.error = Some(reason));
                    let wait = pause;
                    pause = (pause * 2).min(PAUSE_MAX);
                    wait
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Tells that a certificate is in force, and how old it is.
    fn holds(&self, told: &CertificateTold, read_at: Timestamp, not_after: Timestamp) {
        if let Some(ready) = &told.ready {
            ready.hold(format!("ends at {not_after}"));
        }
        events::secret_times(self.holder.name(), read_at, Some(not_after));
        self.tell(told, |secret| {
            (secret.read_at, secret.ends_at, secret.error) = (Some(read_at), Some(not_after), None);
        });
    }

    fn tell(&self, told: &CertificateTold, change: impl FnOnce(&mut SecretStanding)) {
        told.receipts.change(|receipt| receipt.secret(self.holder.name(), SecretPlace::Vault, change));
    }

    /// Has one certificate signed and puts it into force. Returns when it ends.
    async fn renew(&self) -> Result<Timestamp, CertificateRequestError> {
        let (request, key) = request::request(&self.config).map_err(CertificateRequestError::Request)?;
        let engine = self.client.pki(&self.config.mount);
        let signed =
            engine.sign(&self.config.role, &request).await.map_err(CertificateRequestError::Vault)?;
        let origin = format!("of Vault's engine {}, role {}", self.config.mount, self.config.role);
        let der = Zeroizing::new(key.serialize_der());
        let not_after = self.give(&signed.chain(), &der, origin)?;
        self.keep_sealed(&signed.chain(), &der, not_after).await;
        Ok(not_after)
    }

    fn give(&self, chain: &str, key: &[u8], origin: String) -> Result<Timestamp, TlsError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
        self.holder.give(Identity::from_pem(chain, key, origin)?)
    }

    async fn keep_sealed(&self, chain: &str, key: &[u8], not_after: Timestamp) {
        let key = Zeroizing::new(STANDARD.encode(key));
        // Texts alone are always JSON.
        let Ok(json) = serde_json::to_vec(&Written { chain, key: &key }).map(Zeroizing::new) else { return };
        let value = SecretSlice::from(json.to_vec());
        self.cache.keep(KeptSecret { value, read_at: Timestamp::now(), ends_at: Some(not_after) }).await;
    }

    /// Puts the last known certificate into force, where there is one that holds.
    async fn take_kept(&self, told: &CertificateTold) {
        let Some(kept) = self.cache.find().await else { return };
        let taken = serde_json::from_slice::<Kept>(kept.value.expose_secret()).ok().and_then(
            |Kept { chain, key }| {
                let key = Zeroizing::new(STANDARD.decode(key.expose_secret()).ok()?);
                Some(self.give(&chain, &key, "that was kept sealed".to_owned()))
            },
        );
        match taken {
            Some(Ok(not_after)) => {
                self.holder.in_force(&self.log, not_after);
                self.holds(told, kept.read_at, not_after);
            }
            Some(Err(error)) => self.cache.is_unusable(&error_chain(&error)),
            None => self.cache.is_unusable("it holds no certificate with its key"),
        }
    }
}

/// When to renew what has this much of its life left. `draw` is from 0 to 1.
fn renewal_in(left: Duration, draw: f64) -> Duration {
    left.mul_f64(RENEW_AFTER - EARLIER_AT_MOST * draw.clamp(0.0, 1.0)).max(PAUSE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_renewal_comes_when_more_than_a_third_is_left_and_never_in_a_rush(
            left_ms in 0_u64..10_000_000_000,
            draw in 0.0..=1.0,
        ) {
            let left = Duration::from_millis(left_ms);
            let wait = renewal_in(left, draw);
            prop_assert!(wait >= PAUSE);
            prop_assert!(wait == PAUSE || (wait <= left * 2 / 3 + Duration::from_millis(1) && wait >= left / 2));
        }
    }
}
