//! Authorities and certificates made for a test, and clients that trust them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine as _;
use nova_test_support::kept::Kept;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The name that servers of the tests have.
pub(crate) const SERVER: &str = "nova.test";

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

/// A certificate and its key.
pub(crate) struct Pair {
    pub(crate) der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), der }
    }

    pub(crate) fn issue(&self, name: &str) -> Pair {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Pair { der, key: key.serialize_der() }
    }
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Replaces a file in one step, as those who renew certificates do.
fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(&next, path).unwrap();
}

/// Writes `cert.pem` and `key.pem`, each in one step, so that for a moment they do not fit.
pub(crate) fn write_pair(folder: &Path, pair: &Pair) {
    replace(&folder.join("cert.pem"), &pem("CERTIFICATE", &pair.der));
    replace(&folder.join("key.pem"), &pem("PRIVATE KEY", &pair.key));
}

/// Writes `ca.pem` with these authorities.
pub(crate) fn write_authorities(folder: &Path, authorities: &[&Authority]) {
    let text: String = authorities.iter().map(|authority| pem("CERTIFICATE", &authority.der)).collect();
    replace(&folder.join("ca.pem"), &text);
}

/// A client that trusts `authority` and shows `identity`. It resumes no session: each connection sees the certificate of its day.
pub(crate) fn client(authority: &Authority, identity: &Pair) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.der.clone()], key)
        .unwrap();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Connects by TLS, and returns the certificate that the server has shown.
pub(crate) async fn connect(
    address: &str,
    config: Arc<ClientConfig>,
) -> anyhow::Result<(Kept, CertificateDer<'static>)> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
    let name = ServerName::try_from(SERVER)?;
    let stream = TlsConnector::from(config).connect(name, stream).await.context("the handshake")?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let shown = shown.context("no certificate was shown")?.clone().into_owned();
    Ok((Kept::over(stream).await?, shown))
}
