//! A server for tests: it answers as a function says, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status, headers, each ended by `\r\n`, and a body.
    Whole(u16, String, Vec<u8>),
    /// Nothing, for as long as the caller waits.
    Silence,
    /// The connection is closed.
    Cut,
}

pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer::Whole(status, String::new(), body.into())
}

/// A running server. Dropping it ends it.
pub(crate) struct Scripted {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: JoinSet<()>,
}

impl Scripted {
    pub(crate) async fn start(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answers, kept) = (Arc::new(answers), Arc::clone(&asked));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (answers, kept) = (Arc::clone(&answers), Arc::clone(&kept));
                connections.spawn(async move {
                    // A caller who has gone is no failure of the server.
                    drop(serve(socket, &*answers, &kept).await);
                });
            }
        });
        Self { address, asked, _server: server }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Method and target of each call.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect()
    }
}

async fn serve(
    mut socket: TcpStream,
    answers: &(impl Fn(&Asked) -> Answer + ?Sized),
    kept: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let asked = read(&mut socket).await?;
    kept.lock().unwrap().push(asked.clone());
    match answers(&asked) {
        Answer::Whole(status, headers, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} told\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
            );
            socket.write_all(head.as_bytes()).await?;
            socket.write_all(&body).await?;
            socket.shutdown().await
        }
        Answer::Silence => socket.read_to_end(&mut Vec::new()).await.map(drop),
        Answer::Cut => Ok(()),
    }
}

async fn read(socket: &mut TcpStream) -> std::io::Result<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ').map(str::to_owned);
    let mut asked = Asked {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        head,
        body: Vec::new(),
    };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    asked.body.resize(length, 0);
    socket.read_exact(&mut asked.body).await?;
    Ok(asked)
}
