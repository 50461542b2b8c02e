//! What goes over the wire, and what is made of answers: against a server that follows a script, by TCP, a Unix socket and TLS.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::scripted::{CUT, Played, Script, line};

fn config(address: &str) -> TransportConfig {
    TransportConfig::new(address.parse().unwrap(), &Dialect::CONSUL)
}

fn transport(script: &Script, change: impl FnOnce(&mut TransportConfig)) -> Transport {
    let mut config = config(&script.address);
    change(&mut config);
    Transport::new(config).unwrap()
}

fn read() -> Call {
    Call::get("/v1/kv").path("nova/config").unwrap()
}

#[tokio::test]
async fn every_call_names_the_scope_and_the_token() {
    let script = Script::start([line(200, "[]"), line(200, "true")]).await;
    let transport = transport(&script, |config| {
        config.query =
            vec![("ns", "platform".to_owned()), ("partition", "eu 1".to_owned()), ("dc", "dc1".to_owned())];
        config.token = TokenSource::Fixed(SecretString::from("secret"));
    });
    transport.send(&read().flag("stale")).await.unwrap();
    transport.send(&Call::put("/v1/kv").path("nova/config").unwrap().body("x")).await.unwrap();
    assert_eq!(
        script.calls(),
        [
            "GET /v1/kv/nova/config?stale&ns=platform&partition=eu%201&dc=dc1",
            "PUT /v1/kv/nova/config?ns=platform&partition=eu%201&dc=dc1",
        ]
    );
    assert_eq!(script.tokens(), ["secret", "secret"]);
    assert_eq!(&script.asked()[1].body[..], b"x");
}

#[tokio::test]
async fn a_token_file_that_was_replaced_is_tried_once_after_a_refusal() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "old").unwrap();
    let refused = line(403, "ACL not found");
    let script = Script::start([refused.clone().held(), line(200, "true"), refused]).await;
    let transport = transport(&script, |config| config.token = TokenSource::file(&path));
    // A write too: a call that was refused with 403 has done nothing.
    let write = Call::put("/v1/kv").path("nova/config").unwrap();
    let replaced = async {
        script.until_asked(1).await;
        std::fs::write(&path, "new").unwrap();
        script.release();
    };
    let (written, ()) = tokio::join!(transport.send(&write), replaced);
    written.unwrap();
    assert_eq!(script.tokens(), ["old", "new"]);
    // The same token is not tried twice.
    assert!(transport.send(&write).await.unwrap_err().is_acl_not_found());
    assert_eq!(script.tokens(), ["old", "new", "new"]);
}

#[tokio::test]
async fn a_call_with_a_token_of_its_own_leaves_that_of_the_transport_at_home() {
    let script = Script::start([line(200, "[]"), line(403, "ACL not found"), line(200, "[]")]).await;
    let transport =
        transport(&script, |config| config.token = TokenSource::Fixed(SecretString::from("secret")));
    transport.send(&read().without_token()).await.unwrap();
    transport.send(&read().with_token(SecretString::from("own"))).await.unwrap_err();
    transport.send(&read()).await.unwrap();
    assert_eq!(script.tokens(), ["", "own", "secret"]);
}

