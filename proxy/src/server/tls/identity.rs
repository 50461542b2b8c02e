//! What a listener shows of itself: a certificate with those that vouch for it, and its private key.

use std::fmt;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use crate::server::certificate::ClientCertificate;

/// A certificate and its private key.
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// When the certificate ends.
    pub(super) not_after: Timestamp,
    /// Where it comes from, for errors: `in` files, or `of` whoever gave it.
    pub(super) origin: String,
}

impl Identity {
    /// From a chain, the certificate itself first. `origin` goes on with "the certificate …": `in` files, or `of` whoever gave it.
    ///
    /// # Errors
    /// When there is no certificate, or the first one is not of X.509.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        origin: impl Into<String>,
    ) -> Result<Self, TlsError> {
        let origin = origin.into();
        let Some(leaf) = chain.first() else { return Err(TlsError::Empty { origin }) };
        match ClientCertificate::read(leaf) {
            Ok(leaf) => Ok(Self { not_after: leaf.not_after, chain, key, origin }),
            Err(source) => Err(TlsError::Certificate { origin, source }),
        }
    }

    /// As [`Self::new`], from a chain in PEM.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_pem(
        chain: &str,
        key: PrivateKeyDer<'static>,
        origin: impl Into<String>,
    ) -> Result<Self, TlsError> {
        // What is no certificate there ends the chain; a chain without a certificate is refused.
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map_while(Result::ok).collect();
        Self::new(chain, key, origin)
    }

    /// The chain, the key, when the certificate ends, and where it comes from.
    pub(crate) fn into_parts(
        self,
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Timestamp, String) {
        (self.chain, self.key, self.not_after, self.origin)
    }

    /// Refuses a certificate that has ended by the clock of this machine.
    pub(crate) fn still_good(self) -> Result<Self, TlsError> {
        if self.not_after <= Timestamp::now() {
            return Err(TlsError::Expired { origin: self.origin, not_after: self.not_after });
        }
        Ok(self)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("origin", &self.origin)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
