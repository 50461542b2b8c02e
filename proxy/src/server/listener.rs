//! The accept loop: takes connections from a bound listener, up to the limit, until the drain.
//!
//! TLS goes between `accept` and `conn::serve`, in the connection's own task, so that a slow handshake holds up
//! its own connection only.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::server::conn::auto;
use slog::{Logger, debug, error, info, warn};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::conn::{self, ConnEnd, TrackedExecutor, panic_message};
use super::hops::TrustedHops;
use super::proxy_header::{self, ProxyHeaderError};
use super::socket::{self, Accept, ListenSocket};
use super::tls::{HandshakeError, ServerTls};
use super::transport::Transport;
use super::{Peer, ServerSettings};
use crate::events;

/// The first and the longest pause after the process ran out of file descriptors or memory. The first is long
/// enough for a connection to end, the longest short enough that nobody notices the recovery.
const ACCEPT_BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How often the log tells that the limit of connections holds clients back.
const LIMIT_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// How long handshakes that have begun may take to end before the listener closes: a round trip.
const LAST_HANDSHAKES: Duration = Duration::from_millis(100);

/// How often a drain logs what it waits for.
const DRAIN_LOG_INTERVAL: Duration = Duration::from_secs(5);

/// How a listener is told to stop.
#[derive(Clone, Debug)]
pub struct StopTokens {
    /// Still take connections, and let every HTTP/1 response say that its connection ends.
    pub announced: CancellationToken,
    /// Take no more connections, let open requests finish.
    pub draining: CancellationToken,
    /// Drop what is still open.
    pub forced: CancellationToken,
}

/// What a drain came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainOutcome {
    /// Connections that were dropped because the stop was forced. Zero means all requests were answered.
    pub forced_connections: usize,
}

/// Counters of a listener, for metrics. Shared by clones of its `Arc`.
#[derive(Debug, Default)]
pub struct ServerStats {
    open: AtomicUsize,
    accepted: AtomicU64,
    limit_waits: AtomicU64,
    accept_errors: AtomicU64,
    overdue: AtomicU64,
    opening_failures: AtomicU64,
    panics: AtomicU64,
}

