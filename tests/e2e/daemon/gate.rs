//! A way to Consul on which a transaction can be held: it has left its sender, and has not arrived.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How the head of a transaction begins. Each request is one piece: the client writes head and body at once.
const TRANSACTION: &[u8] = b"PUT /v1/txn";

/// What the gate does with transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transactions {
    /// They go through.
    Pass,
    /// They are held.
    Hold,
}

/// The gate. Dropping it ends all connections.
pub(super) struct Gate {
    pub(super) address: SocketAddr,
    mode: watch::Sender<Transactions>,
    held: watch::Receiver<usize>,
    answers: Arc<Mutex<Vec<String>>>,
    _accepting: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    target: SocketAddr,
    mode: watch::Receiver<Transactions>,
    held: Arc<watch::Sender<usize>>,
    answers: Arc<Mutex<Vec<String>>>,
}

impl Gate {
    pub(super) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Transactions::Pass);
        let (hold, held) = watch::channel(0);
        let answers = Arc::<Mutex<Vec<String>>>::default();
        let shared = Shared { target, mode: modes, held: Arc::new(hold), answers: Arc::clone(&answers) };
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, shared.clone()));
            }
        });
        Ok(Self { address, mode, held, answers, _accepting: accepting })
    }

    pub(super) fn set(&self, mode: Transactions) {
        self.mode.send_replace(mode);
    }

    /// Waits until a transaction is held.
    pub(super) async fn holds_one(&mut self) {
        self.held.wait_for(|held| *held > 0).await.expect("the gate is there");
    }

    /// What Consul answered to those that were held.
    pub(super) fn answers(&self) -> Vec<String> {
        self.answers.lock().unwrap().clone()
    }
}

/// Carries one connection. It goes on to the target where its client has gone: what was sent was sent.
async fn carry(client: TcpStream, shared: Shared) {
    let Ok(target) = TcpStream::connect(shared.target).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_target, mut to_target) = target.into_split();
    let (was_held, follow_held) = watch::channel(false);
    let mut mode = shared.mode.clone();
    let held = Arc::clone(&shared.held);
    let up = async move {
        let mut piece = vec![0; 64 << 10];
        while let Ok(length) = from_client.read(&mut piece).await
            && length > 0
        {
            if piece.starts_with(TRANSACTION) && *mode.borrow() == Transactions::Hold {
                was_held.send_replace(true);
                held.send_modify(|held| *held += 1);
                if mode.wait_for(|mode| *mode == Transactions::Pass).await.is_err() {
                    return;
                }
            }
            if to_target.write_all(&piece[..length]).await.is_err() {
                return;
            }
        }
        // The answer is waited for all the same.
        std::future::pending::<()>().await;
    };
    let answers = shared.answers;
    let down = async move {
        let mut piece = vec![0; 64 << 10];
        while let Ok(length) = from_target.read(&mut piece).await
            && length > 0
        {
            if *follow_held.borrow() {
                answers.lock().unwrap().push(String::from_utf8_lossy(&piece[..length]).into_owned());
            }
            // A client who has gone reads nothing.
            drop(to_client.write_all(&piece[..length]).await);
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
