//! Streams of HTTP/2 whose client takes nothing: found, so that they can be reset alone.
//!
//! A client of HTTP/2 opens a window for each stream. One that keeps the window of a stream shut holds its request, and the call behind it,
//! while the connection's socket is well and pings are answered: `activity.rs`, which watches the socket, sees nothing of it. What it cannot
//! see either, and need not, is the rest of an answer that has been handed over whole: it belongs to no request any more, and ends with the
//! connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, sleep, sleep_until};

tokio::task_local! {
    /// The watch of the stream whose task this is. There is none on HTTP/1, where the socket tells all.
    static STREAM: StreamWatch;
}

/// Since when what a stream's body gave has not been taken. Cheap to clone; clones watch the same stream.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamWatch(Arc<Mutex<Option<Instant>>>);

impl StreamWatch {
    /// Runs the task of a stream, whose body this watches. Returns whether it ended by itself, and was not dropped because its client took
    /// nothing for `limit`.
    pub(super) async fn run(limit: Duration, stream: impl Future) -> bool {
        let watch = Self::default();
        tokio::select! {
            biased;
            _ = STREAM.scope(watch.clone(), stream) => true,
            () = watch.stalled(limit) => false,
        }
    }

    /// Waits until something has not been taken for `limit`.
    async fn stalled(&self, limit: Duration) {
        loop {
            match self.since() {
                // What is handed over meanwhile is due a whole limit later, so that to look then is soon enough.
                None => sleep(limit).await,
                Some(since) if since.elapsed() >= limit => return,
                Some(since) => sleep_until(since + limit).await,
            }
        }
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        // A plain assignment, so that a poisoned state is still a whole one.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

pin_project! {
    /// A response body that tells the watch of its stream when it is asked and when it gives.
    pub(super) struct StallBody<B> {
        #[pin]
        body: B,
        watch: Option<StreamWatch>,
    }
}

impl<B> StallBody<B> {
    /// Watched if this runs in the task of a stream.
    pub(super) fn new(body: B) -> Self {
        Self { body, watch: STREAM.try_with(Clone::clone).ok() }
    }
}

impl<B: Body> Body for StallBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let poll = this.body.poll_frame(cx);
        if let Some(watch) = this.watch {
            // Who asks again has taken what was given before. Who waits for Bedrock is not waiting for the client.
            watch.set(matches!(poll, Poll::Ready(Some(Ok(_)))).then(Instant::now));
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn body(pieces: usize) -> StallBody<impl Body<Data = Bytes, Error = Infallible> + Unpin> {
        let piece = |_| Ok(Frame::data(Bytes::from_static(b"token")));
        StallBody::new(StreamBody::new(stream::iter((0..pieces).map(piece))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_whose_pieces_are_not_taken_is_dropped_at_the_limit() {
        let began = Instant::now();
        let ended = StreamWatch::run(LIMIT, async {
            let mut body = body(2);
            sleep(Duration::from_secs(100)).await;
            body.frame().await.expect("a piece").expect("which is sound");
            pending::<()>().await;
        });
        assert!(!ended.await);
        assert_eq!(began.elapsed(), Duration::from_secs(160), "from when the piece was handed over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_and_a_silent_source_are_left_alone() {
        let ended = StreamWatch::run(LIMIT, async {
            let mut slow = body(3);
            while slow.frame().await.is_some() {
                sleep(LIMIT - Duration::from_secs(1)).await;
            }
            let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
            let mut silent = StallBody::new(silent);
            tokio::select! { _ = silent.frame() => {}, () = sleep(LIMIT * 5) => {} }
        });
        assert!(ended.await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_outside_of_a_stream_is_not_watched() {
        let mut body = body(1);
        body.frame().await.expect("a piece").expect("which is sound");
        assert!(body.watch.is_none());
    }
}
