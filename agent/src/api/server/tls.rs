//! TLS of the TCP listener: certificates of files, read again at a reload; open connections keep what they began with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

/// The files of the listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTlsFiles {
    /// The certificate and its chain, in PEM.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The authorities of clients' certificates, in PEM. With them, every client shows one, beside its token.
    pub client_ca: Option<PathBuf>,
}

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read, or is not PEM of the right kind.
    #[error("{} cannot be read as {what} in PEM", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why not.
        #[source]
        source: pem::Error,
    },
    /// There is nothing in it.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The parts do not make a whole.
    #[error("the certificate of the API cannot be used: is the key of the same pair?")]
    Unfit(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The certificate in force.
pub struct ApiTls {
    files: ApiTlsFiles,
    current: ArcSwap<rustls::ServerConfig>,
}

impl fmt::Debug for ApiTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ApiTls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ApiTls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit each other.
    pub fn load(files: ApiTlsFiles) -> Result<Self, TlsFault> {
        let current = ArcSwap::new(config(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    /// As [`Self::load`]; what was in force stays in force.
    pub fn reload(&self) -> Result<(), TlsFault> {
        self.current.store(config(&self.files)?);
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

fn config(files: &ApiTlsFiles) -> Result<Arc<rustls::ServerConfig>, TlsFault> {
    let unfit = |error: rustls::Error| TlsFault::Unfit(Box::new(error));
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsFault::File {
        path: files.key.clone(),
        what: "a private key",
        source,
    })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(unfit)?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority).map_err(unfit)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(
                verifier.build().map_err(|error| TlsFault::Unfit(Box::new(error)))?,
            )
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let failed = |source| TlsFault::File { path: path.to_owned(), what: "certificates", source };
    let found = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if found.is_empty() {
        return Err(TlsFault::Empty { path: path.to_owned() });
    }
    Ok(found)
}
