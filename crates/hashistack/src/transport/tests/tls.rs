//! TLS on both sides: whom the client trusts, what it shows, and certificates that are replaced while it runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use nova_test_support::pki::{Authority, Pair, pem, replace, write_authorities, write_pair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{get, transport};
use crate::scripted::{Played, line};
use crate::transport::{HashistackError, TlsConfig, Transport};

/// The name in the server's certificate; the address is `127.0.0.1`.
const SERVER: &str = "server.dc1.consul";

/// A server that takes clients of its authority alone, and remembers which certificate each connection showed.
struct TlsBed {
    authority: Authority,
    folder: tempfile::TempDir,
    port: u16,
    shown: Arc<Mutex<Vec<CertificateDer<'static>>>>,
    _server: JoinSet<()>,
}

impl TlsBed {
    async fn start() -> Self {
        let authority = Authority::new("consul").unwrap();
        let acceptor = acceptor(&authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let played = Played::new((0..10).map(|_| line(200, "[]")));
        let mut server = JoinSet::new();
        let seen = Arc::clone(&shown);
        server.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                // Some handshakes fail on purpose.
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
                seen.lock().unwrap().push(certificate.into_owned());
                connections.spawn(Arc::clone(&played).serve(stream, number));
            }
        });
        let bed = Self { authority, folder: tempfile::tempdir().unwrap(), port, shown, _server: server };
        write_authorities(bed.folder.path(), &[&bed.authority]).unwrap();
        bed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a client certificate, and returns it.
    fn write_identity(&self) -> CertificateDer<'static> {
        let pair = self.authority.issue("client").unwrap();
        write_pair(self.folder.path(), &pair).unwrap();
        pair.der
    }

    fn tls(&self) -> TlsConfig {
        TlsConfig {
            ca_file: Some(self.path("ca.pem")),
            cert_file: Some(self.path("cert.pem")),
            key_file: Some(self.path("key.pem")),
            server_name: Some(SERVER.to_owned()),
            ..TlsConfig::default()
        }
    }

    fn transport(&self, tls: TlsConfig) -> Transport {
        transport(&format!("https://127.0.0.1:{}", self.port), |config| config.tls = tls)
    }

    fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.shown.lock().unwrap().clone()
    }
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let Pair { der, key } = authority.issue(SERVER).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![der], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_client_certificate_that_was_replaced_is_shown_on_the_next_connection() {
    let bed = TlsBed::start().await;
    let first = bed.write_identity();
    let transport = bed.transport(bed.tls());
    transport.send(&get()).await.unwrap();
    transport.send(&get()).await.unwrap();
    assert_eq!(bed.shown(), std::slice::from_ref(&first), "calls share a connection while nothing changes");
    let second = bed.write_identity();
    transport.send(&get()).await.unwrap();
    assert_eq!(bed.shown(), [first, second]);
    assert!(transport.certificate_fault().is_none());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_and_leaves_the_old_one_in_force() {
    let bed = TlsBed::start().await;
    let first = bed.write_identity();
    let transport = bed.transport(bed.tls());
    transport.send(&get()).await.unwrap();
    // As between the two steps of a renewal: the key of another certificate.
    let other = bed.authority.issue("client").unwrap();
    replace(&bed.path("key.pem"), &pem("PRIVATE KEY", &other.key)).unwrap();
    transport.send(&get()).await.unwrap();
    let fault = transport.certificate_fault().unwrap();
    assert!(fault.to_string().contains("cert.pem"), "{fault}");
    assert_eq!(bed.shown(), std::slice::from_ref(&first));
    let second = bed.write_identity();
    transport.send(&get()).await.unwrap();
    assert_eq!(bed.shown(), [first, second]);
    assert!(transport.certificate_fault().is_none());
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_is_not_talked_to() {
    let bed = TlsBed::start().await;
    bed.write_identity();
    let other = bed.path("other.pem");
    let stranger = Authority::new("consul").unwrap();
    replace(&other, &pem("CERTIFICATE", &stranger.der)).unwrap();
    let strangers = TlsConfig { ca_file: Some(other), ..bed.tls() };
    let misnamed = TlsConfig { server_name: Some("server.dc2.consul".to_owned()), ..bed.tls() };
    let unnamed = TlsConfig { server_name: None, ..bed.tls() };
    for tls in [strangers, misnamed, unnamed] {
        let error = bed.transport(tls).send(&get()).await.unwrap_err();
        assert!(matches!(error, HashistackError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    let bed = TlsBed::start().await;
    bed.write_identity();
    let told = |tls: TlsConfig| {
        let address = format!("https://127.0.0.1:{}", bed.port).parse().unwrap();
        let mut config = super::TransportConfig::new(address, &super::Dialect::CONSUL);
        config.tls = tls;
        Transport::new(config).unwrap_err().to_string()
    };
    let half = told(TlsConfig { key_file: None, ..bed.tls() });
    assert!(half.contains("cert_file and key_file"), "{half}");
    let missing = told(TlsConfig { ca_file: Some(bed.path("none.pem")), ..bed.tls() });
    assert!(missing.contains("none.pem"), "{missing}");
    let address = told(TlsConfig { server_name: Some("127.0.0.1".to_owned()), ..bed.tls() });
    assert!(address.contains("server_name"), "{address}");
}
