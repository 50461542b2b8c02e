//! What a connection is doing, and until when it may go on doing it.
//!
//! hyper's own header timer also runs while a keep-alive connection rests, so it cannot tell a slow head from
//! a quiet client. This file tells them apart; `conn.rs` acts on it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ServerSettings;

/// Why a connection has overstayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// A request head began and did not end.
    Head,
    /// Nothing was asked for a long time.
    Idle,
    /// The client takes nothing of what we write.
    Write,
}

#[derive(Clone, Copy, Debug)]
enum Between {
    /// A head is awaited or has begun: the first of the connection, or one of which bytes have come.
    Head,
    /// The last request is over and nothing has come since.
    Rest,
}

#[derive(Debug)]
struct State {
    open_requests: usize,
    between: Between,
    since: Instant,
    write_blocked_since: Option<Instant>,
    http2: bool,
}

/// The state of one connection, shared by its IO, its service and its response bodies.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    /// Tells that a request has begun, to who waits for one.
    begins: Notify,
}

impl Activity {
    /// A connection that was accepted now.
    pub(super) fn start() -> Arc<Self> {
        let state = State {
            open_requests: 0,
            between: Between::Head,
            since: Instant::now(),
            write_blocked_since: None,
            http2: false,
        };
        Arc::new(Self { state: Mutex::new(state), begins: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below is a plain assignment, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request from its head until the returned guard is dropped, at the end of the response body.
    pub(super) fn open_request(self: &Arc<Self>, http2: bool) -> OpenRequest {
        let mut state = self.lock();
        state.open_requests += 1;
        state.http2 = http2;
        drop(state);
        self.begins.notify_waiters();
        OpenRequest(Arc::clone(self))
    }

    /// Waits until a request begins.
    pub(super) async fn next_request(&self) {
        self.begins.notified().await;
    }

    /// Whether the peer is told of a farewell by its protocol, so that none of its requests can cross it: it has a request
    /// open, whose response says so, or it speaks HTTP/2.
    pub(super) fn hears_farewells(&self) -> bool {
        let state = self.lock();
        state.open_requests > 0 || state.http2
    }

    /// The earliest moment at which the connection can be overdue, with the cause; `None` while nothing limits
    /// it but its requests.
    pub(super) fn deadline(&self, settings: &ServerSettings) -> Option<(Instant, Overdue)> {
        let state = self.lock();
        let write = state.write_blocked_since.map(|since| (since + settings.write_timeout, Overdue::Write));
        let read = (state.open_requests == 0).then(|| match state.between {
            Between::Head => (state.since + settings.header_read_timeout, Overdue::Head),
            Between::Rest => (state.since + settings.idle_timeout, Overdue::Idle),
        });
        [write, read].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn note_read(&self) {
        let mut state = self.lock();
        // An HTTP/2 connection at rest still carries pings and window updates, which begin no request.
        if state.open_requests == 0 && !state.http2 && matches!(state.between, Between::Rest) {
            state.between = Between::Head;
            state.since = Instant::now();
        }
    }

    fn note_write<T>(&self, poll: &Poll<io::Result<T>>) {
        let mut state = self.lock();
        if poll.is_ready() {
            state.write_blocked_since = None;
        } else if state.write_blocked_since.is_none() {
            state.write_blocked_since = Some(Instant::now());
        }
    }
}

/// A request that is open.
#[derive(Debug)]
pub(super) struct OpenRequest(Arc<Activity>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open_requests = state.open_requests.saturating_sub(1);
        if state.open_requests == 0 {
            state.between = Between::Rest;
            state.since = Instant::now();
        }
    }
}

pin_project! {
    /// A response body that keeps its request open until it ends or is dropped.
    pub(super) struct OpenBody<B> {
        #[pin]
        body: B,
        request: OpenRequest,
    }
}

impl<B> OpenBody<B> {
    pub(super) fn new(body: B, request: OpenRequest) -> Self {
        Self { body, request }
    }
}

impl<B: Body> Body for OpenBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that tells its connection's [`Activity`] of what it reads and writes.
#[derive(Debug)]
pub(super) struct WatchedIo<I> {
    io: I,
    activity: Arc<Activity>,
}

impl<I> WatchedIo<I> {
    pub(super) fn new(io: I, activity: Arc<Activity>) -> Self {
        Self { io, activity }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for WatchedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.note_read();
        }
        poll
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for WatchedIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, buf);
        self.activity.note_write(&poll);
        poll
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.activity.note_write(&poll);
        poll
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_flush(cx);
        self.activity.note_write(&poll);
        poll
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const SETTINGS: ServerSettings = ServerSettings {
        max_connections: 1,
        handshake_timeout: Duration::from_secs(10),
        header_read_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(120),
        write_timeout: Duration::from_secs(60),
        linger: Duration::from_secs(1),
        max_headers: 100,
        max_header_bytes: 8192,
        max_concurrent_streams: 1,
        http2_keep_alive_interval: Duration::from_secs(30),
        http2_keep_alive_timeout: Duration::from_secs(20),
    };

    fn due(activity: &Activity) -> Option<(Duration, Overdue)> {
        activity.deadline(&SETTINGS).map(|(at, cause)| (at - Instant::now(), cause))
    }

    fn after(seconds: u64, cause: Overdue) -> Option<(Duration, Overdue)> {
        Some((Duration::from_secs(seconds), cause))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_timed_from_accept_and_further_bytes_give_no_more_time() {
        let activity = Activity::start();
        assert_eq!(due(&activity), after(10, Overdue::Head));
        advance(Duration::from_secs(7)).await;
        activity.note_read();
        assert_eq!(due(&activity), after(3, Overdue::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn a_resting_connection_has_the_idle_time_until_the_next_head_begins() {
        let activity = Activity::start();
        let (first, second) = (activity.open_request(false), activity.open_request(false));
        assert_eq!(due(&activity), None);
        drop(first);
        assert_eq!(due(&activity), None, "one request is still open");
        drop(second);
        assert_eq!(due(&activity), after(120, Overdue::Idle));
        advance(Duration::from_secs(100)).await;
        activity.note_read();
        assert_eq!(due(&activity), after(10, Overdue::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_a_resting_http2_connection_begin_no_head() {
        let activity = Activity::start();
        drop(activity.open_request(true));
        advance(Duration::from_secs(20)).await;
        activity.note_read();
        assert_eq!(due(&activity), after(100, Overdue::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_write_is_due_even_while_requests_are_open() {
        let activity = Activity::start();
        let _open = activity.open_request(false);
        activity.note_write::<usize>(&Poll::Pending);
        advance(Duration::from_secs(20)).await;
        activity.note_write::<usize>(&Poll::Pending);
        assert_eq!(due(&activity), after(40, Overdue::Write));
        activity.note_write(&Poll::Ready(Ok(1)));
        assert_eq!(due(&activity), None);
    }
}
