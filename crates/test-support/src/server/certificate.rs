//! The files by which a server speaks HTTPS.

use std::path::PathBuf;

/// Files by which a server speaks HTTPS beside HTTP, and asks clients for certificates.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// The authorities of clients.
    pub ca_file: PathBuf,
    /// The server's certificate.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
}
