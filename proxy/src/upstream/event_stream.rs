//! A streamed answer: events as they come, and an end that tells the truth.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::time::{Instant, timeout_at};

use super::error::{UpstreamError, UpstreamErrorKind};
use super::event_decoder::{DecodeFault, Event, EventDecoder};
use super::http_client::AnswerBody;
use crate::alarm::Alarm;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// After `messageStop` and `metadata` only the end of the body is missing; the client is not kept waiting for it longer than this.
const END_GRACE: Duration = Duration::from_millis(500);

/// The events of one answer. Dropping it before its end closes the connection, which cancels the call at Bedrock.
///
/// After an error, as after the end, it gives `None` for ever.
#[derive(Debug)]
pub struct EventStream<B = AnswerBody> {
    /// Gone once the stream is finished, so that the connection is free or closed at once.
    body: Option<B>,
    decoder: EventDecoder,
    peeked: Option<Event>,
    aws_request_id: Option<Box<str>>,
    idle_timeout: Duration,
    /// When the wait for the event now due ends. Kept over calls: a caller that drops and repeats `next` does not prolong it.
    deadline: Option<Instant>,
    silence: Alarm,
}

impl<B> EventStream<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Reads events from `body`, waiting at most `idle_timeout` for each.
    pub(super) fn new(body: B, aws_request_id: Option<Box<str>>, idle_timeout: Duration) -> Self {
        Self {
            body: Some(body),
            decoder: EventDecoder::new(),
            peeked: None,
            aws_request_id,
            idle_timeout,
            deadline: None,
            silence: Alarm::default(),
        }
    }

    /// AWS's id of the request.
    pub fn aws_request_id(&self) -> Option<&str> {
        self.aws_request_id.as_deref()
    }

    /// Events received so far, those not yet taken by the caller included.
    pub fn events_received(&self) -> u64 {
        self.decoder.events()
    }

    /// Waits for the first event without taking it, so that an early exception can still become a status or be tried again.
    pub(super) async fn peek_first(&mut self, deadline: Instant) -> Result<(), UpstreamError> {
        match timeout_at(deadline, poll_fn(|cx| self.poll_event(cx))).await {
            Ok(Some(event)) => {
                self.peeked = Some(event?);
                Ok(())
            }
            Ok(None) => Err(self.fault(DecodeFault::Truncated { events: 0 })),
            Err(_elapsed) => {
                self.body = None;
                Err(UpstreamError::new(
                    UpstreamErrorKind::FirstByteTimeout,
                    "bedrock began a stream but sent no event within first_byte_timeout",
                )
                .with_request_id(self.aws_request_id()))
            }
        }
    }

    /// The next event; `None` at the end of a complete answer, and after an error.
    ///
    /// # Errors
    /// An exception that Bedrock sent within the stream, or any end that is not the end of a complete answer.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, UpstreamError>>> {
        if let Some(event) = self.peeked.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        if let Poll::Ready(item) = self.poll_event(cx) {
            self.deadline = None;
            return Poll::Ready(item);
        }
        let limit = if self.decoder.is_complete() { END_GRACE } else { self.idle_timeout };
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + limit);
        ready!(self.silence.poll_at(deadline, cx));
        self.deadline = None;
        Poll::Ready(self.timed_out())
    }

    /// [`Self::poll_next`] as a future, which may be dropped and made again.
    ///
    /// # Errors
    /// As [`Self::poll_next`].
    pub async fn next(&mut self) -> Option<Result<Event, UpstreamError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, UpstreamError>>> {
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match self.decoder.next_event() {
                Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Some(Err(self.fault(fault)))),
            }
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.decoder.push(&bytes);
                    }
                }
                Some(Err(error)) => return Poll::Ready(self.connection_lost(error.into()).map(Err)),
                None => {
                    let end = self.decoder.end();
                    let item = end.err().map(|fault| Err(self.fault(fault)));
                    self.body = None;
                    return Poll::Ready(item);
                }
            }
        }
    }

    /// A connection that breaks after the whole answer was received and verified takes nothing away.
    fn connection_lost(&mut self, source: BoxError) -> Option<UpstreamError> {
        self.body = None;
        if self.decoder.is_complete() {
            return None;
        }
        let events = self.decoder.events();
        let message = format!("the connection to bedrock broke after {events} events of the stream");
        Some(self.error(UpstreamErrorKind::ConnectionLost, message).with_source(source))
    }

    fn timed_out(&mut self) -> Option<Result<Event, UpstreamError>> {
        self.body = None;
        if self.decoder.is_complete() {
            return None;
        }
        let events = self.decoder.events();
        let waited = self.idle_timeout.as_secs_f32();
        let message =
            format!("bedrock sent nothing for {waited} s after {events} events (stream_idle_timeout)");
        Some(Err(self.error(UpstreamErrorKind::IdleTimeout, message)))
    }

    fn fault(&mut self, fault: DecodeFault) -> UpstreamError {
        use UpstreamErrorKind as Kind;
        self.body = None;
        let (kind, message) = match fault {
            DecodeFault::Exception(exception) => {
                let mut error = exception.into_error(None).with_request_id(self.aws_request_id());
                if self.decoder.events() > 0 {
                    error = error.within_stream();
                }
                return error;
            }
            DecodeFault::Corrupt(what) => (
                Kind::CorruptFrame,
                format!("after {} events bedrock's stream is corrupt: {what}", self.decoder.events()),
            ),
            DecodeFault::Undecoded { events: 0, bytes } => (
                Kind::UndecodedBytes,
                format!("bedrock's stream decoded to no event: {bytes} undecoded bytes"),
            ),
            DecodeFault::Undecoded { events, bytes } => (
                Kind::UndecodedBytes,
                format!("bedrock's stream ended with {bytes} undecoded bytes after {events} events"),
            ),
            DecodeFault::Truncated { events: 0 } => (
                Kind::StreamTruncated,
                "bedrock answered 200 and ended the stream without any event".to_owned(),
            ),
            DecodeFault::Truncated { events } => (
                Kind::StreamTruncated,
                format!("bedrock's stream ended after {events} events, before messageStop"),
            ),
        };
        self.error(kind, message)
    }

    fn error(&self, kind: UpstreamErrorKind, message: String) -> UpstreamError {
        let error = UpstreamError::new(kind, message).with_request_id(self.aws_request_id());
        if self.decoder.events() > 0 { error.within_stream() } else { error }
    }
}

#[cfg(test)]
mod tests;
