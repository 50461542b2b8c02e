//! A client certificate that is held in memory, and another one while the client is in use.
//!
//! Owns what the next handshake shows. Where certificates come from and when they are renewed is for whoever gives them.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// A client's certificate with its key, in memory alone. Clones are the same one.
///
/// Each handshake shows the one that was given last, or none before the first; connections that are open go on, as servers judge
/// a client's certificate at the handshake alone.
#[derive(Clone, Default)]
pub struct ClientIdentity(Arc<ArcSwapOption<CertifiedKey>>);

impl ClientIdentity {
    /// Puts another one into force, the certificate itself first in `chain`.
    ///
    /// # Errors
    /// When there is no certificate, the key is not its own, or is of a kind that is not supported; what was in force stays so.
    pub fn give(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), rustls::Error> {
        let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?;
        self.0.store(Some(Arc::new(pair)));
        Ok(())
    }
}

/// The same one, not an equal one: a certificate is compared with nothing.
impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ClientIdentity {}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("is_given", &self.0.load().is_some()).finish()
    }
}

impl ResolvesClientCert for ClientIdentity {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }

    fn has_certs(&self) -> bool {
        self.0.load().is_some()
    }
}
