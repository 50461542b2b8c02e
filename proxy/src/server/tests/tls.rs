//! TLS over real sockets, with certificates made for the test.

use std::path::Path;

use base64::Engine;
use hyper::client::conn::http2;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::server::{CertificateSource, ClientRules, Identity, ServerTls, TlsError};

type Files = (CertificateSource, ClientRules);

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// An authority of the test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

/// A certificate and its key.
struct Pair {
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), der }
    }

    fn issue(&self, name: &str) -> Pair {
        self.issue_until(name, 2200)
    }

    fn issue_until(&self, name: &str, year: i32) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Pair { der, key: key.serialize_der() }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A folder with `cert.pem`, `key.pem` and `ca.pem`.
struct Folder(TempDir);

impl Folder {
    fn with(pair: &Pair) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(pair);
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.path("cert.pem"), pem("CERTIFICATE", &pair.der)).unwrap();
        std::fs::write(self.path("key.pem"), pem("PRIVATE KEY", &pair.key)).unwrap();
    }

    fn write_client_ca(&self, authority: &Authority) {
        std::fs::write(self.path("ca.pem"), pem("CERTIFICATE", &authority.der)).unwrap();
    }

    fn files(&self, mutual: bool) -> Files {
        let source = CertificateSource::Files { cert: self.path("cert.pem"), key: self.path("key.pem") };
        (source, self.rules(mutual))
    }

    fn rules(&self, mutual: bool) -> ClientRules {
        ClientRules { client_ca: mutual.then(|| self.path("ca.pem")), tls12: true }
    }
}

