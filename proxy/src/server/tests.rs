//! The server over real sockets on loopback.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::poll_fn;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;
use warp::Filter;

use super::conn::TrackedExecutor;
use super::socket::Accept;
use super::transport::Transport;
use super::*;

mod hops;
mod tls;

/// Longer than anything here takes; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn log() -> slog::Logger {
    slog::Logger::root(slog::Discard, slog::o!())
}

/// Answers by path. `/stream` sends what the test puts into the channel.
#[derive(Clone)]
struct Demo {
    chunks: Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>,
}

impl Service<Request<Incoming>> for Demo {
    type Response = Response<BoxBody<Bytes, Infallible>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let demo = self.clone();
        Box::pin(async move {
            let peer = request.extensions().get::<Peer>().cloned();
            let body = match request.uri().path() {
                "/hello" => Full::from("hello").boxed(),
                "/peer" => Full::from(peer.expect("a peer").address.to_string()).boxed(),
                "/client" => Full::from(peer.expect("a peer").client.to_string()).boxed(),
                "/certificate" => {
                    let certificate = peer.expect("a peer").certificate;
                    Full::from(certificate.map_or_else(String::new, |shown| shown.subject.clone())).boxed()
                }
                "/panic" => panic!("asked to"),
                "/held" => {
                    let mut chunks = demo.chunks.lock().unwrap().take().expect("one stream a test");
                    Full::from(chunks.recv().await.expect("what to answer")).boxed()
                }
                "/panic-in-body" => {
                    let mut begun = false;
                    StreamBody::new(poll_fn(move |_| {
                        assert!(!std::mem::replace(&mut begun, true), "asked to");
                        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"begun")))))
                    }))
                    .boxed()
                }
                "/fail" => return Err(io::Error::other("asked to")),
                "/endless" => {
                    let chunk = Bytes::from(vec![0_u8; 64 * 1024]);
                    StreamBody::new(poll_fn(move |_| Poll::Ready(Some(Ok(Frame::data(chunk.clone()))))))
                        .boxed()
                }
                "/stream" => {
                    let mut chunks = demo.chunks.lock().unwrap().take().expect("one stream a test");
                    StreamBody::new(poll_fn(move |cx| {
                        chunks.poll_recv(cx).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
                    }))
                    .boxed()
                }
                other => panic!("no such path: {other}"),
            };
            Ok(Response::new(body))
        })
    }
}

fn stop_tokens() -> StopTokens {
    let [announced, draining, forced] = [(); 3].map(|()| CancellationToken::new());
    StopTokens { announced, draining, forced }
}

struct Running {
    address: SocketAddr,
    stop: StopTokens,
    tasks: TaskTracker,
    stats: Arc<ServerStats>,
    chunks: mpsc::Sender<Bytes>,
    /// What a request that wants chunks takes; `None` once it has.
    unclaimed: Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>,
    outcome: JoinHandle<DrainOutcome>,
}

impl Running {
    async fn start(settings: ServerSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::start_on(settings, listener, address)
    }

    fn start_on(
        settings: ServerSettings,
        listener: impl Accept + Send + Sync + 'static,
        address: SocketAddr,
    ) -> Self {
        Self::start_as(|server| server, settings, listener, address)
    }

    /// `shape` gives the server what a test wants of it.
    fn start_as(
        shape: impl FnOnce(Server<Demo>) -> Server<Demo>,
        settings: ServerSettings,
        listener: impl Accept + Send + Sync + 'static,
        address: SocketAddr,
    ) -> Self {
        let (chunks, receiver) = mpsc::channel(4);
        let unclaimed = Arc::new(Mutex::new(Some(receiver)));
        let server = shape(Server::new(settings, Demo { chunks: Arc::clone(&unclaimed) }, log()));
        let stop = stop_tokens();
        let (tasks, stats) = (TaskTracker::new(), server.stats());
        let outcome = tasks.spawn(server.run_on(listener, stop.clone(), tasks.clone()));
        Self { address, stop, tasks, stats, chunks, unclaimed, outcome }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    async fn connect_http2(&self) -> http2::SendRequest<Empty<Bytes>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let executor = executor(&self.tasks, &CancellationToken::new());
        let (sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
        self.tasks.spawn(connection);
        sender
    }

    async fn outcome(self) -> DrainOutcome {
        timeout(PATIENCE, self.outcome).await.expect("the server stops").unwrap()
    }
}

fn executor(tasks: &TaskTracker, forced: &CancellationToken) -> TrackedExecutor {
    TrackedExecutor {
        tasks: tasks.clone(),
        forced: forced.clone(),
        write_timeout: PATIENCE,
        stats: Arc::default(),
    }
}

/// An HTTP/1.1 client that shows the bytes.
struct Client(TcpStream);

impl Client {
    async fn ask(&mut self, path: &str) {
        let head = format!("GET {path} HTTP/1.1\r\nhost: nova\r\n\r\n");
        self.0.write_all(head.as_bytes()).await.unwrap();
    }

