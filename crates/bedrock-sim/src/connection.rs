//! One accepted connection: HTTP/1.1 over a socket that can be reset on demand.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::service;
use crate::state::Site;

/// How long a client may take for the head of a request. A client that connects and says nothing is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// The simulator broke the connection on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the simulator broke the connection")]
pub(crate) struct Broken;

/// Turns the close of a connection into a reset.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResetSwitch(Arc<AtomicBool>);

impl ResetSwitch {
    /// From now on, closing the connection resets it.
    pub(crate) fn arm(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Serves a connection until the client closes it, `draining` lets the open answer end, or `killed` cuts it off.
pub(crate) async fn serve(
    stream: TcpStream,
    site: Arc<Site>,
    draining: CancellationToken,
    killed: CancellationToken,
) {
    let switch = ResetSwitch::default();
    let socket = Socket { stream, switch: switch.clone() };
    let service = service_fn(move |request| service::serve(Arc::clone(&site), request, switch.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    // The outcome is the client's to judge: a broken connection is often what a test wants.
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = draining.cancelled() => None,
    };
    if ended.is_some() {
        return;
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ended = connection.as_mut() => {}
        () = killed.cancelled() => {}
    }
}

/// A socket that is reset instead of closed when its switch is armed.
struct Socket {
    stream: TcpStream,
    switch: ResetSwitch,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.switch.0.load(Ordering::SeqCst) && self.stream.set_zero_linger().is_err() {
            // The peer has already gone: there is nobody left to see a reset.
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