async fn serve(settings: ServerSettings, (source, rules): Files) -> (Running, Arc<ServerTls>) {
    let tls = Arc::new(ServerTls::load(source, rules).expect("good files"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let of_server = Arc::clone(&tls);
    (Running::start_as(|server| server.with_tls(Some(of_server)), settings, listener, address), tls)
}

/// A client that trusts `authority`.
fn client(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> ClientConfig {
    client_as(authority, None, versions, alpn)
}

fn client_as(
    authority: &Authority,
    identity: Option<&Pair>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.key.clone()));
            builder.with_client_auth_cert(vec![pair.der.clone()], key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

async fn try_connect(server: &Running, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("nova.test").unwrap();
    timeout(PATIENCE, TlsConnector::from(config).connect(name, stream)).await.expect("an end")
}

async fn connect(server: &Running, config: ClientConfig) -> TlsStream<TcpStream> {
    try_connect(server, Arc::new(config)).await.expect("a handshake")
}

/// Asks over HTTP/1.1 and reads to the end of the connection.
async fn get_once(stream: &mut TlsStream<TcpStream>, path: &str) -> io::Result<String> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: nova\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end")?;
    Ok(String::from_utf8(answer).unwrap())
}

/// Asks on a connection that stays open.
async fn get_open(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: nova\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\nhello") {
        let mut buffer = [0_u8; 1024];
        let count = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("bytes come").unwrap();
        assert_ne!(count, 0, "closed after {seen:?}");
        seen.extend_from_slice(&buffer[..count]);
    }
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

#[rstest]
#[case::http1_of_both(&["h2", "http/1.1"], Some("h2"))]
#[case::http1_alone(&["http/1.1"], Some("http/1.1"))]
#[case::no_word_of_it(&[], None)]
#[tokio::test]
async fn the_client_gets_the_http_that_it_speaks(
    #[case] offered: &[&str],
    #[case] chosen: Option<&str>,
    #[values(&rustls::version::TLS13, &rustls::version::TLS12)] version: &'static SupportedProtocolVersion,
) {
    let authority = Authority::new("servers");
    let folder = Folder::with(&authority.issue("nova.test"));
    let (server, _) = serve(ServerSettings::default(), folder.files(false)).await;
    let mut stream = connect(&server, client(&authority, &[version], offered)).await;
    let (_, session) = stream.get_ref();
    assert_eq!(session.alpn_protocol(), chosen.map(str::as_bytes));
    assert_eq!(session.protocol_version(), Some(version.version));
    if chosen == Some("h2") {
        let executor = executor(&server.tasks, &CancellationToken::new());
        let (mut sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
        server.tasks.spawn(connection);
        let answer = sender.send_request(get("/hello")).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(answer.to_bytes(), "hello");
    } else {
        assert!(get_once(&mut stream, "/hello").await.unwrap().ends_with("\r\n\r\nhello"));
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_clients_and_open_connections_live_on() {
    let authority = Authority::new("servers");
    let (first, second) = (authority.issue("nova.test"), authority.issue("nova.test"));
    let folder = Folder::with(&first);
    let (server, tls) = serve(ServerSettings::default(), folder.files(false)).await;
    let mut open = connect(&server, client(&authority, BOTH, &["http/1.1"])).await;
    get_open(&mut open).await;

    folder.write(&second);
    tls.reload().expect("a good pair");
    let mut fresh = connect(&server, client(&authority, BOTH, &["http/1.1"])).await;
    assert_eq!((shown(&open), shown(&fresh)), (first.der, second.der));
    get_open(&mut fresh).await;
    get_open(&mut open).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_keep_the_old_certificate_and_say_why() {
    type Spoil = fn(&Path, &Authority);
    let cases: [(&str, Spoil); 7] = [
        ("key.pem) and its key cannot be used together", |folder, authority| {
            let other = authority.issue("nova.test");
            std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &other.key)).unwrap();
        }),
        ("cert.pem holds no certificate", |folder, _| std::fs::write(folder.join("cert.pem"), "").unwrap()),
        ("key.pem holds no private key", |folder, _| std::fs::write(folder.join("key.pem"), "x").unwrap()),
        ("cannot read", |folder, _| std::fs::remove_file(folder.join("cert.pem")).unwrap()),
        ("key.pem) cannot be used", |folder, _| {
            std::fs::write(folder.join("cert.pem"), pem("CERTIFICATE", b"not DER")).unwrap();
        }),
        ("ended at 2001-01-01", |folder, authority| {
            let ended = authority.issue_until("nova.test", 2001);
            std::fs::write(folder.join("cert.pem"), pem("CERTIFICATE", &ended.der)).unwrap();
            std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &ended.key)).unwrap();
        }),
        ("larger than 1048576 bytes", |folder, _| {
            std::fs::write(folder.join("cert.pem"), vec![b'\n'; (1 << 20) + 1]).unwrap();
        }),
    ];
    let authority = Authority::new("servers");
    for (expected, spoil) in cases {
        let good = authority.issue("nova.test");
        let folder = Folder::with(&good);
        let (server, tls) = serve(ServerSettings::default(), folder.files(false)).await;
        spoil(folder.0.path(), &authority);
        let error = tls.reload().expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
        let mut stream = connect(&server, client(&authority, BOTH, &["http/1.1"])).await;
        assert_eq!(shown(&stream), good.der);
        get_open(&mut stream).await;
    }
}

#[test]
fn a_client_authority_that_is_none_is_refused_at_the_start() {
    let folder = Folder::with(&Authority::new("servers").issue("nova.test"));
    std::fs::write(folder.path("ca.pem"), "nobody").unwrap();
    let (files, rules) = folder.files(true);
    for source in [files, CertificateSource::Given] {
        let error = ServerTls::load(source, rules.clone()).expect_err("no authority");
        assert!(matches!(error, TlsError::Missing { .. }), "{error:?}");
    }
}

#[rstest]
#[tokio::test]
async fn only_clients_with_a_certificate_of_the_authority_get_in(
    #[values(&rustls::version::TLS13, &rustls::version::TLS12)] version: &'static SupportedProtocolVersion,
) {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let folder = Folder::with(&servers.issue("nova.test"));
    folder.write_client_ca(&clients);
    let (server, _) = serve(ServerSettings::default(), folder.files(true)).await;

    let known = clients.issue("batch.test");
    let strangers = [
        ("no certificate", None),
        ("another authority", Some(Authority::new("clients").issue("batch.test"))),
        ("an ended certificate", Some(clients.issue_until("batch.test", 2001))),
    ];
    for (failures, (what, identity)) in (1..).zip(&strangers) {
        let config = client_as(&servers, identity.as_ref(), &[version], &["http/1.1"]);
        // In TLS 1.3 the client is done before the server has judged it: the refusal comes with the first bytes.
        let answer = match try_connect(&server, Arc::new(config)).await {
            Ok(mut stream) => get_once(&mut stream, "/certificate").await,
            Err(error) => Err(error),
        };
        assert!(answer.is_err(), "{what}: {answer:?}");
        eventually("counted", || server.stats.opening_failures_total() == failures).await;
    }
    let config = client_as(&servers, Some(&known), &[version], &["http/1.1"]);
    let answer = get_once(&mut connect(&server, config).await, "/certificate").await.unwrap();
    assert!(answer.contains("CN=batch.test"), "{answer}");
}

#[rstest]
#[case::same_authorities(false, HandshakeKind::Resumed)]
#[case::other_authorities(true, HandshakeKind::Full)]
#[tokio::test]
async fn a_session_is_resumed_as_long_as_the_client_authorities_are_the_same(
    #[case] changed: bool,
    #[case] kind: HandshakeKind,
) {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let folder = Folder::with(&servers.issue("nova.test"));
    folder.write_client_ca(&clients);
    let (server, tls) = serve(ServerSettings::default(), folder.files(true)).await;
    let mut config =
        client_as(&servers, Some(&clients.issue("batch.test")), &[&rustls::version::TLS13], &["http/1.1"]);
    config.resumption = Resumption::in_memory_sessions(4);
    let config = Arc::new(config);
    let mut first = try_connect(&server, Arc::clone(&config)).await.unwrap();
    get_once(&mut first, "/hello").await.unwrap();
    assert_eq!(first.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));

    folder.write(&servers.issue("nova.test"));
    if changed {
        let both = [&clients.der, &Authority::new("more clients").der].map(|der| pem("CERTIFICATE", der));
        std::fs::write(folder.path("ca.pem"), both.concat()).unwrap();
    }
    tls.reload().expect("good files");
    let mut second = try_connect(&server, config).await.unwrap();
    let answer = get_once(&mut second, "/certificate").await.unwrap();
    assert!(answer.contains("CN=batch.test"), "a resumed session keeps its identity: {answer}");
    assert_eq!(second.get_ref().1.handshake_kind(), Some(kind));
}

/// A ClientHello that offers at most TLS 1.1 (RFC 4346), with one suite of its day.
fn hello_of_tls_1_1() -> Vec<u8> {
    let mut hello = vec![
        0x16, 0x03, 0x01, 0x00, 0x37, // a handshake record of 55 bytes
        0x01, 0x00, 0x00, 0x33, // a ClientHello of 51 bytes
        0x03, 0x02, // TLS 1.1
    ];
    // The random, and an empty session id.
    hello.extend([0; 33]);
    // TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    hello.extend([0x00, 0x02, 0x00, 0x2f, 0x01, 0x00]);
    // Signature algorithms, without which rustls looks no further.
    hello.extend([0x00, 0x08, 0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x01]);
    hello
}

#[tokio::test]
async fn a_client_of_tls_1_1_is_told_that_its_version_is_not_spoken() {
    let authority = Authority::new("servers");
    let folder = Folder::with(&authority.issue("nova.test"));
    let (server, _) = serve(ServerSettings::default(), folder.files(false)).await;
    let mut client = server.connect().await;
    client.0.write_all(&hello_of_tls_1_1()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, client.0.read_to_end(&mut answer)).await.expect("an end").unwrap();
    // A fatal alert: protocol_version (RFC 5246, section 7.2).
    assert_eq!((answer[0], &answer[5..]), (21, &[2_u8, 70][..]));
    assert_eq!(server.stats.opening_failures_total(), 1);
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused_where_the_least_version_is_1_3() {
    let authority = Authority::new("servers");
    let folder = Folder::with(&authority.issue("nova.test"));
    let (source, rules) = folder.files(false);
    let files = (source, ClientRules { tls12: false, ..rules });
    let (server, _) = serve(ServerSettings::default(), files).await;
    let old = client(&authority, &[&rustls::version::TLS12], &["http/1.1"]);
    try_connect(&server, Arc::new(old)).await.expect_err("no common version");
    let mut new = connect(&server, client(&authority, &[&rustls::version::TLS13], &["http/1.1"])).await;
    get_open(&mut new).await;
}

#[tokio::test]
async fn plain_http_to_a_tls_port_is_closed_and_harms_nobody() {
    let authority = Authority::new("servers");
    let folder = Folder::with(&authority.issue("nova.test"));
    let (server, _) = serve(ServerSettings::default(), folder.files(false)).await;
    let mut open = connect(&server, client(&authority, BOTH, &["http/1.1"])).await;
    let mut plain = server.connect().await;
    plain.ask("/hello").await;
    assert!(!plain.read_to_end().await.contains("HTTP/"), "an alert at most");
    eventually("counted", || server.stats.opening_failures_total() == 1).await;
    get_open(&mut open).await;
    get_open(&mut connect(&server, client(&authority, BOTH, &["http/1.1"])).await).await;
}

#[rstest]
#[case::silent(0)]
#[case::half_a_hello(20)]
#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut(#[case] bytes: usize) {
    let folder = Folder::with(&Authority::new("servers").issue("nova.test"));
    let settings =
        ServerSettings { handshake_timeout: Duration::from_millis(50), ..ServerSettings::default() };
    let (server, _) = serve(settings, folder.files(false)).await;
    let mut client = server.connect().await;
    client.0.write_all(&hello_of_tls_1_1()[..bytes]).await.unwrap();
    assert_eq!(client.read_to_end().await, "");
    assert_eq!(server.stats.opening_failures_total(), 1);
    eventually("its slot is free", || server.stats.open_connections() == 0).await;
}

#[tokio::test]
async fn a_forced_stop_ends_handshakes_and_counts_no_cut_request() {
    let folder = Folder::with(&Authority::new("servers").issue("nova.test"));
    let (server, _) = serve(ServerSettings::default(), folder.files(false)).await;
    let mut silent = server.connect().await;
    eventually("accepted", || server.stats.open_connections() == 1).await;
    server.stop.draining.cancel();
    server.stop.forced.cancel();
    assert_eq!(silent.read_to_end().await, "");
    assert_eq!(server.outcome().await, DrainOutcome { forced_connections: 0 });
}

/// What somebody gives who has it in memory.
fn given(pair: &Pair) -> Identity {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.key.clone()));
    Identity::from_pem(&pem("CERTIFICATE", &pair.der), key, "of a test").expect("a certificate")
}