    /// Reads until `text` has come and returns all that was read.
    async fn read_until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let mut buffer = [0_u8; 4096];
            let count = timeout(PATIENCE, self.0.read(&mut buffer)).await.expect("bytes come").unwrap();
            seen.extend_from_slice(&buffer[..count]);
            let so_far = String::from_utf8_lossy(&seen);
            if so_far.contains(text) {
                return so_far.into_owned();
            }
            assert_ne!(count, 0, "ended before {text:?}: {so_far:?}");
        }
    }

    /// Reads until the server closes or resets; returns what came before.
    async fn read_to_end(&mut self) -> String {
        let mut seen = Vec::new();
        let end = timeout(PATIENCE, self.0.read_to_end(&mut seen)).await.expect("the server closes");
        if let Err(failure) = end {
            assert_eq!(failure.kind(), io::ErrorKind::ConnectionReset);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://nova{path}")).body(Empty::new()).unwrap()
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn refuses_connections(address: SocketAddr) {
    let wait = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, wait).await.expect("the listener closes");
}

#[tokio::test]
async fn keep_alive_serves_several_requests_on_one_connection_and_names_the_peer() {
    let server = Running::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.ask("/hello").await;
        client.read_until("\r\n\r\nhello").await;
    }
    client.ask("/peer").await;
    let local = client.0.local_addr().unwrap().to_string();
    client.read_until(&format!("\r\n\r\n{local}")).await;
    assert_eq!(server.stats.accepted_total(), 1);
}

#[tokio::test]
async fn warp_filters_are_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let route = warp::path("warm").and(warp::ext::get::<Peer>()).map(|peer: Peer| peer.address.to_string());
    let server = Server::new(ServerSettings::default(), warp::service(route), log());
    let stop = stop_tokens();
    let tasks = TaskTracker::new();
    let outcome = tasks.spawn(server.run(listener, stop.clone(), tasks.clone()));
    let mut client = Client(TcpStream::connect(address).await.unwrap());
    client.ask("/warm").await;
    client.read_until(&client.0.local_addr().unwrap().to_string()).await;
    stop.draining.cancel();
    assert_eq!(outcome.await.unwrap(), DrainOutcome { forced_connections: 0 });
}

