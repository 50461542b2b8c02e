//! A server on loopback that does to each connection exactly what a test says: bytes, silence, reset, close.
//!
//! It writes raw bytes, because what is tested is mostly what no well-behaved server library sends.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the server does once a request has come whole.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Write(Vec<u8>),
    /// Says nothing more until the client goes away, and notes that it did.
    AwaitGone,
    /// Breaks the connection with a TCP reset.
    Reset,
    /// Closes the connection in good order.
    Close,
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) request_line: String,
    /// Names in lower case, in the order of arrival.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

pub(super) struct ScriptedServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    gone: watch::Receiver<usize>,
    /// Stops the server when dropped.
    _tasks: JoinSet<()>,
}

impl ScriptedServer {
    /// Serves one script per request, in order; a request beyond the last is answered with 418.
    pub(super) async fn start(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripts = Arc::new(Mutex::new(scripts.into_iter().collect::<VecDeque<_>>()));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (gone_sender, gone) = watch::channel(0);
        let connections = Arc::new(AtomicUsize::new(0));
        let (log, accepted, mut tasks) = (received.clone(), connections.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut serving = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                serving.spawn(serve(socket, scripts.clone(), log.clone(), gone_sender.clone()));
            }
        });
        Self { address, received, connections, gone, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How many connections were ever accepted.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until `count` clients went away during [`Step::AwaitGone`].
    pub(super) async fn clients_gone(&self, count: usize) {
        let mut gone = self.gone.clone();
        let waiting = gone.wait_for(|gone| *gone >= count);
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .expect("the client stayed connected")
            .unwrap();
    }
}

async fn serve(
    mut socket: TcpStream,
    scripts: Arc<Mutex<VecDeque<Vec<Step>>>>,
    log: Arc<Mutex<Vec<Received>>>,
    gone: watch::Sender<usize>,
) {
    while let Some(request) = read_request(&mut socket).await {
        log.lock().unwrap().push(request);
        let script = scripts.lock().unwrap().pop_front();
        for step in script.unwrap_or_else(|| vec![Step::Write(whole(418, &[], b"{}"))]) {
            match step {
                Step::Write(bytes) => {
                    // The client may have gone on purpose; what it saw is asserted on its side.
                    if socket.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::AwaitGone => {
                    while matches!(socket.read(&mut [0; 64]).await, Ok(1..)) {}
                    gone.send_modify(|count| *count += 1);
                    return;
                }
                Step::Reset => return socket.set_zero_linger().unwrap(),
                Step::Close => return,
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let request_line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Received { request_line, headers, body: bytes[head + 4..].to_vec() };
    let length: usize = request.header("content-length").parse().unwrap();
    while request.body.len() < length {
        if socket.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

/// A whole response with a `content-length`.
pub(super) fn whole(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut bytes = head(status, headers, ("content-length", &length));
    bytes.extend(body);
    bytes
}

/// The head of a response whose body comes in chunks.
pub(super) fn chunked_head(headers: &[(&str, &str)]) -> Vec<u8> {
    head(200, headers, ("transfer-encoding", "chunked"))
}

/// One chunk of a body.
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The end of a body in chunks.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn head(status: u16, headers: &[(&str, &str)], framing: (&str, &str)) -> Vec<u8> {
    let lines: String =
        headers.iter().chain([&framing]).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} Scripted\r\n{lines}\r\n").into_bytes()
}
