//! From PEM files to rustls' configuration.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ProducesTickets, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::server::certificate::{CertificateError, ClientCertificate};

/// The largest file: a bundle of authorities has a few hundred KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The protocols that are offered, the better one first (RFC 7301).
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the certificate is, and what is asked of clients.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and its chain, in PEM.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The authorities of client certificates, in PEM. With it, every client needs one.
    pub client_ca: Option<PathBuf>,
    /// Whether TLS 1.2 is spoken beside TLS 1.3.
    pub tls12: bool,
}

/// Why a certificate cannot be put into force.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or not ours to read.
    #[error("cannot read {path}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that is too large to be a certificate.
    #[error("{path} is larger than {FILE_BYTES_MAX} bytes; name a file in PEM")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file without what it should hold.
    #[error("{path} holds no {what} in PEM")]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
        /// What the reader says.
        #[source]
        source: Option<rustls::pki_types::pem::Error>,
    },
    /// A certificate that cannot be read.
    #[error("the certificate in {path} cannot be used")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// A certificate that has ended.
    #[error("the certificate in {path} ended at {not_after}; renew it")]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        not_after: Timestamp,
    },
    /// A certificate and a key that are not of one pair, or of a kind that is not supported.
    #[error(
        "the certificate in {cert} and the key in {key} cannot be used together; write both files of one renewal"
    )]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
    /// Authorities that cannot verify anybody.
    #[error("the client authorities in {path} cannot be used")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The library.
    #[error("TLS cannot be set up")]
    Library(#[source] rustls::Error),
}

/// What the files hold.
pub(super) struct FilesRead {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pub(super) client_ca: Option<Vec<u8>>,
    pub(super) not_after: Timestamp,
}

/// A new secret for tickets of resumption. It changes every six hours, and old tickets end with it.
pub(super) fn tickets() -> Result<Arc<dyn ProducesTickets>, TlsError> {
    rustls::crypto::aws_lc_rs::Ticketer::new().map_err(TlsError::Library)
}

impl TlsFiles {
    pub(super) fn read(&self) -> Result<FilesRead, TlsError> {
        let chain = certificates(&self.cert, &read(&self.cert)?)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|source| TlsError::Missing {
            path: self.key.clone(),
            what: "private key",
            source: Some(source),
        })?;
        let leaf = chain.first().map(|der| ClientCertificate::read(der)).transpose();
        let leaf = leaf.map_err(|source| TlsError::Certificate { path: self.cert.clone(), source })?;
        let not_after = leaf.map_or(Timestamp::MIN, |leaf| leaf.not_after);
        let client_ca = self.client_ca.as_deref().map(read).transpose()?;
        Ok(FilesRead { chain, key, client_ca, not_after })
    }
}

impl FilesRead {
    pub(super) fn config(
        &self,
        files: &TlsFiles,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions: &[&SupportedProtocolVersion] = if files.tls12 {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        } else {
            &[&rustls::version::TLS13]
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(TlsError::Library)?;
        let builder = match (&files.client_ca, &self.client_ca) {
            (Some(path), Some(pem)) => {
                let roots = authorities(path, pem)?;
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
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|source| TlsError::Pair { cert: files.cert.clone(), key: files.key.clone(), source })?;
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        config.ticketer = tickets;
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let cannot = |source| TlsError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let length =
        File::open(path).map_err(cannot)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if u64::try_from(length).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

/// At least one certificate.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let missing = |source| TlsError::Missing { path: path.to_owned(), what: "certificate", source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|source| missing(Some(source)))?;
    if found.is_empty() { Err(missing(None)) } else { Ok(found) }
}

fn authorities(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, pem)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authorities { path: path.to_owned(), source: source.into() })?;
    }
    Ok(roots)
}
