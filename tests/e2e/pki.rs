//! Clients that trust the authorities of a test.

use std::sync::Arc;

use anyhow::Context;
use nova_test_support::kept::Kept;
use nova_test_support::pki::{Authority, Pair};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The name that servers of the tests have.
pub(crate) const SERVER: &str = "nova.test";

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

/// A client that trusts this authority and shows nothing of itself. It resumes no session either.
pub(crate) fn trusting(authority: &CertificateDer<'static>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
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
