//! Bytes of a connection, whose peer has to take some of them from time to time.
//!
//! Without it a reader of events that stops to read would keep its place among them for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a peer may take nothing at all while there is something to be written.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that fails when its peer takes nothing.
pub(super) struct Watched<I> {
    io: I,
    alarm: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I) -> Self {
        Self { io, alarm: Box::pin(sleep(PATIENCE)), is_waiting: false }
    }

    /// Passes on what came of a write, and ends it where nothing has come for too long.
    fn judge<T>(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.is_waiting = false;
            return progress;
        }
        if !std::mem::replace(&mut self.is_waiting, true) {
            self.alarm.as_mut().reset(Instant::now() + PATIENCE);
        }
        ready!(self.alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.io).poll_write(cx, buf);
        self.judge(cx, progress)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.io).poll_flush(cx);
        self.judge(cx, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.io).poll_shutdown(cx);
        self.judge(cx, progress)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_not_waited_for() {
        let (io, _peer) = duplex(8);
        let error = Watched::new(io).write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_slow_is_waited_for() {
        let (io, mut peer) = duplex(8);
        let mut watched = Watched::new(io);
        let (written, ()) = tokio::join!(watched.write_all(&[0; 64]), async {
            for _ in 0..8 {
                sleep(PATIENCE - Duration::from_secs(1)).await;
                peer.read_exact(&mut [0; 8]).await.unwrap();
            }
        });
        written.unwrap();
    }
}
