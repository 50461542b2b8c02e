//! One connection: hyper's settings, the service around each request, and the ways a connection ends.
//!
//! Takes any byte stream, so that a TLS stream goes in as a plain one does. Knows no HTTP status code: a
//! request whose service fails ends without a response (HTTP/1 closes, HTTP/2 resets the stream).

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use slog::{Logger, debug, error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::activity::{Activity, OpenBody, Overdue, WatchedIo};
use super::framing::{self, AmbiguousRequest};
use super::stall::{StallBody, StreamWatch};
use super::{Peer, ServerSettings, ServerStats, StopTokens, TrustedHops};

/// How long an idle HTTP/2 peer may take to answer the farewell (GOAWAY) before its connection is dropped.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// The least that hyper accepts as an HTTP/1 buffer.
const MIN_HTTP1_BUFFER: usize = 8 * 1024;

/// hyper's own limit of header fields, which it parses on the stack: any set limit costs an allocation a request.
const HYPER_MAX_HEADERS: usize = 100;

type BoxError = Box<dyn StdError + Send + Sync>;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnEnd {
    /// The client or the drain closed it, all requests answered.
    Closed,
    /// The peer broke the protocol or went away.
    Failed,
    /// It overstayed one of the timeouts.
    Overdue(Overdue),
    /// The drain's deadline was over.
    Forced,
}

/// Spawns the streams of HTTP/2 connections as tracked tasks, which end when the stop is forced or their client takes nothing.
#[derive(Clone, Debug)]
pub(super) struct TrackedExecutor {
    pub(super) tasks: TaskTracker,
    pub(super) forced: CancellationToken,
    /// How long the client of a stream may take nothing of it.
    pub(super) write_timeout: Duration,
    /// Where streams that were ended for it are counted.
    pub(super) stats: Arc<ServerStats>,
}

impl<F> Executor<F> for TrackedExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let Self { forced, write_timeout, stats, .. } = self.clone();
        self.tasks.spawn(async move {
            let ended = forced.run_until_cancelled(StreamWatch::run(write_timeout, future)).await;
            if ended == Some(false) {
                // Dropped, the stream is reset; its neighbors on the connection go on.
                stats.note_overdue();
            }
        });
    }
}

