//! Certificates: whom we trust, and who we are.
//!
//! Owns the files and what is made of them; when they are read again is for `client`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::identity::ClientIdentity;
use super::stamp::Stamp;

/// How a server is verified, and with what we show who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM certificates of the authorities that are trusted; without it those of the system.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate with its chain, in PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of the client's certificate, in PEM.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate has, where it is not that of the address: `server.<dc>.consul`.
    pub server_name: Option<String>,
    /// The client's certificate in memory, in place of files.
    pub identity: Option<ClientIdentity>,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used.
    #[error("{} cannot be used as {purpose}; name a readable file in pem form", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        purpose: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Certificate and key go together.
    #[error("a client certificate needs cert_file and key_file; only one of them is set")]
    HalfIdentity,
    /// There is one client certificate.
    #[error("a client certificate is in files or in memory; cert_file is set beside one in memory")]
    TwoIdentities,
    /// The key is not that of the certificate, or of a kind that is not supported.
    #[error("the client certificate {} and its key cannot be used together", path.display())]
    Identity {
        /// The file of the certificate.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// The system's own certificates cannot be had.
    #[error("the system trusts no authority; install the ca-certificates package or set ca_file")]
    NoSystemRoots,
    /// The provider of cryptography does not have the protocol versions.
    #[error("tls cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl TlsConfig {
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.ca_file, &self.cert_file, &self.key_file].into_iter().flatten()
    }

    /// The state of every file; a file that cannot be looked at has none, which differs from any state.
    pub(super) async fn stamps(&self) -> Vec<Option<Stamp>> {
        let mut stamps = Vec::new();
        for path in self.files() {
            // Why a file cannot be looked at is told by whoever reads it next.
            stamps.push(Stamp::of(path).await.ok());
        }
        stamps
    }

    /// Reads the files, and makes of them what a client needs.
    ///
    /// # Errors
    /// When one cannot be used, or the system trusts nobody.
    pub fn read(&self) -> Result<ClientConfig, TlsError> {
        let roots = match &self.ca_file {
            Some(path) => bundle(path)?,
            None => system_roots()?,
        };
        let builder = builder()?.with_root_certificates(roots);
        let (cert_file, key_file) = match (&self.cert_file, &self.key_file) {
            (None, None) => {
                return Ok(match &self.identity {
                    Some(identity) => builder.with_client_cert_resolver(Arc::new(identity.clone())),
                    None => builder.with_no_client_auth(),
                });
            }
            (Some(_), Some(_)) if self.identity.is_some() => return Err(TlsError::TwoIdentities),
            (Some(cert_file), Some(key_file)) => (cert_file, key_file),
            _ => return Err(TlsError::HalfIdentity),
        };
        let chain = certificates(cert_file, "a client certificate")?;
        let key = PrivateKeyDer::from_pem_file(key_file)
            .map_err(|error| unfit(key_file, "the key of a client certificate", io::Error::other(error)))?;
        let identity = |source| TlsError::Identity { path: cert_file.clone(), source };
        builder.with_client_auth_cert(chain, key).map_err(identity)
    }
}

/// For addresses without TLS: should a connection with TLS be made all the same, it trusts nobody.
pub(super) fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)
}

fn unfit(path: &Path, purpose: &'static str, source: io::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), purpose, source }
}

/// The certificates of a PEM file, of which there must be one at least.
fn certificates(path: &Path, purpose: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |error| unfit(path, purpose, io::Error::other(error));
    let found = CertificateDer::pem_file_iter(path).map_err(fault)?.collect::<Result<Vec<_>, _>>();
    match found.map_err(fault)? {
        found if found.is_empty() => Err(unfit(path, purpose, io::Error::other("it holds no certificate"))),
        found => Ok(found),
    }
}

fn bundle(path: &Path) -> Result<RootCertStore, TlsError> {
    const PURPOSE: &str = "the authorities that are trusted";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, PURPOSE)? {
        roots.add(certificate).map_err(|error| unfit(path, PURPOSE, io::Error::other(error)))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Some bundles hold a certificate that nobody can read; the others serve, and none at all is an error.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
}