impl ServerStats {
    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections taken since the start.
    pub fn accepted_total(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How often the accept loop found the limit of connections reached and had to wait.
    pub fn limit_waits_total(&self) -> u64 {
        self.limit_waits.load(Ordering::Relaxed)
    }

    /// Failed calls of accept.
    pub fn accept_errors_total(&self) -> u64 {
        self.accept_errors.load(Ordering::Relaxed)
    }

    pub(super) fn note_overdue(&self) {
        self.overdue.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections closed because a head, a write or a rest took too long, and streams of HTTP/2 reset because nobody took them.
    pub fn overdue_connections_total(&self) -> u64 {
        self.overdue.load(Ordering::Relaxed)
    }

    /// Connections that ended within their PROXY header or their TLS handshake.
    pub fn opening_failures_total(&self) -> u64 {
        self.opening_failures.load(Ordering::Relaxed)
    }

    /// Connections whose task panicked (a response body did; a service's panic ends its request only).
    pub fn panicked_connections_total(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

/// An HTTP/1.1 and HTTP/2 (prior knowledge) server on one bound listener.
#[derive(Debug)]
pub struct Server<S> {
    service: S,
    settings: Arc<ServerSettings>,
    stats: Arc<ServerStats>,
    tls: Option<Arc<ServerTls>>,
    hops: Arc<TrustedHops>,
    log: Logger,
}

impl<S, B> Server<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// A server that answers with `service`, for example `warp::service(filter)`. Nothing runs yet.
    pub fn new(settings: ServerSettings, service: S, log: Logger) -> Self {
        Self {
            service,
            settings: Arc::new(settings),
            stats: Arc::default(),
            tls: None,
            hops: Arc::default(),
            log,
        }
    }

    /// The same server behind TLS; without it, it speaks plain HTTP.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Arc<ServerTls>>) -> Self {
        self.tls = tls;
        self
    }

    /// The same server behind these load balancers; without them, every client is who its socket says.
    #[must_use]
    pub fn with_hops(mut self, hops: TrustedHops) -> Self {
        self.hops = Arc::new(hops);
        self
    }

    /// The counters, which live on while the server runs.
    pub fn stats(&self) -> Arc<ServerStats> {
        Arc::clone(&self.stats)
    }

    /// Serves `listener` until `stop.draining`, then closes the listener and returns when the last connection
    /// has ended: by itself, or dropped by `stop.forced`.
    ///
    /// Connections and their streams are spawned on `tasks`. Errors of accept never end the loop.
    pub async fn run(
        self,
        listener: impl Into<ListenSocket>,
        stop: StopTokens,
        tasks: TaskTracker,
    ) -> DrainOutcome {
        self.run_on(listener.into(), stop, tasks).await
    }

    pub(super) async fn run_on(
        self,
        listener: impl Accept,
        stop: StopTokens,
        tasks: TaskTracker,
    ) -> DrainOutcome {
        let slots = Arc::new(Semaphore::new(self.slot_count() as usize));
        let executor = TrackedExecutor {
            tasks: tasks.clone(),
            forced: stop.forced.clone(),
            write_timeout: self.settings.write_timeout,
            stats: self.stats(),
        };
        let connections = Arc::new(Connections {
            builder: conn::http_builder(&self.settings, executor),
            stop: stop.clone(),
            tls: self.tls.clone(),
            hops: Arc::clone(&self.hops),
            forced: AtomicUsize::new(0),
        });
        // Counts as open work, so that a drain does not end between the two.
        let accepting = tasks.token();
        tokio::select! {
            biased;
            () = stop.draining.cancelled() => {
                self.accept_waiting(&listener, &slots, &connections, &tasks).await;
            }
            () = stop.forced.cancelled() => {}
            () = self.accept_all(&listener, &slots, &connections, &tasks) => {}
        }
        drop((listener, accepting));
        self.wait_for_connections(&slots).await;
        DrainOutcome { forced_connections: connections.forced.load(Ordering::Acquire) }
    }

    /// No limit of zero, which would be a server that serves nobody.
    fn slot_count(&self) -> u32 {
        self.settings.max_connections.max(1)
    }

    async fn accept_all(
        &self,
        listener: &impl Accept,
        slots: &Arc<Semaphore>,
        connections: &Arc<Connections>,
        tasks: &TaskTracker,
    ) {
        let mut backoff = ACCEPT_BACKOFF.0;
        let mut limit_logged: Option<Instant> = None;
        loop {
            // The semaphore is never closed, so that an error here cannot be.
            let Ok(slot) = self.free_slot(slots, &mut limit_logged).await else { return };
            match listener.accept().await {
                Ok((stream, address)) => {
                    backoff = ACCEPT_BACKOFF.0;
                    self.stats.accepted.fetch_add(1, Ordering::Relaxed);
                    tasks.spawn(self.connection(stream, address, slot, connections));
                }
                Err(failure) if concerns_one_connection(&failure) => {
                    self.stats.accept_errors.fetch_add(1, Ordering::Relaxed);
                    debug!(self.log, "a client left before it was accepted"; "error" => %failure);
                }
                Err(failure) => {
                    self.stats.accept_errors.fetch_add(1, Ordering::Relaxed);
                    error!(self.log, "cannot accept connections; raise the open files limit if it is reached";
                        "error" => %failure, "retry_in" => ?backoff,
                        "open_connections" => self.stats.open_connections());
                    sleep(backoff).await;
                    backoff = (backoff * 2).min(ACCEPT_BACKOFF.1);
                }
            }
        }
    }

    /// Takes the connections that the kernel has made already: closing the listener would reset them and the requests in them.
    async fn accept_waiting(
        &self,
        listener: &impl Accept,
        slots: &Arc<Semaphore>,
        connections: &Arc<Connections>,
        tasks: &TaskTracker,
    ) {
        if let Err(failure) = listener.begin_no_more() {
            debug!(self.log, "cannot hold new connections off before closing"; "error" => %failure);
        }
        let end = Instant::now() + LAST_HANDSHAKES;
        while let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
            // Unconstrained: a task that has done much in its turn would otherwise find nothing.
            let Ok(accepted) = timeout_at(end, unconstrained(listener.accept())).await else { return };
            let Ok((stream, address)) = accepted else {
                self.stats.accept_errors.fetch_add(1, Ordering::Relaxed);
                return;
            };
            self.stats.accepted.fetch_add(1, Ordering::Relaxed);
            tasks.spawn(self.connection(stream, address, slot, connections));
        }
    }

    async fn free_slot(
        &self,
        slots: &Arc<Semaphore>,
        limit_logged: &mut Option<Instant>,
    ) -> Result<OwnedSemaphorePermit, tokio::sync::AcquireError> {
        if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
            return Ok(slot);
        }
        self.stats.limit_waits.fetch_add(1, Ordering::Relaxed);
        if limit_logged.is_none_or(|at| at.elapsed() >= LIMIT_LOG_INTERVAL) {
            *limit_logged = Some(Instant::now());
            warn!(self.log, "limit of connections reached; new clients wait";
                "max_connections" => self.slot_count());
        }
        Arc::clone(slots).acquire_owned().await
    }