#[tokio::test]
async fn nobody_is_let_in_before_a_certificate_was_given_and_each_that_is_given_is_shown_to_who_comes_then() {
    let authority = Authority::new("servers");
    let (first, second) = (authority.issue("nova.test"), authority.issue("nova.test"));
    let folder = Folder::with(&first);
    let (server, tls) =
        serve(ServerSettings::default(), (CertificateSource::Given, folder.rules(false))).await;
    assert_eq!((tls.not_after(), tls.reload().expect("nothing to read")), (None, None));
    let early = try_connect(&server, Arc::new(client(&authority, BOTH, &["http/1.1"]))).await;
    early.expect_err("there is no certificate");

    tls.give(given(&first)).expect("a good pair");
    let mut open = connect(&server, client(&authority, BOTH, &["http/1.1"])).await;
    get_open(&mut open).await;
    tls.give(given(&second)).expect("a good pair");
    let mut fresh = connect(&server, client(&authority, BOTH, &["http/1.1"])).await;
    assert_eq!((shown(&open), shown(&fresh)), (first.der.clone(), second.der.clone()));
    get_open(&mut open).await;
    get_open(&mut fresh).await;

    let ended = tls.give(given(&authority.issue_until("nova.test", 2001))).expect_err("it has ended");
    assert!(matches!(ended, TlsError::Expired { .. }), "{ended:?}");
    let mixed = Pair { der: first.der, key: second.key };
    let mixed = tls.give(given(&mixed)).expect_err("no pair");
    assert!(mixed.to_string().contains("of a test"), "{mixed}");
    assert_eq!(shown(&connect(&server, client(&authority, BOTH, &["http/1.1"])).await), second.der);
}

#[tokio::test]
async fn other_authorities_of_clients_come_into_force_beside_a_certificate_that_was_given() {
    let servers = Authority::new("servers");
    let (old, new) = (Authority::new("clients"), Authority::new("other clients"));
    let pair = servers.issue("nova.test");
    let folder = Folder::with(&pair);
    folder.write_client_ca(&old);
    let (server, tls) =
        serve(ServerSettings::default(), (CertificateSource::Given, folder.rules(true))).await;
    tls.give(given(&pair)).expect("a good pair");
    let with = |identity: &Pair| client_as(&servers, Some(identity), BOTH, &["http/1.1"]);
    let (known, other) = (old.issue("batch.test"), new.issue("batch.test"));
    get_open(&mut connect(&server, with(&known)).await).await;
    folder.write_client_ca(&new);
    tls.reload().expect("good authorities");
    get_open(&mut connect(&server, with(&other)).await).await;
    let refused = try_connect(&server, Arc::new(with(&known))).await;
    let refused = match refused {
        Ok(mut stream) => get_once(&mut stream, "/hello").await.is_err(),
        Err(_) => true,
    };
    assert!(refused, "its authority is not known any more");
}
