//! A way to Consul on which chosen transactions are held up: what is on its way when its sender is killed or frozen arrives when
//! somebody else leads, or before anybody has acted upon it.
//!
//! It knows as much of HTTP/1.1 as it needs: requests have a head and a body of a known length, and come one after the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// No head of a request in a test is longer.
const LONGEST_HEAD: usize = 64 << 10;

/// The way. Dropping it closes its listener and every connection.
#[derive(Debug)]
pub(crate) struct HeldWay {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// How many of those that were held up may go on.
    released: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    /// Transactions that write this are held up.
    word: Option<String>,
    /// What those that were held up write.
    held: Vec<String>,
    /// The first lines of the answers to them.
    answers: Vec<String>,
}

impl HeldWay {
    /// Listens on a free port of loopback and passes everything on to `target`.
    pub(crate) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("bind the way")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { state: Mutex::default(), released: watch::Sender::new(0) });
        let mut accepting = JoinSet::new();
        let of_connections = Arc::clone(&shared);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&of_connections);
                connections.spawn(async move {
                    // A side that has gone is seen by the other one.
                    drop(connect(client, target, &shared).await);
                });
            }
        });
        Ok(Self { address, shared, _accepting: accepting })
    }

    /// Where to connect to.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Holds up the transactions from now on that write this.
    pub(crate) fn hold(&self, word: &str) {
        self.shared.lock().word = Some(word.to_owned());
    }

    /// Holds up no more of them, and lets those go that were.
    pub(crate) fn release(&self) {
        let count = {
            let mut state = self.shared.lock();
            state.word = None;
            state.held.len()
        };
        self.shared.released.send_replace(count);
    }

    /// How many were held up so far.
    pub(crate) fn count(&self) -> usize {
        self.shared.lock().held.len()
    }

    /// Waits until more than so many were held up.
    pub(crate) async fn holds_more_than(&self, count: usize, deadline: Duration) -> anyhow::Result<()> {
        wait_until("a transaction that is held up", deadline, || {
            let state = self.shared.lock();
            let is_held = state.held.len() > count;
            Ok(if is_held { Look::Ready(()) } else { Look::NotYet(state.word.clone()) })
        })
        .await
    }

    /// Waits for the answers to all that were held up, and returns their first lines.
    pub(super) async fn answers(&self) -> anyhow::Result<Vec<String>> {
        wait_until("answers to what was held up", DEADLINE, || {
            let state = self.shared.lock();
            let is_all = state.answers.len() == state.held.len();
            let answers = state.answers.clone();
            Ok(if is_all { Look::Ready(answers) } else { Look::NotYet(answers) })
        })
        .await
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transaction for one that is held up, if it is, and returns its number.
    fn takes(&self, body: &[u8]) -> Option<usize> {
        let text = written(body).unwrap_or_default();
        let mut state = self.lock();
        let is_held = state.word.as_ref().is_some_and(|word| text.contains(word.as_str()));
        if !is_held {
            return None;
        }
        state.held.push(text);
        Some(state.held.len())
    }
}

/// What a transaction writes, as text: values are in base64.
fn written(body: &[u8]) -> anyhow::Result<String> {
    let operations: Vec<Value> = serde_json::from_slice(body)?;
    let values = operations.iter().filter_map(|operation| operation["KV"]["Value"].as_str());
    let mut text = String::new();
    for value in values {
        text.push_str(&String::from_utf8_lossy(&STANDARD.decode(value)?));
    }
    Ok(text)
}

async fn connect(client: TcpStream, target: SocketAddr, shared: &Shared) -> anyhow::Result<()> {
    let server = TcpStream::connect(target).await?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // How many answers are to come to requests of this connection that were held up.
    let awaited = watch::Sender::new(0_usize);
    tokio::select! {
        ended = requests(from_client, to_server, shared, &awaited) => ended,
        ended = answers(from_server, to_client, shared, awaited.subscribe()) => ended,
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    awaited: &watch::Sender<usize>,
) -> anyhow::Result<()> {
    let mut released = shared.released.subscribe();
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(from.read_u8().await?);
            ensure!(request.len() < LONGEST_HEAD, "a head without an end");
        }
        let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
        let mut body = vec![0; length];
        from.read_exact(&mut body).await?;
        let number = if head.starts_with("put /v1/txn") { shared.takes(&body) } else { None };
        if let Some(number) = number {
            // Its sender may be gone by then: it was sent all the same.
            released.wait_for(|released| *released >= number).await?;
            awaited.send_modify(|count| *count += 1);
        }
        request.extend(body);
        to.write_all(&request).await?;
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    awaits: watch::Receiver<usize>,
) -> anyhow::Result<()> {
    let mut told = 0;
    let mut piece = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut piece).await?;
        let bytes = piece.get(..length).context("what was read is within the buffer")?;
        ensure!(!bytes.is_empty(), "the server has closed");
        let is_of_held = *awaits.borrow() > told;
        if is_of_held {
            told += 1;
            let text = String::from_utf8_lossy(bytes);
            shared.lock().answers.push(text.lines().next().unwrap_or_default().to_owned());
        }
        to.write_all(bytes).await?;
    }
}
