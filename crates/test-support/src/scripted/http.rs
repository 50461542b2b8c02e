//! The HTTP side of every scripted server: requests taken apart, answers put together, and the switch asked in between.
//!
//! What a request means is for the state machines.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::switch::{Side, Switch};

/// How long a blocking query waits that does not say how long.
const USUAL_WAIT: Duration = Duration::from_secs(300);

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// The segments of the path after `/v1/`, as they are on the wire.
    segments: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) fn new(method: Method, target: &str, body: Bytes) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.strip_prefix("/v1/").unwrap_or(path);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = query.map(|(name, value)| (decoded(name), decoded(&value.replace('+', " ")))).collect();
        Self { method, segments: path.split('/').map(str::to_owned).collect(), query, body }
    }

    /// The segments, for a match; they are still encoded.
    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// What follows after so many segments, decoded: keys have slashes in them.
    pub(super) fn rest(&self, after: usize) -> String {
        let rest: Vec<String> = self.segments.iter().skip(after).map(|part| decoded(part)).collect();
        rest.join("/")
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there, whatever its value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.query(name).is_some()
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.query(name)?.parse().ok()
    }

    /// The body as JSON; null where there is none.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn json(&self) -> Result<Value, Said> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Said::text(400, &format!("Request decode failed: {error}")))
    }

    /// Until when a blocking query waits, and for which index to be passed; nothing where it does not wait.
    pub(super) fn wait(&self) -> Option<(u64, Instant)> {
        let index = self.number("index").filter(|index| *index > 0)?;
        let wait = self.query("wait").and_then(duration).unwrap_or(USUAL_WAIT);
        Some((index, Instant::now() + wait))
    }

    /// Method and path, for messages.
    pub(super) fn name(&self) -> String {
        format!("{} /v1/{}", self.method, self.segments.join("/"))
    }
}

/// A segment or a parameter without its encoding.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A duration as Go writes it, with one unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at_checked(at)?;
    let number: f64 = number.parse().ok()?;
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "m0s" => 60.0,
        "h" | "h0m0s" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit).ok()
}

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Said {
    status: u16,
    content_type: &'static str,
    /// The index, which each product tells in a header of its own.
    pub(super) index: Option<u64>,
    body: Bytes,
}

impl Said {
    /// JSON with the status 200.
    pub(super) fn json(value: &Value) -> Self {
        Self::json_with(200, value)
    }

    /// JSON with another status.
    pub(super) fn json_with(status: u16, value: &Value) -> Self {
        let body = value.to_string().into();
        Self { status, content_type: "application/json", index: None, body }
    }

    /// A refusal in words.
    pub(super) fn text(status: u16, text: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", index: None, body: text.to_owned().into() }
    }

    /// Bytes as they are.
    pub(super) fn raw(body: Bytes) -> Self {
        Self { status: 200, content_type: "text/plain; charset=utf-8", index: None, body }
    }

    /// Tells this index; zero is told as one, as both products do.
    pub(super) fn at(mut self, index: u64) -> Self {
        self.index = Some(index.max(1));
        self
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The body as JSON, for tests of a machine without HTTP.
    #[cfg(test)]
    pub(super) fn body_json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn response(self, header: Option<HeaderName>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let (Some(name), Some(index)) = (header, self.index) {
            headers.insert(name, HeaderValue::from(index));
        }
        response
    }
}

/// A state machine behind HTTP.
pub(super) trait Machine: Send + Sync + 'static {
    /// The header that tells an index, in lower case.
    const INDEX: Option<&'static str>;

    /// Whether the switch counts a request.
    fn counts(&self, asked: &Asked) -> bool;

    /// What the switch calls a request.
    fn name(&self, asked: &Asked) -> String {
        asked.name()
    }

    /// Told at every change, so that blocking queries look again.
    fn changes(&self) -> watch::Receiver<u64>;

    /// The answer as things are now. A blocking query is asked again after each change until its index has passed.
    fn answer(&self, asked: &Asked) -> Said;
}

/// A listener on a free port of loopback. Dropping it closes it with every connection.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Listener {
    /// Serves the machine, counting by the switch.
    ///
    /// # Errors
    /// When no port can be bound.
    pub(super) fn start<M: Machine>(machine: Arc<M>, switch: Switch) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a port")?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            // A listener that fails ends the service, and the test that needs it.
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(serve(stream, Arc::clone(&machine), switch.clone()));
            }
        });
        Ok(Self { address, _accepting: accepting })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve<M: Machine>(stream: TcpStream, machine: Arc<M>, switch: Switch) {
    let service = service_fn(move |request| exchange(request, Arc::clone(&machine), switch.clone()));
    // A client that was killed leaves its connection broken.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn exchange<M: Machine>(
    request: Request<Incoming>,
    machine: Arc<M>,
    switch: Switch,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let asked = Asked::new(head.method, target, body.collect().await?.to_bytes());
    let stop = if machine.counts(&asked) { switch.count(&machine.name(&asked)) } else { None };
    if stop == Some(Side::Before) {
        return switch.hold().await;
    }
    let said = answered(&asked, machine.as_ref()).await;
    if stop == Some(Side::After) {
        return switch.hold().await;
    }
    Ok(said.response(M::INDEX.map(HeaderName::from_static)))
}

async fn answered<M: Machine>(asked: &Asked, machine: &M) -> Said {
    let Some((index, until)) = asked.wait().filter(|_| asked.method == Method::GET) else {
        return machine.answer(asked);
    };
    let mut changes = machine.changes();
    loop {
        changes.mark_unchanged();
        let said = machine.answer(asked);
        if said.index.is_none_or(|reached| reached > index) {
            return said;
        }
        // Both the end of the wait and the end of the machine end the query with what is.
        if !matches!(tokio::time::timeout_at(until, changes.changed()).await, Ok(Ok(()))) {
            return said;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart() {
        let asked = Asked::new(Method::PUT, "/v1/kv/nova/a%2Fb/?cas=7&raw&token=a%20b", Bytes::new());
        assert_eq!(asked.path().first(), Some(&"kv"));
        assert_eq!(asked.rest(1), "nova/a/b/");
        assert_eq!(
            (asked.number("cas"), asked.has("raw"), asked.query("token")),
            (Some(7), true, Some("a b"))
        );
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let told =
            ["250ms", "15s", "2m", "1.5s", "1h", "15", "s"].map(|text| duration(text).map(|d| d.as_millis()));
        assert_eq!(told, [Some(250), Some(15_000), Some(120_000), Some(1500), Some(3_600_000), None, None]);
    }
}
