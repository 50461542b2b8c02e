//! A TCP proxy whose wire can be cut, hung or slowed while connections are open.
//!
//! It knows no protocol: bytes go through it or they do not.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the wire does with bytes, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They go through.
    Pass,
    /// Each piece waits this long first.
    Delay(Duration),
    /// They stay where they are; connections remain open and silent.
    Hang,
    /// Open connections are closed, and new ones as soon as they are accepted.
    Cut,
}

/// The proxy. Dropping it closes its listener and every connection.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    counts: Arc<Counts>,
    _accepting: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    to_target: AtomicU64,
    from_target: AtomicU64,
}

impl Wire {
    /// Listens on a free port of loopback and passes connections on to `target`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("bind the wire")?, target)
    }

    fn on(listener: TcpListener, target: SocketAddr) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Mode::Pass);
        let mut accepting = JoinSet::new();
        let counts = Arc::new(Counts::default());
        accepting.spawn(accept(listener, target, modes, Arc::clone(&counts)));
        Ok(Self { address, mode, counts, _accepting: accepting })
    }

    /// As [`Self::to`], at an address that a wire had before: the way back of what had disappeared.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn at(address: SocketAddr, target: SocketAddr) -> anyhow::Result<Self> {
        Self::on(TcpListener::bind(address).await.context("bind the wire again")?, target)
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections came.
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// How many bytes went through it to the target, and how many came back.
    pub fn carried(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.counts.to_target), of(&self.counts.from_target))
    }

    /// Changes what the wire does from now on, for open connections too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    modes: watch::Receiver<Mode>,
    counts: Arc<Counts>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                counts.accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connect(client, target, modes.clone(), Arc::clone(&counts)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(
    client: TcpStream,
    target: SocketAddr,
    mut modes: watch::Receiver<Mode>,
    counts: Arc<Counts>,
) {
    if *modes.borrow() == Mode::Cut {
        return;
    }
    // A target that refuses is seen by the client as a connection that closes at once, which is what it is.
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (up, down) = (modes.clone(), modes.clone());
    let both = async {
        tokio::join!(
            carry(from_client, to_server, up, &counts.to_target),
            carry(from_server, to_client, down, &counts.from_target)
        )
    };
    tokio::select! {
        _ = modes.wait_for(|mode| *mode == Mode::Cut) => {}
        _ = both => {}
    }
}

/// Carries bytes one way until either side ends; the other way goes on until it ends too.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    carried: &AtomicU64,
) {
    let mut piece = vec![0; 16 << 10];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else { return };
        let mode = *modes.borrow();
        if let Mode::Delay(delay) = mode {
            tokio::time::sleep(delay).await;
        }
        if modes.wait_for(|mode| *mode != Mode::Hang).await.is_err() {
            return;
        }
        let Some(bytes) = piece.get(..length) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
        carried.fetch_add(u64::try_from(length).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::DEADLINE;

    async fn echo() -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(async move {
                    let (mut read, mut write) = socket.into_split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        (address, tasks)
    }

    async fn exchange(socket: &mut TcpStream) -> std::io::Result<[u8; 4]> {
        socket.write_all(b"ping").await?;
        let mut answer = [0; 4];
        socket.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn bytes_pass_and_a_cut_closes_open_and_new_connections() {
        let (target, _tasks) = echo().await;
        let wire = Wire::to(target).await.unwrap();
        let mut socket = TcpStream::connect(wire.address()).await.unwrap();
        assert_eq!(&exchange(&mut socket).await.unwrap(), b"ping");
        assert_eq!(wire.carried(), (4, 4));
        wire.set(Mode::Cut);
        let ended = tokio::time::timeout(DEADLINE, socket.read(&mut [0; 4])).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        let mut next = TcpStream::connect(wire.address()).await.unwrap();
        assert!(tokio::time::timeout(DEADLINE, exchange(&mut next)).await.unwrap().is_err());
        wire.set(Mode::Pass);
        let mut healed = TcpStream::connect(wire.address()).await.unwrap();
        assert_eq!(&exchange(&mut healed).await.unwrap(), b"ping");
    }

    #[tokio::test]
    async fn a_hung_wire_holds_bytes_until_it_passes_again() {
        let (target, _tasks) = echo().await;
        let wire = Wire::to(target).await.unwrap();
        let mut socket = TcpStream::connect(wire.address()).await.unwrap();
        assert_eq!(&exchange(&mut socket).await.unwrap(), b"ping");
        wire.set(Mode::Hang);
        socket.write_all(b"held").await.unwrap();
        let mut answer = [0; 4];
        let early = tokio::time::timeout(Duration::from_millis(50), socket.read_exact(&mut answer)).await;
        assert!(early.is_err(), "the bytes came through a hung wire");
        wire.set(Mode::Delay(Duration::from_millis(1)));
        tokio::time::timeout(DEADLINE, socket.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"held");
    }
}
