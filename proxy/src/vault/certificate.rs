//! The listeners' certificate from Vault's PKI engine: makes a key, has it signed, gives both to the listeners, and does so again in time.
//!
//! The key is another one with each certificate and never leaves this process. While Vault signs nothing, the certificate in force
//! serves on to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use nova_config::VaultCertificateConfig;
use nova_hashistack::vault::pki::SigningRequest;
use nova_hashistack::{HashistackError, VaultClient};
use nova_lifecycle::{ConditionHandle, Shutdown};
use nova_telemetry::error_chain;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use slog::Logger;

use super::{PAUSE, PAUSE_MAX};
use crate::events;
use crate::receipt::{ReceiptStore, SecretPlace, SecretStanding};
use crate::secrets::SecretCache;
use crate::secrets::sealed::KeptSecret;
use crate::server::{Identity, ServerTls, TlsError};
use crate::upstream::draw;

/// The share of a certificate's life after which it is renewed, and how much earlier at most: instances that were started together
/// shall not ask together for ever.
const RENEW_AFTER: f64 = 2.0 / 3.0;
const EARLIER_AT_MOST: f64 = 0.1;
/// What receipts and metrics call it.
pub(crate) const NAME: &str = "tls_certificate";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateRequestError {
    #[error(
        "no certificate can be asked for under the names of tls.vault_certificate; mend them and restart"
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

/// Keeps the listeners in certificates.
pub(crate) struct CertificateRenewal {
    client: VaultClient,
    config: VaultCertificateConfig,
    tls: Arc<ServerTls>,
    ready: ConditionHandle,
    receipts: ReceiptStore,
    cache: SecretCache,
    log: Logger,
}

impl CertificateRenewal {
    /// Prepares it. `ready` holds while a certificate is in force that has not ended: until then another instance does better.
    pub(crate) fn new(
        client: VaultClient,
        config: VaultCertificateConfig,
        tls: Arc<ServerTls>,
        ready: ConditionHandle,
        (receipts, cache): (ReceiptStore, SecretCache),
        log: Logger,
    ) -> Self {
        Self { client, config, tls, ready, receipts, cache, log }
    }

    /// Renews until the process stops.
    pub(crate) async fn keep(self, shutdown: Shutdown) {
        tokio::select! {
            () = self.renew_for_ever() => {}
            () = shutdown.stopped() => {}
        }
    }

    async fn renew_for_ever(&self) {
        let mut pause = PAUSE;
        // Said once for each trouble: while it lasts, and again when the certificate has ended over it.
        let mut said = None;
        loop {
            let wait = match self.renew().await {
                Ok(not_after) => {
                    events::certificate_in_force(&self.log, not_after, true);
                    self.ready.hold(format!("ends at {not_after}"));
                    let read_at = Timestamp::now();
                    events::secret_times(NAME, read_at, Some(not_after));
                    self.tell(|secret| {
                        (secret.read_at, secret.ends_at, secret.error) =
                            (Some(read_at), Some(not_after), None);
                    });
                    (pause, said) = (PAUSE, None);
                    let left = Duration::try_from(not_after - Timestamp::now()).unwrap_or_default();
                    renewal_in(left, draw())
                }
                Err(error) => {
                    // The first attempt of the process failed: the last known certificate may be good still.
                    if said.is_none() && self.tls.not_after().is_none() {
                        self.take_kept().await;
                    }
                    let until = self.tls.not_after().filter(|not_after| *not_after > Timestamp::now());
                    if said != Some(until) {
                        events::certificate_not_signed(&self.log, &error, until);
                        said = Some(until);
                    }
                    let reason = error_chain(&error);
                    if until.is_none() {
                        self.ready.fail(reason.clone());
                    }
                    self.tell(|secret| secret.error = Some(reason));
                    let wait = pause;
                    pause = (pause * 2).min(PAUSE_MAX);
                    wait
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    fn tell(&self, change: impl FnOnce(&mut SecretStanding)) {
        self.receipts.change(|receipt| receipt.secret(NAME, SecretPlace::Vault, change));
    }

    /// Has one certificate signed and puts it into force. Returns when it ends.
    async fn renew(&self) -> Result<Timestamp, CertificateRequestError> {
        let (request, key) = request(&self.config).map_err(CertificateRequestError::Request)?;
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
        self.tls.give(Identity::from_pem(chain, key, origin)?)
    }

    async fn keep_sealed(&self, chain: &str, key: &[u8], not_after: Timestamp) {
        let key = Zeroizing::new(STANDARD.encode(key));
        // Texts alone are always JSON.
        let Ok(json) = serde_json::to_vec(&Written { chain, key: &key }).map(Zeroizing::new) else { return };
        let value = SecretSlice::from(json.to_vec());
        self.cache.keep(KeptSecret { value, read_at: Timestamp::now(), ends_at: Some(not_after) }).await;
    }

    /// Puts the last known certificate into force, where there is one that holds.
    async fn take_kept(&self) {
        let Some(kept) = self.cache.find().await else { return };
        let taken = serde_json::from_slice::<Kept>(kept.value.expose_secret()).ok().and_then(
            |Kept { chain, key }| {
                let key = Zeroizing::new(STANDARD.decode(key.expose_secret()).ok()?);
                Some(self.give(&chain, &key, "that was kept sealed".to_owned()))
            },
        );
        match taken {
            Some(Ok(not_after)) => {
                events::certificate_in_force(&self.log, not_after, true);
                events::secret_times(NAME, kept.read_at, Some(not_after));
                self.ready.hold(format!("the last known one, ends at {not_after}"));
                self.tell(|secret| (secret.read_at, secret.ends_at) = (Some(kept.read_at), Some(not_after)));
            }
            Some(Err(error)) => self.cache.is_unusable(&error_chain(&error)),
            None => self.cache.is_unusable("it holds no certificate with its key"),
        }
    }
}

/// A new key (ECDSA over P-256), and the request to sign it. The names stand in both the request for signing and beside it: which
/// of them count is for the role (`use_csr_common_name`, `use_csr_sans`).
fn request(config: &VaultCertificateConfig) -> Result<(SigningRequest, KeyPair), rcgen::Error> {
    let key = KeyPair::generate()?;
    let names = std::iter::once(&config.common_name).chain(&config.alt_names);
    let dns_names = names.map(|name| Ia5String::try_from(name.as_str()).map(SanType::DnsName));
    let uris = config.uri_sans.iter().map(|uri| Ia5String::try_from(uri.as_str()).map(SanType::URI));
    let addresses = config.ip_sans.iter().copied().map(|address| Ok(SanType::IpAddress(address)));
    let mut params = CertificateParams::default();
    params.subject_alt_names = dns_names.chain(uris).chain(addresses).collect::<Result<_, _>>()?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, config.common_name.as_str());
    let request = SigningRequest {
        csr: params.serialize_request(&key)?.pem()?,
        common_name: config.common_name.clone(),
        alt_names: config.alt_names.join(","),
        ip_sans: config.ip_sans.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(","),
        uri_sans: config.uri_sans.join(","),
        ttl: config.ttl.map(|ttl| format!("{}s", ttl.as_secs())),
    };
    Ok((request, key))
}

/// When to renew what has this much of its life left. `draw` is from 0 to 1.
fn renewal_in(left: Duration, draw: f64) -> Duration {
    left.mul_f64(RENEW_AFTER - EARLIER_AT_MOST * draw.clamp(0.0, 1.0)).max(PAUSE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_request_has_all_names_and_a_key_of_its_own() {
        let config = VaultCertificateConfig {
            mount: "pki".to_owned(),
            role: "nova-proxy".to_owned(),
            common_name: "nova.example".to_owned(),
            alt_names: vec!["nova.service.consul".to_owned(), "*.nova.example".to_owned()],
            ip_sans: vec!["10.0.0.7".parse().expect("an address"), "::1".parse().expect("an address")],
            uri_sans: vec!["spiffe://example/nova".to_owned()],
            ttl: Some(Duration::from_secs(90)),
        };
        let (first, key) = request(&config).expect("good names");
        assert_eq!(first.alt_names, "nova.service.consul,*.nova.example");
        assert_eq!(
            (first.ip_sans.as_str(), first.uri_sans.as_str()),
            ("10.0.0.7,::1", "spiffe://example/nova")
        );
        assert_eq!(first.ttl.as_deref(), Some("90s"));
        let (second, other) = request(&config).expect("good names");
        assert_ne!(key.serialize_der(), other.serialize_der());
        assert_ne!(first.csr, second.csr);
    }

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
