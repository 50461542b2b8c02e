//! Fetches from a server on loopback, with names that resolve as each test says.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::time::Duration;

use rstest::rstest;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::*;
use crate::media::HostPattern;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand the rest of it";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Gives each name's answers in turn, the last one again and again.
#[derive(Debug, Default)]
struct Names {
    answers: Mutex<HashMap<&'static str, VecDeque<Vec<IpAddr>>>>,
    calls: Mutex<usize>,
}

impl Names {
    fn of(entries: &[(&'static str, &[&str])]) -> Self {
        let names = Self::default();
        for (name, addresses) in entries {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            names.answers.lock().unwrap().entry(name).or_default().push_back(addresses);
        }
        names
    }
}

impl Resolve for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        *self.calls.lock().unwrap() += 1;
        let mut answers = self.answers.lock().unwrap();
        let queue = answers.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        if queue.len() > 1 { Ok(queue.pop_front().unwrap()) } else { Ok(queue[0].clone()) }
    }
}

/// Serves canned answers by path and keeps the heads of requests.
#[derive(Clone)]
struct ImageServer {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ImageServer {
    async fn start(answers: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start_with(answers, None).await
    }

    async fn start_with(
        answers: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), heads: Arc::default() };
        let (answers, heads, tasks) = (Arc::new(answers), Arc::clone(&server.heads), TaskTracker::new());
        tasks.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, heads, tls) = (Arc::clone(&answers), Arc::clone(&heads), tls.clone());
                tasks.spawn(async move {
                    match tls {
                        None => answer(stream, &*answers, &heads).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => answer(stream, &*answers, &heads).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        server
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://images.test:{}{path}", self.port)).unwrap()
    }

    fn request_count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

/// Answers one request. An empty answer keeps the connection open and says nothing.
async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: &(impl Fn(&str) -> Vec<u8> + Sync),
    heads: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1)?.to_owned();
    heads.lock().unwrap().push(head);
    let bytes = answers(&path);
    stream.write_all(&bytes).await.ok()?;
    if bytes.is_empty() {
        stream.read_u8().await.ok()?;
    }
    stream.shutdown().await.ok()
}

