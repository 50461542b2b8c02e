//! A server for tests that follows a script, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// One answer of the script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) status: u16,
    pub(crate) index: Option<&'static str>,
    pub(crate) body: Bytes,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// Cut the connection in place of an answer.
    pub(crate) is_cut: bool,
    /// Answer when the script is told to.
    pub(crate) is_held: bool,
}

/// A connection that breaks in place of an answer.
pub(crate) const CUT: Line =
    Line { status: 0, index: None, body: Bytes::new(), headers: Vec::new(), is_cut: true, is_held: false };

/// An answer with a text.
pub(crate) fn line(status: u16, body: impl Into<Bytes>) -> Line {
    Line { status, body: body.into(), ..Line::default() }
}

impl Line {
    pub(crate) fn held(self) -> Self {
        Self { is_held: true, ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The number of the connection that it came by.
    pub(crate) connection: usize,
}

impl Asked {
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(crate) fn token(&self) -> &str {
        self.headers.get("x-consul-token").map_or("", |token| token.to_str().unwrap())
    }
}

/// A server that plays its lines one after the other, and holds every later call.
pub(crate) struct Script {
    played: Arc<Played>,
    pub(crate) address: String,
    _server: JoinSet<()>,
}

#[derive(Default)]
pub(crate) struct Played {
    lines: Mutex<VecDeque<Line>>,
    asked: Mutex<Vec<Asked>>,
    release: Notify,
}

impl Script {
    pub(crate) async fn start(lines: impl IntoIterator<Item = Line>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let played = Played::new(lines);
        let mut server = JoinSet::new();
        let to_play = Arc::clone(&played);
        server.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(Arc::clone(&to_play).serve(stream, number));
            }
        });
        Self { played, address, _server: server }
    }

    /// All that the server was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.played.asked()
    }

    /// The query of each call.
    pub(crate) fn queries(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.query().to_owned()).collect()
    }

    /// Method and target of each call.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect()
    }

    /// The token of each call.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.token().to_owned()).collect()
    }

    /// Lets one held line be answered.
    pub(crate) fn release(&self) {
        self.played.release.notify_one();
    }

    /// Waits until the server has been asked so often.
    pub(crate) async fn until_asked(&self, calls: usize) {
        while self.asked().len() < calls {
            tokio::task::yield_now().await;
        }
    }
}

impl Played {
    pub(crate) fn new(lines: impl IntoIterator<Item = Line>) -> Arc<Self> {
        Arc::new(Self { lines: Mutex::new(lines.into_iter().collect()), ..Self::default() })
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Plays for one connection.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        self: Arc<Self>,
        stream: S,
        connection: usize,
    ) {
        let service = service_fn(move |request| Arc::clone(&self).answer(request, connection));
        // A connection that the script cuts ends with an error.
        drop(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
        );
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: usize,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (head, body) = request.into_parts();
        let asked = Asked {
            method: head.method.to_string(),
            target: head.uri.to_string(),
            headers: head.headers,
            body: body.collect().await.map_err(std::io::Error::other)?.to_bytes(),
            connection,
        };
        let line = {
            // Together, so that whoever sees the call knows that its line is taken.
            let mut lines = self.lines.lock().unwrap();
            self.asked.lock().unwrap().push(asked);
            lines.pop_front()
        };
        let Some(line) = line else { return std::future::pending().await };
        if line.is_held {
            self.release.notified().await;
        }
        if line.is_cut {
            return Err(std::io::Error::other("cut"));
        }
        let mut answer = Response::builder().status(line.status);
        if let Some(index) = line.index {
            answer = answer.header("X-Consul-Index", index);
        }
        for (name, value) in line.headers {
            answer = answer.header(name, value);
        }
        Ok(answer.body(Full::new(line.body)).unwrap())
    }
}
