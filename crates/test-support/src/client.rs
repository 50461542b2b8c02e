//! A plain HTTP/1.1 client: one connection for each request, nothing retried, nothing followed, nothing decoded.
//!
//! It shows what is on the wire; the official SDKs are tested by suites of their own.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::sse::{Event, Parser};

/// How long a whole exchange, or the wait for the next event of a stream, may take.
pub const EXCHANGE_DEADLINE: Duration = Duration::from_secs(30);

/// No answer in a test is larger than this.
const LARGEST_BODY: usize = 64 << 20;

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// A request without a body.
    ///
    /// # Errors
    /// When `url` is not an absolute http URL.
    pub fn new(method: Method, url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("parse the URL {url:?}"))?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() {
            bail!("{url:?} is not an absolute http URL");
        }
        Ok(Self { method, uri, headers: HeaderMap::new(), body: Bytes::new() })
    }

    /// Sets a header, in place of an earlier one of that name.
    ///
    /// # Errors
    /// When the name or the value is not legal in HTTP.
    pub fn header(mut self, name: &str, value: &str) -> anyhow::Result<Self> {
        let name: header::HeaderName = name.parse().with_context(|| format!("header name {name:?}"))?;
        self.headers.insert(name, value.parse().with_context(|| format!("header value {value:?}"))?);
        Ok(self)
    }

    /// Sets the bytes of the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection fails or breaks, or the deadline passes.
    pub async fn send(self) -> anyhow::Result<Reply> {
        let what = format!("{} {}", self.method, self.uri);
        tokio::time::timeout(EXCHANGE_DEADLINE, self.open_and_read())
            .await
            .with_context(|| format!("{what}: no whole answer within {EXCHANGE_DEADLINE:?}"))?
            .with_context(|| what)
    }

    async fn open_and_read(self) -> anyhow::Result<Reply> {
        self.open().await?.whole().await
    }

    /// Sends the request and returns when the head of the answer is there; the body is read event by event.
    ///
    /// # Errors
    /// When the connection fails, or the deadline passes before the head.
    pub async fn stream(self) -> anyhow::Result<Stream> {
        let what = format!("{} {}", self.method, self.uri);
        tokio::time::timeout(EXCHANGE_DEADLINE, self.open())
            .await
            .with_context(|| format!("{what}: no head of an answer within {EXCHANGE_DEADLINE:?}"))?
            .with_context(|| what)
    }

    async fn open(self) -> anyhow::Result<Stream> {
        let authority = self.uri.authority().context("the URL has no host")?.clone();
        let address = (authority.host().to_owned(), authority.port_u16().unwrap_or(80));
        let socket = TcpStream::connect(address).await.with_context(|| format!("connect to {authority}"))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        let mut tasks = JoinSet::new();
        // A failure of the connection reaches the caller through the response or its body.
        tasks.spawn(async move { connection.await.map_err(|error| error.to_string()) });

        let response = sender.send_request(self.into_request()?).await?;
        let (parts, body) = response.into_parts();
        Ok(Stream::new(parts, body, tasks))
    }

    /// The request as it goes over the wire.
    pub(crate) fn into_request(self) -> anyhow::Result<Request<Full<Bytes>>> {
        let authority = self.uri.authority().context("the URL has no host")?.clone();
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse()?;
        *request.headers_mut() = self.headers;
        request.headers_mut().entry(header::HOST).or_insert(authority.as_str().parse()?);
        Ok(request)
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

impl Reply {
    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON; the message shows it.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("the body of this {} answer is not JSON: {}", self.status, self.text()))
    }

    /// The value of a header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer that is read event by event. Dropping it closes the connection: the client has left.
#[derive(Debug)]
pub struct Stream {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    parser: Parser,
    ready: std::vec::IntoIter<Event>,
    raw: Vec<u8>,
    _connection: JoinSet<Result<(), String>>,
}

/// How a stream ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Every event, in order.
    pub events: Vec<Event>,
    /// What was received, as text, for messages.
    pub raw: String,
    /// Comment lines (keep-alives) seen.
    pub comments: u64,
    /// Absent when the body came to its proper end (the last chunk of the chunked coding); else what broke.
    pub broken: Option<String>,
    /// True when the body stopped within an event.
    pub within_an_event: bool,
}

impl Stream {
    /// `connection` is what has to live for as long as the body is read.
    pub(crate) fn new(parts: Parts, body: Incoming, connection: JoinSet<Result<(), String>>) -> Self {
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
            parser: Parser::default(),
            ready: Vec::new().into_iter(),
            raw: Vec::new(),
            _connection: connection,
        }
    }

    /// Reads the body whole, whatever it is.
    pub(crate) async fn whole(self) -> anyhow::Result<Reply> {
        let body = Limited::new(self.body, LARGEST_BODY).collect().await;
        let body =
            body.map_err(|error| anyhow::anyhow!("read the body of the {} answer: {error}", self.status))?;
        Ok(Reply { status: self.status, headers: self.headers, body: body.to_bytes() })
    }

    /// The next event, or nothing at the proper end of the body.
    ///
    /// # Errors
    /// When the connection breaks, or no event comes within [`EXCHANGE_DEADLINE`].
    pub async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.next() {
                return Ok(Some(event));
            }
            let frame = tokio::time::timeout(EXCHANGE_DEADLINE, self.body.frame()).await;
            let frame = frame
                .with_context(|| format!("no event within {EXCHANGE_DEADLINE:?}, after {:?}", self.raw()))?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(bytes) = frame.context("the stream broke")?.into_data() {
                self.raw.extend_from_slice(&bytes);
                self.ready = self.parser.push(&bytes).into_iter();
            }
        }
    }

    /// Reads to the end, however it comes.
    pub async fn finish(mut self) -> Ended {
        let mut events = Vec::new();
        let broken = loop {
            match self.next().await {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break None,
                Err(error) => break Some(format!("{error:#}")),
            }
        };
        Ended {
            events,
            raw: self.raw(),
            comments: self.parser.comments(),
            broken,
            within_an_event: self.parser.is_within_an_event(),
        }
    }

    /// The value of a header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}
