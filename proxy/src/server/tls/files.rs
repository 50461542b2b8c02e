//! The PEM files of a certificate and of the authorities of clients.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Identity, TlsError};

/// The largest file: a bundle of authorities has a few hundred KiB.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// The certificate and the key of two files.
pub(super) fn identity(cert: &Path, key: &Path) -> Result<Identity, TlsError> {
    let chain = certificates(cert, &read(cert)?)?;
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|source| TlsError::Missing {
        path: key.to_owned(),
        what: "private key",
        source: Some(source),
    })?;
    Identity::new(chain, secret, format!("in {} (its key in {})", cert.display(), key.display()))
}

/// The whole of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let cannot = |source| TlsError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let length =
        File::open(path).map_err(cannot)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if u64::try_from(length).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

/// The authorities that a file has, by whom clients are judged.
pub(super) fn authorities(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, pem)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authorities { path: path.to_owned(), source: source.into() })?;
    }
    Ok(roots)
}

/// At least one certificate.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let missing = |source| TlsError::Missing { path: path.to_owned(), what: "certificate", source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|source| missing(Some(source)))?;
    if found.is_empty() { Err(missing(None)) } else { Ok(found) }
}