fn ok(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn redirect(target: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

fn settings(patterns: &[&str]) -> ImageFetchSettings {
    ImageFetchSettings {
        allow_hosts: patterns.iter().map(|pattern| pattern.parse::<HostPattern>().unwrap()).collect(),
        allow_private_networks: true,
        max_bytes: 1000,
        timeout: Duration::from_secs(20),
        ..ImageFetchSettings::default()
    }
}

fn client_tls(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn fetcher(settings: ImageFetchSettings, names: Names) -> ImageFetcher<Names> {
    ImageFetcher::new(settings, names, client_tls(RootCertStore::empty()))
}

/// A fetcher that may fetch from `images.test` on the server's port.
fn fetcher_for(server: &ImageServer) -> ImageFetcher<Names> {
    let pattern = format!("images.test:{}", server.port);
    fetcher(settings(&[&pattern]), Names::of(&[("images.test", &["127.0.0.1"])]))
}

#[tokio::test]
async fn an_image_is_fetched_with_a_plain_request() {
    let server = ImageServer::start(|_| ok(PNG)).await;
    let image = fetcher_for(&server).fetch(&server.url("/a%20b.png?sig=x%2By#top")).await.unwrap();
    assert_eq!((image.bytes.as_ref(), image.media_type), (PNG, ImageMediaType::Png));
    let head = server.heads.lock().unwrap()[0].clone();
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    lines[1..].sort_unstable();
    let host = format!("host: images.test:{}", server.port);
    assert_eq!(
        lines,
        [
            "GET /a%20b.png?sig=x%2By HTTP/1.1",
            "accept-encoding: identity",
            "accept: image/png, image/jpeg, image/gif, image/webp",
            &host,
            "user-agent: nova-proxy-image-fetch",
        ]
    );
}

#[tokio::test]
async fn nothing_is_fetched_without_an_allow_list() {
    let fetcher = fetcher(settings(&[]), Names::default());
    let error = fetcher.fetch(&Url::parse("https://images.test/a.png").unwrap()).await.unwrap_err();
    assert!(matches!(error, FetchError::Disabled), "{error}");
}

#[rstest]
#[case::file("file:///etc/passwd", "http and https alone")]
#[case::ftp("ftp://images.test/a.png", "http and https alone")]
#[case::user("https://user@images.test/a.png", "holds credentials")]
#[case::password("https://:secret@images.test/a.png", "holds credentials")]
#[case::other_host("https://other.test/a.png", "not fetched from `other.test`, port 443")]
#[case::other_port("https://images.test:8443/a.png", "not fetched from `images.test`, port 8443")]
#[case::bare_address("http://127.0.0.1/a.png", "not fetched from `127.0.0.1`, port 80")]
#[case::number("http://2130706433/a.png", "not fetched from `127.0.0.1`, port 80")]
#[tokio::test]
async fn a_url_outside_the_policy_is_refused_before_its_name_is_resolved(
    #[case] url: &str,
    #[case] expected: &str,
) {
    let fetcher = fetcher(settings(&["images.test"]), Names::default());
    let error = fetcher.fetch(&Url::parse(url).unwrap()).await.unwrap_err().to_string();
    assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    assert_eq!(*fetcher.resolver.calls.lock().unwrap(), 0);
}

#[rstest]
#[case::private(&["10.1.2.3"], false)]
#[case::loopback(&["127.0.0.1"], false)]
#[case::one_of_many(&["8.8.8.8", "10.1.2.3"], false)]
#[case::mapped(&["::ffff:10.1.2.3"], false)]
#[case::metadata(&["169.254.169.254"], false)]
#[case::metadata_with_private_networks(&["169.254.169.254"], true)]
#[case::metadata_in_ipv6(&["fd00:ec2::254"], true)]
#[case::metadata_disguised(&["127.0.0.1", "::ffff:169.254.169.254"], true)]
#[tokio::test]
async fn an_inner_address_is_refused_without_being_told(
    #[case] addresses: &'static [&'static str],
    #[case] allow_private_networks: bool,
) {
    let settings = ImageFetchSettings { allow_private_networks, ..settings(&["images.test"]) };
    let fetcher = fetcher(settings, Names::of(&[("images.test", addresses)]));
    let error = fetcher.fetch(&Url::parse("https://images.test/a.png").unwrap()).await.unwrap_err();
    assert!(matches!(error, FetchError::AddressNotAllowed { .. }), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(addresses.iter().all(|address| !shown.contains(address)), "{shown}");
}

#[tokio::test]
async fn a_listed_metadata_address_is_refused_all_the_same() {
    let fetcher = fetcher(settings(&["169.254.169.254", "[fd00:ec2::254]"]), Names::default());
    for url in ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/meta-data/"] {
        let error = fetcher.fetch(&Url::parse(url).unwrap()).await.unwrap_err();
        assert!(matches!(error, FetchError::AddressNotAllowed { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let fetcher = fetcher(settings(&["images.test"]), Names::default());
    let error = fetcher.fetch(&Url::parse("https://images.test/a.png").unwrap()).await.unwrap_err();
    assert!(matches!(error, FetchError::NoAddress { .. }), "{error}");
}

#[tokio::test]
async fn a_name_is_resolved_once_so_that_it_cannot_change_after_the_judgment() {
    let server = ImageServer::start(|_| ok(PNG)).await;
    let pattern = format!("images.test:{}", server.port);
    let names = Names::of(&[("images.test", &["127.0.0.1"]), ("images.test", &["169.254.169.254"])]);
    let fetcher = fetcher(settings(&[&pattern]), names);
    fetcher.fetch(&server.url("/a.png")).await.expect("the judged address is the one connected to");
    assert_eq!(*fetcher.resolver.calls.lock().unwrap(), 1);
    let error = fetcher.fetch(&server.url("/a.png")).await.unwrap_err();
    assert!(matches!(error, FetchError::AddressNotAllowed { .. }), "{error}");
    assert_eq!(server.request_count(), 1);
}

#[tokio::test]
async fn a_name_that_turns_from_public_to_private_is_judged_anew() {
    let settings = ImageFetchSettings { allow_private_networks: false, ..settings(&["images.test"]) };
    let names = Names::of(&[("images.test", &["8.8.8.8"]), ("images.test", &["127.0.0.1"])]);
    let fetcher = fetcher(settings, names);
    let url = Url::parse("https://images.test/a.png").unwrap();
    assert_eq!(
        fetcher.addresses(&url).await.unwrap(),
        CheckedAddresses::new(&["8.8.8.8".parse().unwrap()], 443)
    );
    let error = fetcher.addresses(&url).await.unwrap_err();
    assert!(matches!(error, FetchError::AddressNotAllowed { .. }), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_to_the_limit() {
    let server = ImageServer::start(|_| redirect("/loop")).await;
    let error = fetcher_for(&server).fetch(&server.url("/loop")).await.unwrap_err();
    assert!(matches!(error, FetchError::TooManyRedirects { limit: 3 }), "{error}");
    assert_eq!(server.request_count(), 4);

    let server = ImageServer::start(|path| match path {
        "/a/3" => redirect("2"),
        "/a/2" => redirect("/1"),
        "/1" => redirect("?0"),
        "/1?0" => ok(PNG),
        other => panic!("not asked for: {other}"),
    })
    .await;
    fetcher_for(&server).fetch(&server.url("/a/3")).await.expect("three redirects are followed");
}

#[rstest]
#[case::to_metadata("http://169.254.169.254/latest/", "`169.254.169.254` is not in a network")]
#[case::to_a_name_that_is_metadata("http://inner.test/", "`inner.test` is not in a network")]
#[case::to_an_unlisted_host("http://other.test/", "not fetched from `other.test`")]
#[case::to_another_port("http://images.test:1/", "not fetched from `images.test`, port 1")]
#[case::to_credentials("http://a:b@inner.test/", "holds credentials")]
#[case::to_a_file("file:///etc/passwd", "http and https alone")]
#[case::to_no_url("http://[", "redirects to what is no URL")]
#[tokio::test]
async fn each_redirect_is_judged_anew(#[case] target: &'static str, #[case] expected: &str) {
    let server = ImageServer::start(move |_| redirect(target)).await;
    let pattern = format!("images.test:{}", server.port);
    let names = Names::of(&[("images.test", &["127.0.0.1"]), ("inner.test", &["169.254.169.254"])]);
    let fetcher = fetcher(settings(&[&pattern, "169.254.169.254", "inner.test"]), names);
    let error = fetcher.fetch(&server.url("/a.png")).await.unwrap_err();
    let told = error.to_string();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(told.contains("`images.test` redirects to"), "{told}");
    assert!(told.contains(expected) || cause.contains(expected), "{told}: {cause}");
    assert!(!told.contains("169.254") && !told.contains(".test`, port") && !told.contains("inner"), "{told}");
    assert_eq!(server.request_count(), 1);
}

fn png_of(length: usize) -> Vec<u8> {
    let mut image = PNG.to_vec();
    image.resize(length, 0);
    image
}

#[rstest]
#[case::just_fits(ok(&png_of(1000)), true)]
#[case::one_more(ok(&png_of(1001)), false)]
#[case::without_a_length([b"HTTP/1.1 200 OK\r\n\r\n", png_of(5000).as_slice()].concat(), false)]
#[case::in_chunks([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1388\r\n", png_of(5000).as_slice(), b"\r\n0\r\n\r\n"].concat(), false)]
#[tokio::test]
async fn what_comes_is_counted_whatever_the_server_says(#[case] answer: Vec<u8>, #[case] fits: bool) {
    let server = ImageServer::start(move |_| answer.clone()).await;
    match fetcher_for(&server).fetch(&server.url("/a.png")).await {
        Ok(image) => assert!(fits && image.bytes.len() == 1000),
        Err(error) => assert!(!fits && matches!(error, FetchError::TooLarge { limit: 1000 }), "{error}"),
    }
}

#[rstest]
#[case::a_page(ok(b"<html>a sign-in page, served as image/png</html>"), "is no PNG")]
#[case::nothing(ok(b""), "is no PNG")]
#[case::refused(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_vec(), "answered with status 403")]
#[case::not_changed(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec(), "answered with status 304")]
#[case::not_http(b"SSH-2.0-OpenSSH_9.7\r\n".to_vec(), "cannot be reached or broke off")]
#[case::cut(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n\x89PNG\r\n\x1a\n".to_vec(), "cannot be reached or broke off")]
#[tokio::test]
async fn what_is_no_whole_image_is_refused(#[case] answer: Vec<u8>, #[case] expected: &str) {
    let server = ImageServer::start(move |_| answer.clone()).await;
    let error = fetcher_for(&server).fetch(&server.url("/a.png")).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[rstest]
#[case::says_nothing(b"")]
#[case::stops_in_the_middle(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n\x89PNG\r\n\x1a\n")]
#[tokio::test]
async fn a_slow_server_is_left(#[case] start: &'static [u8]) {
    // The connection stays open behind what was sent, since the listener alone holds it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = ImageServer { port: listener.local_addr().unwrap().port(), heads: Arc::default() };
    let pattern = format!("images.test:{}", server.port);
    let limit = Duration::from_millis(100);
    let settings = ImageFetchSettings { timeout: limit, ..settings(&[&pattern]) };
    let fetcher = fetcher(settings, Names::of(&[("images.test", &["127.0.0.1"])]));
    let url = server.url("/a.png");
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(start).await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serve => unreachable!("it serves forever"),
        result = fetcher.fetch(&url) => {
            assert!(matches!(result, Err(FetchError::Timeout { limit: told }) if told == limit), "{result:?}");
        }
    }
}

#[tokio::test]
async fn more_fetches_than_allowed_wait_and_are_told() {
    let server = ImageServer::start(|_| Vec::new()).await;
    let pattern = format!("images.test:{}", server.port);
    let settings = ImageFetchSettings {
        max_concurrent: 1,
        timeout: Duration::from_millis(200),
        ..settings(&[&pattern])
    };
    let fetcher = fetcher(settings, Names::of(&[("images.test", &["127.0.0.1"])]));
    let url = server.url("/a.png");
    let _turn = fetcher.turns.acquire().await.unwrap();
    let error = fetcher.fetch(&url).await.unwrap_err();
    assert!(matches!(error, FetchError::Busy), "{error}");
    assert_eq!(server.request_count(), 0);
}

#[tokio::test]
async fn a_dead_address_is_passed_over_for_the_next() {
    let server = ImageServer::start(|_| ok(PNG)).await;
    let pattern = format!("images.test:{}", server.port);
    // Nothing listens on the second loopback address.
    let names = Names::of(&[("images.test", &["127.0.0.2", "127.0.0.1"])]);
    fetcher(settings(&[&pattern]), names).fetch(&server.url("/a.png")).await.unwrap();

    let names = Names::of(&[("images.test", &["127.0.0.2"])]);
    let error = fetcher(settings(&[&pattern]), names).fetch(&server.url("/a.png")).await.unwrap_err();
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
    assert!(!error.to_string().contains("127.0.0.2"), "{error}");
}

#[tokio::test]
async fn https_checks_the_certificate_for_the_name_in_the_url_and_is_never_left_for_http() {
    let certified = rcgen::generate_simple_self_signed(["images.test".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = certified.cert.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let answers = |path: &str| if path == "/down" { redirect("http://images.test/a.png") } else { ok(PNG) };
    let server = ImageServer::start_with(answers, Some(TlsAcceptor::from(Arc::new(tls)))).await;

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let patterns = [format!("images.test:{}", server.port), format!("other.test:{}", server.port)];
    let settings = settings(&[&patterns[0], &patterns[1], "images.test"]);
    let names = Names::of(&[("images.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
    let fetcher = ImageFetcher::new(settings, names, client_tls(roots));
    let url = |host: &str, path: &str| Url::parse(&format!("https://{host}:{}{path}", server.port)).unwrap();

    let image = fetcher.fetch(&url("images.test", "/a.png")).await.unwrap();
    assert_eq!(image.bytes, PNG);
    let error = fetcher.fetch(&url("other.test", "/a.png")).await.unwrap_err();
    assert!(matches!(error, FetchError::Connection { .. }), "the certificate is another's: {error}");
    let error = fetcher.fetch(&url("images.test", "/down")).await.unwrap_err();
    assert!(matches!(error, FetchError::Redirect { .. }), "{error}");
    assert_eq!(server.request_count(), 2);
}

#[tokio::test]
async fn the_system_resolver_knows_this_machine() {
    assert!(SystemResolver.resolve("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
    assert_eq!(SystemResolver.resolve("127.0.0.1").await.unwrap(), [LOOPBACK]);
}