#[tokio::test]
async fn http2_with_prior_knowledge_serves_streams_side_by_side() {
    let server = Running::start(ServerSettings::default()).await;
    let mut client = server.connect_http2().await;
    let (first, second) = (client.send_request(get("/hello")), client.send_request(get("/hello")));
    let (first, second) = tokio::join!(first, second);
    for response in [first.unwrap(), second.unwrap()] {
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
    assert_eq!(server.stats.accepted_total(), 1);
}

#[rstest]
#[case::of_a_silent_client("")]
#[case::of_http1("GET /hello HTTP/1.1\r\nhost: no")]
#[case::of_an_http2_preface("PRI * HTTP/2.0\r\n")]
#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off(#[case] start: &str) {
    let settings =
        ServerSettings { header_read_timeout: Duration::from_millis(50), ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut client = server.connect().await;
    client.0.write_all(start.as_bytes()).await.unwrap();
    assert_eq!(client.read_to_end().await, "");
    eventually("counted", || server.stats.overdue_connections_total() == 1).await;
}

#[tokio::test]
async fn a_second_head_that_does_not_end_is_cut_off_before_the_idle_timeout() {
    let settings =
        ServerSettings { header_read_timeout: Duration::from_secs(1), ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut client = server.connect().await;
    client.ask("/hello").await;
    client.read_until("\r\n\r\nhello").await;
    client.0.write_all(b"GET /he").await.unwrap();
    assert_eq!(client.read_to_end().await, "");
}

#[tokio::test]
async fn a_resting_connection_is_closed_after_the_idle_timeout() {
    let settings = ServerSettings { idle_timeout: Duration::from_millis(50), ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut client = server.connect().await;
    client.ask("/hello").await;
    client.read_until("\r\n\r\nhello").await;
    assert_eq!(client.read_to_end().await, "");

    let mut http2 = server.connect_http2().await;
    http2.send_request(get("/hello")).await.unwrap().into_body().collect().await.unwrap();
    eventually("the HTTP/2 connection closes", || http2.is_closed()).await;
    eventually("both counted", || server.stats.overdue_connections_total() == 2).await;
}

#[tokio::test]
async fn a_quiet_open_stream_outlives_the_idle_timeout() {
    let settings = ServerSettings { idle_timeout: Duration::from_millis(20), ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut streaming = server.connect().await;
    streaming.ask("/stream").await;
    streaming.read_until("\r\n\r\n").await;
    // Another connection that rests later and is closed for it shows that the timeout has passed.
    let mut resting = server.connect().await;
    resting.ask("/hello").await;
    resting.read_until("\r\n\r\nhello").await;
    resting.read_to_end().await;
    server.chunks.send(Bytes::from("still here")).await.unwrap();
    streaming.read_until("still here").await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_response_is_dropped() {
    let settings = ServerSettings { write_timeout: Duration::from_millis(50), ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut client = server.connect().await;
    client.ask("/endless").await;
    eventually("dropped", || server.stats.overdue_connections_total() == 1).await;
    assert_eq!(server.stats.open_connections(), 0);
}

#[tokio::test]
async fn a_stream_of_which_nothing_is_taken_is_reset_and_its_neighbor_goes_on() {
    let settings = ServerSettings { write_timeout: Duration::from_millis(50), ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut client = server.connect_http2().await;
    // The window of its stream fills up, and nobody opens it again.
    let stalled = client.send_request(get("/endless")).await.unwrap();
    eventually("reset", || server.stats.overdue_connections_total() == 1).await;
    let neighbor = client.send_request(get("/hello")).await.unwrap();
    assert_eq!(neighbor.into_body().collect().await.unwrap().to_bytes(), "hello");
    stalled.into_body().collect().await.expect_err("a stream that was reset never looks complete");
    assert_eq!(server.stats.open_connections(), 1);
}

#[rstest]
#[case::too_many_fields("a: b\r\n".repeat(20))]
#[case::too_many_bytes(format!("a: {}\r\n", "b".repeat(20_000)))]
#[tokio::test]
async fn a_head_over_the_limits_is_refused(#[case] fields: String) {
    let settings = ServerSettings { max_headers: 16, max_header_bytes: 8192, ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut client = server.connect().await;
    let head = format!("GET /hello HTTP/1.1\r\nhost: nova\r\n{fields}\r\n");
    client.0.write_all(head.as_bytes()).await.unwrap();
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
}

#[tokio::test]
async fn drain_lets_an_open_stream_finish_and_closes_resting_connections() {
    let server = Running::start(ServerSettings::default()).await;
    let mut streaming = server.connect().await;
    streaming.ask("/stream").await;
    streaming.read_until("\r\n\r\n").await;
    let mut resting = server.connect().await;
    resting.ask("/hello").await;
    resting.read_until("\r\n\r\nhello").await;

    server.stop.draining.cancel();
    refuses_connections(server.address).await;
    assert_eq!(resting.read_to_end().await, "");
    assert!(!server.outcome.is_finished(), "a stream is still open");

    server.chunks.send(Bytes::from("the rest")).await.unwrap();
    streaming.read_until("the rest").await;
    let Running { chunks, outcome, .. } = server;
    drop(chunks);
    // The chunk of length zero is how HTTP/1.1 tells a whole body from a cut one.
    assert_eq!(streaming.read_to_end().await, "\r\n0\r\n\r\n".trim_start());
    let outcome = timeout(PATIENCE, outcome).await.expect("drained").unwrap();
    assert_eq!(outcome, DrainOutcome { forced_connections: 0 });
}

#[tokio::test]
async fn an_announced_stop_ends_connections_with_their_next_response_and_still_takes_new_ones() {
    let server = Running::start(ServerSettings::default()).await;
    let mut kept = server.connect().await;
    kept.ask("/hello").await;
    kept.read_until("\r\n\r\nhello").await;
    server.stop.announced.cancel();
    let mut new = server.connect().await;
    for client in [&mut kept, &mut new] {
        client.ask("/hello").await;
        let answer = client.read_to_end().await;
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("hello"), "{answer:?}");
    }
    assert!(!server.outcome.is_finished(), "nobody has told it to drain");
}

#[tokio::test]
async fn a_request_that_crosses_the_drain_on_a_resting_connection_is_answered() {
    let server = Running::start(ServerSettings { linger: PATIENCE, ..ServerSettings::default() }).await;
    let mut resting = server.connect().await;
    resting.ask("/hello").await;
    resting.read_until("\r\n\r\nhello").await;
    let mut silent = server.connect().await;
    eventually("accepted", || server.stats.open_connections() == 2).await;
    server.stop.announced.cancel();
    server.stop.draining.cancel();
    refuses_connections(server.address).await;
    for client in [&mut resting, &mut silent] {
        client.ask("/hello").await;
        let answer = client.read_to_end().await;
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("hello"), "{answer:?}");
    }
    assert_eq!(server.outcome().await, DrainOutcome { forced_connections: 0 });
}

/// A queue of connections that nobody has accepted: the drain has begun before the server runs.
#[tokio::test]
async fn connections_that_wait_in_the_kernel_at_the_drain_are_served() {
    let listener = ListenSocket::bind_tcp(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = Client(TcpStream::connect(address).await.unwrap());
        client.ask("/warm").await;
        clients.push(client);
    }
    let route = warp::path("warm").map(|| "served");
    let server = Server::new(ServerSettings::default(), warp::service(route), log());
    let (stop, tasks) = (stop_tokens(), TaskTracker::new());
    stop.announced.cancel();
    stop.draining.cancel();
    let outcome = tasks.spawn(server.run(listener, stop, tasks.clone()));
    for client in &mut clients {
        assert!(client.read_to_end().await.ends_with("served"));
    }
    assert_eq!(outcome.await.unwrap(), DrainOutcome { forced_connections: 0 });
}

#[tokio::test]
async fn drain_answers_a_request_that_has_begun_and_tells_its_client_to_close() {
    let server = Running::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    client.ask("/held").await;
    eventually("it has begun", || server.unclaimed.lock().unwrap().is_none()).await;
    let mut resting = server.connect().await;
    resting.ask("/hello").await;
    resting.read_until("\r\n\r\nhello").await;
    server.stop.draining.cancel();
    // Connections learn of the drain in the order of their coming: once the later one has, the earlier one knows.
    resting.read_to_end().await;
    server.chunks.send(Bytes::from("the answer")).await.unwrap();
    let answer = client.read_to_end().await;
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("the answer"), "{answer:?}");
    assert_eq!(server.outcome().await, DrainOutcome { forced_connections: 0 });
}

#[tokio::test]
async fn drain_lets_an_open_http2_stream_finish_and_takes_no_new_one() {
    let server = Running::start(ServerSettings::default()).await;
    let mut client = server.connect_http2().await;
    let mut body = client.send_request(get("/stream")).await.unwrap().into_body();

    server.stop.draining.cancel();
    refuses_connections(server.address).await;
    let refused = async { while client.send_request(get("/hello")).await.is_ok() {} };
    timeout(PATIENCE, refused).await.expect("GOAWAY ends new streams");

    server.chunks.send(Bytes::from("the rest")).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "the rest");
    let Running { chunks, outcome, .. } = server;
    drop(chunks);
    let rest = timeout(PATIENCE, body.collect()).await.unwrap().expect("the stream ends whole");
    assert_eq!(rest.to_bytes(), "");
    let outcome = timeout(PATIENCE, outcome).await.expect("drained").unwrap();
    assert_eq!(outcome, DrainOutcome { forced_connections: 0 });
}

#[tokio::test]
async fn forced_stop_cuts_open_streams_so_that_they_never_look_finished() {
    let server = Running::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    client.ask("/stream").await;
    client.read_until("\r\n\r\n").await;
    server.stop.draining.cancel();
    server.stop.forced.cancel();
    assert!(!client.read_to_end().await.contains("0\r\n\r\n"));
    assert_eq!(server.outcome().await, DrainOutcome { forced_connections: 1 });
}

#[tokio::test]
async fn forced_stop_without_a_drain_ends_http2_streams_and_their_tasks() {
    let server = Running::start(ServerSettings::default()).await;
    let mut client = server.connect_http2().await;
    let mut body = client.send_request(get("/stream")).await.unwrap().into_body();
    server.stop.forced.cancel();
    body.frame().await.expect("an end that is not clean").expect_err("a broken stream");
    drop(client);
    let (chunks, tasks) = (server.chunks.clone(), server.tasks.clone());
    assert_eq!(server.outcome().await, DrainOutcome { forced_connections: 1 });
    timeout(PATIENCE, chunks.closed()).await.expect("the body is dropped");
    tasks.close();
    timeout(PATIENCE, tasks.wait()).await.expect("no task is left");
}

#[tokio::test]
async fn connections_over_the_limit_wait_their_turn() {
    let settings = ServerSettings { max_connections: 1, ..ServerSettings::default() };
    let server = Running::start(settings).await;
    let mut first = server.connect().await;
    first.ask("/hello").await;
    first.read_until("\r\n\r\nhello").await;
    let mut second = server.connect().await;
    second.ask("/hello").await;
    eventually("the wait is counted", || server.stats.limit_waits_total() == 1).await;
    assert_eq!((server.stats.accepted_total(), server.stats.open_connections()), (1, 1));
    drop(first);
    second.read_until("\r\n\r\nhello").await;
}

#[rstest]
#[case::panic("/panic")]
#[case::error("/fail")]
#[tokio::test]
async fn a_failing_service_ends_its_request_only(#[case] path: &str) {
    let server = Running::start(ServerSettings::default()).await;
    let mut failing = server.connect().await;
    failing.ask(path).await;
    assert_eq!(failing.read_to_end().await, "");

    let mut http2 = server.connect_http2().await;
    http2.send_request(get(path)).await.expect_err("the stream is reset");
    let sibling = http2.send_request(get("/hello")).await.expect("the connection lives");
    assert_eq!(sibling.into_body().collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(server.stats.panicked_connections_total(), 0);
}

#[tokio::test]
async fn a_panicking_body_breaks_its_response_and_no_other_connection() {
    let server = Running::start(ServerSettings::default()).await;
    let mut other = server.connect().await;
    other.ask("/hello").await;
    other.read_until("\r\n\r\nhello").await;
    let mut failing = server.connect().await;
    failing.ask("/panic-in-body").await;
    assert!(!failing.read_to_end().await.contains("0\r\n\r\n"), "it never looks finished");
    eventually("counted", || server.stats.panicked_connections_total() == 1).await;
    assert_eq!(server.stats.open_connections(), 1, "its slot is free again");
    other.ask("/hello").await;
    other.read_until("\r\n\r\nhello").await;

    let mut http2 = server.connect_http2().await;
    let broken = http2.send_request(get("/panic-in-body")).await.unwrap().into_body().collect().await;
    assert!(broken.is_err(), "the stream is reset");
    http2.send_request(get("/hello")).await.expect("the connection lives");
}

/// A listener whose first accepts fail.
struct Exhausted {
    failures: Mutex<Vec<io::Error>>,
    listener: TcpListener,
}

impl Accept for Exhausted {
    async fn accept(&self) -> io::Result<(Transport, SocketAddr)> {
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure);
        }
        Accept::accept(&self.listener).await
    }
}

#[tokio::test]
async fn failures_of_accept_do_not_end_the_loop() {
    const EMFILE: i32 = 24;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = vec![
        io::Error::from_raw_os_error(EMFILE),
        io::Error::from(io::ErrorKind::ConnectionAborted),
        io::Error::from_raw_os_error(EMFILE),
    ];
    let exhausted = Exhausted { failures: Mutex::new(failures), listener };
    let server = Running::start_on(ServerSettings::default(), exhausted, address);
    let mut client = server.connect().await;
    client.ask("/hello").await;
    client.read_until("\r\n\r\nhello").await;
    assert_eq!(server.stats.accept_errors_total(), 3);
}

#[tokio::test]
async fn a_stuck_stream_task_ends_with_the_forced_stop() {
    let (tasks, forced) = (TaskTracker::new(), CancellationToken::new());
    let executor = executor(&tasks, &forced);
    hyper::rt::Executor::execute(&executor, std::future::pending::<()>());
    assert_eq!(tasks.len(), 1, "it is tracked");
    tasks.close();
    forced.cancel();
    timeout(PATIENCE, tasks.wait()).await.expect("it ends");
}
