//! Authorities and certificates made for a test, and the files that programs read them from.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls_pki_types::CertificateDer;

/// An authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub der: CertificateDer<'static>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Pair {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// The key, by PKCS #8.
    pub key: Vec<u8>,
}

impl Authority {
    /// An authority of this name.
    ///
    /// # Errors
    /// When no certificate can be made of the name.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let der = params.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), der })
    }

    /// A certificate for this name, another one each time.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn issue(&self, name: &str) -> anyhow::Result<Pair> {
        self.sign(CertificateParams::new(vec![name.to_owned()])?)
    }

    /// A certificate for this name that has ended long ago.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn issue_expired(&self, name: &str) -> anyhow::Result<Pair> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 2, 1));
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> anyhow::Result<Pair> {
        let key = KeyPair::generate()?;
        let der = params.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Pair { der, key: key.serialize_der() })
    }
}

/// Bytes as PEM: `CERTIFICATE`, `PRIVATE KEY`, `PUBLIC KEY`.
pub fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Replaces a file in one step, as those who renew certificates do.
///
/// # Errors
/// When the folder cannot be written to.
pub fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let next = path.with_extension("next");
    std::fs::write(&next, text)?;
    std::fs::rename(&next, path)
}

/// Writes `cert.pem` and `key.pem`, each in one step, so that for a moment they do not fit.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_pair(folder: &Path, pair: &Pair) -> std::io::Result<()> {
    replace(&folder.join("cert.pem"), &pem("CERTIFICATE", &pair.der))?;
    replace(&folder.join("key.pem"), &pem("PRIVATE KEY", &pair.key))
}

/// Writes `ca.pem` with these authorities.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_authorities(folder: &Path, authorities: &[&Authority]) -> std::io::Result<()> {
    let text: String = authorities.iter().map(|authority| pem("CERTIFICATE", &authority.der)).collect();
    replace(&folder.join("ca.pem"), &text)
}
