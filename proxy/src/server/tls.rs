//! TLS of the listeners: the handshake, and certificates that are swapped without dropping a connection.
//!
//! Owns what is in force. Reading files is in `files`; when to read them again is for `reload.rs`, and when to have another
//! certificate signed for `vault/certificate.rs`.

mod config;
mod error;
mod files;
mod identity;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::server::ProducesTickets;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::{CertificateError, ClientCertificate};

pub use config::ClientRules;
pub use error::TlsError;
pub use identity::Identity;

/// TLS of one or more listeners.
#[derive(Debug)]
pub struct ServerTls {
    source: CertificateSource,
    rules: ClientRules,
    /// Nothing until there is a first certificate.
    current: ArcSwapOption<InForce>,
    /// One change at a time: files are read again by one task, certificates given by another.
    change: Mutex<()>,
}

/// Where certificates come from.
#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// Files, which are read at a start and at each [`ServerTls::reload`].
    Files {
        /// The certificate and its chain, in PEM.
        cert: PathBuf,
        /// Its private key, in PEM.
        key: PathBuf,
    },
    /// Somebody who calls [`ServerTls::give`]. No handshake succeeds before the first time.
    Given,
}

/// What new connections get. Open ones keep what they began with.
#[derive(Debug)]
struct InForce {
    config: Arc<rustls::ServerConfig>,
    identity: Arc<Identity>,
    /// Which authorities the tickets were given under.
    client_ca: Option<Vec<u8>>,
    tickets: Arc<dyn ProducesTickets>,
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    #[error("there is no certificate yet")]
    NoCertificate,
    #[error("the handshake failed")]
    Handshake(#[source] io::Error),
    #[error("the client's certificate cannot be read")]
    Certificate(#[from] CertificateError),
    #[error("the client's certificate ended at {0}")]
    Expired(Timestamp),
}

impl ServerTls {
    /// Reads the files for the first time; a certificate that has ended is taken too, since a client may not look.
    ///
    /// # Errors
    /// When a file cannot be read, is not what it should be, or does not fit the others.
    pub fn load(source: CertificateSource, rules: ClientRules) -> Result<Self, TlsError> {
        let tls = Self { source, rules, current: ArcSwapOption::empty(), change: Mutex::default() };
        let client_ca = tls.rules.read()?;
        match &tls.source {
            CertificateSource::Files { cert, key } => {
                tls.put_into_force(Arc::new(files::identity(cert, key)?), client_ca)?;
            }
            CertificateSource::Given => {
                if let (Some(path), Some(pem)) = (&tls.rules.client_ca, &client_ca) {
                    files::authorities(path, pem)?;
                }
            }
        }
        Ok(tls)
    }

    /// Reads the files again. Returns when the certificate in force ends; nothing while there is none.
    ///
    /// # Errors
    /// As [`Self::load`], and when a certificate has ended already; what was in force stays in force.
    pub fn reload(&self) -> Result<Option<Timestamp>, TlsError> {
        let _one_at_a_time = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = match &self.source {
            CertificateSource::Files { cert, key } => {
                Some(Arc::new(files::identity(cert, key)?.still_good()?))
            }
            CertificateSource::Given => {
                self.current.load().as_ref().map(|before| Arc::clone(&before.identity))
            }
        };
        let client_ca = self.rules.read()?;
        identity.map(|identity| self.put_into_force(identity, client_ca)).transpose()
    }

    /// Puts another certificate into force, for connections that begin from now on. Returns when it ends.
    ///
    /// # Errors
    /// When it has ended already, its key is not of the same pair, or the authorities of clients cannot be read; what was in force
    /// stays in force.
    pub fn give(&self, identity: Identity) -> Result<Timestamp, TlsError> {
        let _one_at_a_time = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        // What is in force of clients stays so: files are read again when they change.
        let client_ca = match self.current.load().as_ref() {
            Some(before) => before.client_ca.clone(),
            None => self.rules.read()?,
        };
        self.put_into_force(Arc::new(identity.still_good()?), client_ca)
    }

    fn put_into_force(
        &self,
        identity: Arc<Identity>,
        client_ca: Option<Vec<u8>>,
    ) -> Result<Timestamp, TlsError> {
        // A ticket lets a client in without its certificate being verified anew: it must not outlive the authorities of its day.
        let tickets = match self.current.load().as_ref() {
            Some(before) if before.client_ca == client_ca => Arc::clone(&before.tickets),
            _ => config::tickets()?,
        };
        let config = self.rules.config(&identity, client_ca.as_deref(), Arc::clone(&tickets))?;
        let not_after = identity.not_after;
        self.current.store(Some(Arc::new(InForce { config, identity, client_ca, tickets })));
        Ok(not_after)
    }

    /// When the certificate in force ends; nothing while there is none.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.current.load().as_ref().map(|current| current.identity.not_after)
    }

    /// Makes the handshake. The caller limits its time.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<Arc<ClientCertificate>>), HandshakeError> {
        let config = self.current.load().as_ref().map(|current| Arc::clone(&current.config));
        let acceptor = TlsAcceptor::from(config.ok_or(HandshakeError::NoCertificate)?);
        let stream = acceptor.accept(stream).await.map_err(HandshakeError::Handshake)?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|der| ClientCertificate::read(der)).transpose()?;
        // A resumed session brings the certificate of its first handshake, which may have ended since.
        if let Some(ended) = certificate.as_ref().filter(|shown| shown.not_after < Timestamp::now()) {
            return Err(HandshakeError::Expired(ended.not_after));
        }
        Ok((stream, certificate.map(Arc::new)))
    }
}

impl HandshakeError {
    /// A word for the metric.
    pub(super) fn reason(&self) -> &'static str {
        use rustls::Error;
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Certificate(_) | Self::Expired(_) => "client_certificate",
            Self::Handshake(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
                Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => "client_certificate",
                Some(Error::PeerIncompatible(_)) => "incompatible",
                // What a client that speaks plain HTTP comes to.
                Some(Error::InvalidMessage(_)) => "not_tls",
                Some(Error::AlertReceived(_)) => "refused_by_client",
                Some(_) => "protocol",
                None => "disconnected",
            },
        }
    }
}
