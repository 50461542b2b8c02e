//! Why a certificate, or what is asked of clients, cannot be put into force.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::files::FILE_BYTES_MAX;
use crate::server::certificate::CertificateError;

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
    #[error("the certificate {origin} cannot be used")]
    Certificate {
        /// Where it comes from: `in` a file, or `of` whoever gave it.
        origin: String,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// A certificate that has ended.
    #[error("the certificate {origin} ended at {not_after}; renew it, and check the clock of this machine")]
    Expired {
        /// Where it comes from: `in` a file, or `of` whoever gave it.
        origin: String,
        /// When.
        not_after: Timestamp,
    },
    /// A text without a certificate.
    #[error("there is no certificate in PEM in what was given as the one {origin}")]
    Empty {
        /// Where it comes from: `in` a file, or `of` whoever gave it.
        origin: String,
    },
    /// A certificate and a key that are not of one pair, or of a kind that is not supported.
    #[error("the certificate {origin} and its key cannot be used together; both have to be of one renewal")]
    Pair {
        /// Where they come from: `in` two files, or `of` whoever gave them.
        origin: String,
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