/// Builds hyper's settings, once per listener.
pub(super) fn http_builder(
    settings: &ServerSettings,
    executor: TrackedExecutor,
) -> auto::Builder<TrackedExecutor> {
    let mut builder = auto::Builder::new(executor);
    let header_bytes = usize::try_from(settings.max_header_bytes).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Activity` times heads: hyper's timer cannot tell a slow head from a resting connection.
        .header_read_timeout(None)
        .max_buf_size(header_bytes.max(MIN_HTTP1_BUFFER));
    if settings.max_headers != HYPER_MAX_HEADERS {
        builder.http1().max_headers(settings.max_headers);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_concurrent_streams)
        .max_header_list_size(settings.max_header_bytes)
        .keep_alive_interval(settings.http2_keep_alive_interval)
        .keep_alive_timeout(settings.http2_keep_alive_timeout);
    builder
}

/// Serves one connection until it ends by itself, by a timeout or by a stop.
pub(super) async fn serve<I, S, B>(
    io: I,
    (peer, hops): (Peer, Arc<TrustedHops>),
    service: S,
    builder: &auto::Builder<TrackedExecutor>,
    settings: &ServerSettings,
    stop: &StopTokens,
    log: &Logger,
) -> ConnEnd
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let activity = Activity::start();
    let address = peer.address;
    let service = RequestService {
        inner: service,
        peer,
        hops,
        activity: Arc::clone(&activity),
        announced: stop.announced.clone(),
        log: log.clone(),
    };
    let io = TokioIo::new(WatchedIo::new(io, Arc::clone(&activity)));
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut alarm = pin!(sleep_until(Instant::now()));
    let mut leaving: Option<ConnEnd> = None;
    let mut grace: Option<Instant> = None;
    let mut farewell = Farewell::default();

    loop {
        // With requests open, look again after a rest: no deadline can begin and end before that.
        let armed =
            next_alarm(&activity, settings, grace).unwrap_or_else(|| Instant::now() + settings.idle_timeout);
        alarm.as_mut().reset(armed);
        let progress = poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            // Polling may have begun a head or a write that is due before the alarm.
            Poll::Pending if next_alarm(&activity, settings, grace).is_some_and(|at| at < armed) => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        });
        tokio::select! {
            // The connection first: bytes of a request that has come are read before a drain closes its door.
            biased;
            progress = progress => match progress {
                None => {}
                Some(Ok(())) => return leaving.unwrap_or(ConnEnd::Closed),
                Some(Err(failure)) => {
                    debug!(log, "connection ended early"; "peer" => %address, "error" => %failure);
                    return leaving.unwrap_or(ConnEnd::Failed);
                }
            },
            () = stop.forced.cancelled() => return ConnEnd::Forced,
            () = farewell.due(stop, &activity, settings.linger), if leaving.is_none() => {
                leaving = Some(ConnEnd::Closed);
                connection.as_mut().graceful_shutdown();
            }
            () = alarm.as_mut() => match activity.deadline(settings) {
                // The farewell was not answered in time.
                Some(_) if grace.is_some() => return leaving.unwrap_or(ConnEnd::Closed),
                Some((at, Overdue::Idle)) if at <= Instant::now() && leaving.is_none() => {
                    leaving = Some(ConnEnd::Overdue(Overdue::Idle));
                    grace = Some(Instant::now() + CLOSE_GRACE);
                    connection.as_mut().graceful_shutdown();
                }
                Some((at, cause)) if at <= Instant::now() => {
                    return leaving.unwrap_or(ConnEnd::Overdue(cause));
                }
                // Requests are open, or something happened in the meantime.
                _ => {}
            },
        }
    }
}

/// Until when a connection that rests waits for one more request, once the drain has begun.
#[derive(Debug, Default)]
struct Farewell(Option<Instant>);

impl Farewell {
    /// Waits until the connection has to end: once the drain has begun, at once where the peer is told of it by its protocol, and
    /// after a request, or `linger`, where it is not.
    async fn due(&mut self, stop: &StopTokens, activity: &Activity, linger: Duration) {
        stop.draining.cancelled().await;
        // One turn of the runtime longer: bytes that lie in the socket of a connection that was just accepted become
        // readable only then, and their request is answered.
        yield_now().await;
        if activity.hears_farewells() {
            return;
        }
        let until = *self.0.get_or_insert_with(|| Instant::now() + linger);
        tokio::select! {
            () = activity.next_request() => {}
            () = sleep_until(until) => {}
        }
    }
}

/// When to look whether the connection is overdue; `None` while only its requests limit it.
fn next_alarm(activity: &Activity, settings: &ServerSettings, grace: Option<Instant>) -> Option<Instant> {
    activity.deadline(settings).map(|(at, _)| grace.unwrap_or(at))
}

/// The caller's service with what every request of a connection needs around it.
struct RequestService<S> {
    inner: S,
    peer: Peer,
    hops: Arc<TrustedHops>,
    activity: Arc<Activity>,
    announced: CancellationToken,
    log: Logger,
}

/// Why a request ends without a response.
#[derive(Debug, thiserror::Error)]
enum RequestFailure {
    #[error("the request's code panicked; its log line has the message")]
    Panicked,
    #[error("the service failed: {0}")]
    Service(BoxError),
    #[error("the request can be understood in more than one way")]
    Ambiguous(#[from] AmbiguousRequest),
}

impl<S, B> hyper::service::Service<Request<Incoming>> for RequestService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body + 'static,
{
    type Response = Response<OpenBody<StallBody<B>>>;
    type Error = RequestFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let http2 = request.version() == Version::HTTP_2;
        let open = self.activity.open_request(http2);
        if let Err(ambiguous) = framing::check(&request) {
            return Box::pin(async move { Err(ambiguous.into()) });
        }
        let announced = self.announced.clone();
        let client = self.hops.client(self.peer.address.ip(), request.headers());
        request.extensions_mut().insert(Peer { client, ..self.peer.clone() });
        let mut inner = self.inner.clone();
        let log = self.log.clone();
        let answer = async move {
            poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
            inner.call(request).await.map_err(Into::into)
        };
        Box::pin(async move {
            // A panic is one request's failure, not that of its neighbors on the connection.
            match AssertUnwindSafe(answer).catch_unwind().await {
                Ok(Ok(mut response)) => {
                    // A load balancer that keeps connections has none left in this way when the listener closes.
                    if !http2 && announced.is_cancelled() {
                        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    Ok(response.map(|body| OpenBody::new(StallBody::new(body), open)))
                }
                Ok(Err(failure)) => Err(RequestFailure::Service(failure)),
                Err(panic) => {
                    error!(log, "request panicked"; "panic" => panic_message(panic.as_ref()));
                    Err(RequestFailure::Panicked)
                }
            }
        })
    }
}

/// The text of a panic, where it has one.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not a text")
}