    /// The life of one connection, as a future that owns all it needs.
    fn connection(
        &self,
        stream: Transport,
        address: SocketAddr,
        slot: OwnedSemaphorePermit,
        connections: &Arc<Connections>,
    ) -> impl Future<Output = ()> + Send + use<S, B> {
        let (service, settings, log) = (self.service.clone(), Arc::clone(&self.settings), self.log.clone());
        let (connections, open) = (Arc::clone(connections), OpenConnection::count(&self.stats, slot));
        async move {
            if let Transport::Plain(stream) = &stream
                && let Err(failure) = socket::tune(stream)
            {
                debug!(log, "cannot set the options of a socket"; "peer" => %address, "error" => %failure);
            }
            let Connections { builder, stop, .. } = &*connections;
            let served = async {
                // No request is open before the handshake is over, so that a forced stop cuts none.
                let opened = connections.open(stream, address, &settings);
                match stop.forced.run_until_cancelled(opened).await {
                    Some(Ok((transport, peer))) => {
                        let hops = Arc::clone(&connections.hops);
                        conn::serve(transport, (peer, hops), service, builder, &settings, stop, &log).await
                    }
                    Some(Err(failure)) => {
                        open.stats.opening_failures.fetch_add(1, Ordering::Relaxed);
                        events::opening_failed(&log, address, failure.reason(), &failure);
                        ConnEnd::Failed
                    }
                    None => ConnEnd::Closed,
                }
            };
            match AssertUnwindSafe(served).catch_unwind().await {
                Ok(ConnEnd::Closed | ConnEnd::Failed) => {}
                Ok(ConnEnd::Forced) => {
                    connections.forced.fetch_add(1, Ordering::Release);
                }
                Ok(ConnEnd::Overdue(cause)) => {
                    open.stats.note_overdue();
                    debug!(log, "connection overdue"; "peer" => %address, "cause" => ?cause);
                }
                Err(panic) => {
                    open.stats.panics.fetch_add(1, Ordering::Relaxed);
                    error!(log, "connection panicked"; "peer" => %address,
                        "panic" => panic_message(panic.as_ref()));
                }
            }
            // Only now: who waits for the slots may read the counters above.
            drop(open);
        }
    }

    async fn wait_for_connections(&self, slots: &Semaphore) {
        info!(self.log, "draining"; "open_connections" => self.stats.open_connections());
        let all = slots.acquire_many(self.slot_count());
        tokio::pin!(all);
        while tokio::time::timeout(DRAIN_LOG_INTERVAL, all.as_mut()).await.is_err() {
            info!(self.log, "still draining"; "open_connections" => self.stats.open_connections());
        }
    }
}

/// What all connections of a run share.
struct Connections {
    builder: auto::Builder<TrackedExecutor>,
    stop: StopTokens,
    tls: Option<Arc<ServerTls>>,
    hops: Arc<TrustedHops>,
    forced: AtomicUsize,
}

/// Why a connection ended before HTTP began.
#[derive(Debug, thiserror::Error)]
enum OpeningError {
    #[error(transparent)]
    Proxy(#[from] ProxyHeaderError),
    #[error(transparent)]
    Tls(#[from] HandshakeError),
    #[error("the client was too slow to begin")]
    Slow,
}

impl OpeningError {
    /// A word for the metric.
    fn reason(&self) -> &'static str {
        match self {
            Self::Proxy(_) => "proxy_header",
            Self::Tls(error) => error.reason(),
            Self::Slow => "timeout",
        }
    }
}

impl Connections {
    /// From an accepted socket to the bytes of HTTP and who sends them.
    async fn open(
        &self,
        stream: Transport,
        address: SocketAddr,
        settings: &ServerSettings,
    ) -> Result<(Transport, Peer), OpeningError> {
        let begins_with_header = self.hops.proxy_protocol && self.hops.trusts(address.ip());
        let Transport::Plain(mut stream) = stream else { return Ok((stream, Peer::of(address, None))) };
        if self.tls.is_none() && !begins_with_header {
            return Ok((Transport::Plain(stream), Peer::of(address, None)));
        }
        // Boxed: an opening is short, and its state would stay a part of the connection's.
        let opening = Box::pin(timeout(settings.handshake_timeout, async {
            let told = if begins_with_header { proxy_header::read(&mut stream).await? } else { None };
            let address = told.unwrap_or(address);
            let Some(tls) = &self.tls else {
                return Ok((Transport::Plain(stream), Peer::of(address, None)));
            };
            let (stream, certificate) = tls.accept(stream).await?;
            Ok((Transport::Tls(Box::new(stream)), Peer::of(address, certificate)))
        }));
        opening.await.map_err(|_| OpeningError::Slow)?
    }
}

/// Counts a connection as open and holds its slot.
struct OpenConnection {
    stats: Arc<ServerStats>,
    _slot: OwnedSemaphorePermit,
}

impl OpenConnection {
    fn count(stats: &Arc<ServerStats>, slot: OwnedSemaphorePermit) -> Self {
        stats.open.fetch_add(1, Ordering::Relaxed);
        Self { stats: Arc::clone(stats), _slot: slot }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.stats.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a failed accept tells of one client that went away, so that the next one can be taken at once.
fn concerns_one_connection(failure: &io::Error) -> bool {
    matches!(
        failure.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
