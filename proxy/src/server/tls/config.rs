//! rustls' configuration of a listener: whom it shows itself as, and what it asks of clients.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::server::{ProducesTickets, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::{Identity, TlsError, files};

/// The protocols that are offered, the better one first (RFC 7301).
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What is asked of clients.
#[derive(Clone, Debug)]
pub struct ClientRules {
    /// The authorities of client certificates, in PEM. With it, every client needs one.
    pub client_ca: Option<PathBuf>,
    /// Whether TLS 1.2 is spoken beside TLS 1.3.
    pub tls12: bool,
}

/// A new secret for tickets of resumption. It changes every six hours, and old tickets end with it.
pub(super) fn tickets() -> Result<Arc<dyn ProducesTickets>, TlsError> {
    rustls::crypto::aws_lc_rs::Ticketer::new().map_err(TlsError::Library)
}

impl ClientRules {
    /// The authorities of clients as they are on disk now.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, TlsError> {
        self.client_ca.as_deref().map(files::read).transpose()
    }

    /// For connections that begin from now on. `client_ca` is what [`Self::read`] gave.
    pub(super) fn config(
        &self,
        identity: &Identity,
        client_ca: Option<&[u8]>,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions: &[&SupportedProtocolVersion] = if self.tls12 {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        } else {
            &[&rustls::version::TLS13]
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(TlsError::Library)?;
        let builder = match (&self.client_ca, client_ca) {
            (Some(path), Some(pem)) => {
                let roots = files::authorities(path, pem)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let refuse = |source: VerifierBuilderError| TlsError::Authorities {
                    path: path.clone(),
                    source: source.into(),
                };
                builder.with_client_cert_verifier(verifier.map_err(refuse)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|source| TlsError::Pair { origin: identity.origin.clone(), source })?;
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        config.ticketer = tickets;
        Ok(Arc::new(config))
    }
}
