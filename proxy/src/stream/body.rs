//! The body of a streamed answer: when it is asked for bytes, what it waits for, and when it gives what it has.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::AnswerStream;
use crate::alarm::Alarm;

/// How many bytes of events that are there already go out in one write.
const COALESCED_BYTES_MAX: usize = 16 * 1024;

/// Pulled by the connection.
pub(super) struct AnswerBody {
    answer: AnswerStream,
    keep_alive: Alarm,
    forced: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whether others have had their turn since the last event.
    has_yielded: bool,
    ended: bool,
}

impl AnswerBody {
    pub(super) fn new(answer: AnswerStream) -> Self {
        let forced = Box::pin(answer.shutdown.forced().clone().cancelled_owned());
        Self { answer, keep_alive: Alarm::default(), forced, has_yielded: false, ended: false }
    }

    fn give(&mut self) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.has_yielded = false;
        self.answer.last_sent = Instant::now();
        Poll::Ready(Some(Ok(self.answer.writer.take())))
    }
}

impl Stream for AnswerBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = self.get_mut();
        if body.ended {
            return Poll::Ready(None);
        }
        loop {
            if body.answer.shutdown.forced().is_cancelled() {
                body.ended = body.answer.cut();
                return body.give();
            }
            if let Poll::Ready(ended) = body.answer.poll_take(cx) {
                body.has_yielded = false;
                if ended || body.answer.writer.len() >= COALESCED_BYTES_MAX {
                    body.ended = ended;
                    return body.give();
                }
                continue;
            }
            if !body.answer.writer.is_empty() {
                if body.has_yielded {
                    return body.give();
                }
                // The connection to Bedrock hands over one piece at a time. One turn of the runtime lets it hand over the next, if that
                // has come already: a turn is far cheaper than a write of its own.
                body.has_yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if body.forced.as_mut().poll(cx).is_ready() {
                continue;
            }
            let quiet_until = body.answer.last_sent + body.answer.keep_alive;
            ready!(body.keep_alive.poll_at(quiet_until, cx));
            body.answer.writer.keep_alive();
            return body.give();
        }
    }
}