#[tokio::test]
async fn a_redirect_is_no_answer_and_leads_the_token_nowhere() {
    let elsewhere = Script::start([line(200, "[]")]).await;
    let location: &'static str =
        Box::leak(format!("http://{}/v1/kv/nova/config", elsewhere.address).into_boxed_str());
    let script = Script::start([line(307, "").with("location", location)]).await;
    let transport =
        transport(&script, |config| config.token = TokenSource::Fixed(SecretString::from("secret")));
    let error = transport.send(&read()).await.unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(307), "{error}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    let script = Script::start([line(200, "x".repeat(2_000)), line(500, "y".repeat(100_000))]).await;
    let transport = transport(&script, |_| ());
    let error = transport.send(&read().max_answer(1_000)).await.unwrap_err();
    assert!(error.is_too_large() && !error.is_transient(), "{error}");
    let error = transport.send(&read()).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().len() < 1_000, "{}", error.to_string().len());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_and_one_that_breaks_off_is_told_from_it() {
    let script = Script::start([line(200, "[]").held(), CUT]).await;
    let transport = transport(&script, |config| config.call_timeout = Duration::from_millis(200));
    let error = transport.send(&read()).await.unwrap_err();
    assert!(matches!(error, HashistackError::TimedOut { .. }) && error.is_transient(), "{error}");
    let error = transport.send(&read()).await.unwrap_err();
    assert!(matches!(error, HashistackError::Unreachable { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn reads_are_tried_again_where_that_is_wanted_and_writes_are_not() {
    let failing = || [line(500, "No cluster leader"), line(200, "[]")];
    let retries = Retries { most: 2, first: Duration::from_millis(1), longest: Duration::from_millis(2) };
    let script = Script::start(failing()).await;
    transport(&script, |_| ()).retrying(retries).send(&read()).await.unwrap();
    assert_eq!(script.asked().len(), 2);

    let script = Script::start(failing()).await;
    let write = Call::put("/v1/kv").path("nova/config").unwrap();
    transport(&script, |_| ()).retrying(retries).send(&write).await.unwrap_err();
    assert_eq!(script.asked().len(), 1);

    let script = Script::start([line(403, "Permission denied"), line(200, "[]")]).await;
    transport(&script, |_| ()).retrying(retries).send(&read()).await.unwrap_err();
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_unix_socket_is_spoken_to_like_any_server() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("consul.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let played = Played::new([line(200, "[]")]);
    let mut server = JoinSet::new();
    let to_play = Arc::clone(&played);
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        to_play.serve(stream, 0).await;
    });
    let transport = Transport::new(config(&format!("unix://{}", path.display()))).unwrap();
    transport.send(&read()).await.unwrap();
    assert_eq!(played.asked()[0].target, "/v1/kv/nova/config");
}

/// An authority and what it has issued.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    roots: Arc<RootCertStore>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        Self { pem: certificate.pem(), roots: Arc::new(roots), issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Writes a certificate of a client and its key.
    fn write_client(&self, folder: &Path) {
        let (certificate, key) = self.issue("client");
        std::fs::write(folder.join("client.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("client.key"), key.serialize_pem()).unwrap();
    }
}

/// A server with TLS that asks for a certificate of `clients`.
async fn tls_server(
    servers: &Authority,
    clients: &Authority,
    lines: impl IntoIterator<Item = crate::scripted::Line>,
) -> (u16, Arc<Played>, JoinSet<()>) {
    let (certificate, key) = servers.issue("server.dc1.consul");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&clients.roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let played = Played::new(lines);
    let to_play = Arc::clone(&played);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            // A client without a fitting certificate is not let in.
            if let Ok(stream) = acceptor.accept(stream).await {
                connections.spawn(Arc::clone(&to_play).serve(stream, number));
            }
        }
    });
    (port, played, server)
}

#[tokio::test]
async fn both_sides_show_certificates_and_a_renewed_one_counts_without_a_restart() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let lines = [line(200, "[]"), line(200, "[]")];
    let (port, played, _server) = tls_server(&servers, &clients, lines).await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &servers.pem).unwrap();
    strangers.write_client(folder.path());
    let mut config = config(&format!("https://127.0.0.1:{port}"));
    config.tls = TlsConfig {
        ca_file: Some(folder.path().join("ca.pem")),
        cert_file: Some(folder.path().join("client.pem")),
        key_file: Some(folder.path().join("client.key")),
        server_name: Some("server.dc1.consul".to_owned()),
    };
    let transport = Transport::new(config).unwrap();
    let error = transport.send(&read()).await.unwrap_err();
    assert!(matches!(error, HashistackError::Unreachable { .. }), "{error}");

    clients.write_client(folder.path());
    transport.send(&read()).await.unwrap();
    assert_eq!(played.asked().len(), 1);

    // What cannot be used leaves what is in force, and is told.
    std::fs::write(folder.path().join("client.pem"), "half a file").unwrap();
    transport.send(&read()).await.unwrap();
    let fault = transport.certificate_fault().expect("the fault is told");
    assert!(fault.to_string().contains("client.pem"), "{fault}");
}

#[tokio::test]
async fn a_server_of_another_name_or_authority_is_not_believed() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let (port, played, _server) = tls_server(&servers, &clients, [line(200, "[]")]).await;
    let folder = TempDir::new().unwrap();
    clients.write_client(folder.path());
    for (authority, name) in [(&strangers, "server.dc1.consul"), (&servers, "server.dc2.consul")] {
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, &authority.pem).unwrap();
        let mut config = config(&format!("https://127.0.0.1:{port}"));
        config.tls = TlsConfig {
            ca_file: Some(ca_file),
            cert_file: Some(folder.path().join("client.pem")),
            key_file: Some(folder.path().join("client.key")),
            server_name: Some(name.to_owned()),
        };
        let error = Transport::new(config).unwrap().send(&read()).await.unwrap_err();
        assert!(matches!(error, HashistackError::Unreachable { .. }), "{name}: {error}");
    }
    assert!(played.asked().is_empty());
}
