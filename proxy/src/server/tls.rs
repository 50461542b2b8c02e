//! TLS of the listeners: the handshake, and certificates that are read again without dropping a connection.
//!
//! Owns what is in force. Reading the files is in `files`; when to read them again is for `reload.rs`.

mod files;

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::ProducesTickets;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::{CertificateError, ClientCertificate};

pub use files::{TlsError, TlsFiles};

/// TLS of one or more listeners.
#[derive(Debug)]
pub struct ServerTls {
    files: TlsFiles,
    current: ArcSwap<InForce>,
}

/// What new connections get. Open ones keep what they began with.
#[derive(Debug)]
struct InForce {
    config: Arc<rustls::ServerConfig>,
    not_after: Timestamp,
    /// Which authorities the tickets were given under.
    client_ca: Option<Vec<u8>>,
    tickets: Arc<dyn ProducesTickets>,
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    #[error("the handshake failed")]
    Handshake(#[source] io::Error),
    #[error("the client's certificate cannot be read")]
    Certificate(#[from] CertificateError),
    #[error("the client's certificate ended at {0}")]
    Expired(Timestamp),
}

impl ServerTls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read, is not what it should be, or does not fit the others.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let read = files.read()?;
        let tickets = files::tickets()?;
        let first = InForce {
            not_after: read.not_after,
            config: read.config(&files, Arc::clone(&tickets))?,
            client_ca: read.client_ca,
            tickets,
        };
        Ok(Self { files, current: ArcSwap::from_pointee(first) })
    }

    /// Reads the files again. Returns when the new certificate ends.
    ///
    /// # Errors
    /// As [`Self::load`], and when the certificate has ended already; what was in force stays in force.
    pub fn reload(&self) -> Result<Timestamp, TlsError> {
        let read = self.files.read()?;
        if read.not_after <= Timestamp::now() {
            return Err(TlsError::Expired { path: self.files.cert.clone(), not_after: read.not_after });
        }
        let before = self.current.load();
        // A ticket lets a client in without its certificate being verified anew: it must not outlive the authorities of its day.
        let tickets =
            if before.client_ca == read.client_ca { Arc::clone(&before.tickets) } else { files::tickets()? };
        let next = InForce {
            not_after: read.not_after,
            config: read.config(&self.files, Arc::clone(&tickets))?,
            client_ca: read.client_ca,
            tickets,
        };
        let not_after = next.not_after;
        self.current.store(Arc::new(next));
        Ok(not_after)
    }

    /// When the certificate in force ends.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }

    /// Makes the handshake. The caller limits its time.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<Arc<ClientCertificate>>), HandshakeError> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current.load().config));
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
