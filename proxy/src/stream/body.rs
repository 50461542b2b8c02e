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
    /// Whether a piece of the answer has gone out. The first one does not wait for company.
    has_given_content: bool,
    ended: bool,
}

impl AnswerBody {
    pub(super) fn new(answer: AnswerStream) -> Self {
        let forced = Box::pin(answer.shutdown.forced().clone().cancelled_owned());
        Self { answer, keep_alive: Alarm::default(), forced, has_given_content: false, ended: false }
    }

    fn give(&mut self) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.has_given_content = self.answer.record.time_to_first_token.is_some();
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
                let is_first = !body.has_given_content && body.answer.record.time_to_first_token.is_some();
                if ended || is_first || body.answer.writer.len() >= COALESCED_BYTES_MAX {
                    body.ended = ended;
                    return body.give();
                }
                continue;
            }
            if !body.answer.writer.is_empty() {
                return body.give();
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
