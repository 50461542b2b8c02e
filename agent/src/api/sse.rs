//! Events as a stream of the browser's kind (`text/event-stream`, HTML Living Standard, "Server-sent events").
//!
//! A reader that is slower than what happens is told so in a last event, and resumes with its id; so is every reader when the
//! process stops. While nothing happens a comment shows that the stream lives.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::events::{Event, Next, Subscription};
use crate::metrics as names;

/// How long the stream is silent at most: less than what proxies take for a dead connection.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client is told to wait before it comes back.
const RETRY_MS: u32 = 2000;

/// A stream of events for one reader.
pub(super) struct EventStream {
    subscription: Subscription,
    draining: CancellationToken,
    state: State,
    /// When the stream has to say something.
    silent_until: Instant,
    _reader: Reader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet: a gap lies before what this reader asked for.
    Beginning,
    /// Something was sent: a gap means that it was too slow.
    Following,
    /// The last event was sent.
    Ended,
}

/// Counts the reader for as long as its stream is there.
struct Reader {
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!(names::EVENT_READERS).increment(1.0);
        Self { _permit: permit }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        metrics::gauge!(names::EVENT_READERS).decrement(1.0);
    }
}

impl EventStream {
    pub(super) fn new(
        subscription: Subscription,
        draining: CancellationToken,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            subscription,
            draining,
            state: State::Beginning,
            silent_until: Instant::now(),
            _reader: Reader::new(permit),
        }
    }

    /// The pieces of the body. It never fails.
    pub(super) fn pieces(self) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {
        unfold(self, async |mut stream| stream.next().await.map(|piece| (Ok(piece), stream)))
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.state == State::Ended {
            return None;
        }
        let piece = tokio::select! {
            biased;
            () = self.draining.cancelled() => self.last("draining", "this instance stops: come back, or ask another one"),
            next = self.subscription.next() => match next {
                Next::Events(events) => written(&events),
                Next::Gap if self.state == State::Beginning => {
                    comment("gap", "events before the next one are not kept: read the rollouts anew")
                }
                Next::Gap => self.last("overrun", "events came faster than they were read: come back with the last id"),
                Next::End => self.last("end", "there will be no more events"),
            },
            // The first piece says at once that the stream is there.
            () = sleep_until(self.silent_until) => format!(": alive\nretry: {RETRY_MS}\n\n"),
        };
        if self.state == State::Beginning {
            self.state = State::Following;
        }
        self.silent_until = Instant::now() + KEEP_ALIVE;
        Some(Bytes::from(piece))
    }

    fn last(&mut self, kind: &str, why: &str) -> String {
        self.state = State::Ended;
        comment(kind, why)
    }
}

/// An event about the stream itself. It has no id, so that a reader resumes after the last one that it read.
fn comment(kind: &str, why: &str) -> String {
    format!("event: {kind}\ndata: {}\n\n", serde_json::json!({ "why": why }))
}

fn written(events: &[Arc<Event>]) -> String {
    // One line each: JSON has no line breaks of its own, and a value with text for keys cannot fail to be written.
    let piece = |event: &Arc<Event>| {
        let body = serde_json::to_string(event.as_ref()).unwrap_or_default();
        format!("id: {}\nevent: {}\ndata: {body}\n\n", event.id, event.kind)
    };
    events.iter().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use serde_json::json;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::events::Events;

    fn stream(events: &Events, after: Option<&str>, draining: &CancellationToken) -> EventStream {
        let after = after.map(|id| id.parse().unwrap());
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        EventStream::new(events.subscribe(after.as_ref()), draining.clone(), permit)
    }

    async fn piece(stream: &mut EventStream) -> String {
        String::from_utf8(stream.next().await.expect("a piece").to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_lives() {
        let mut stream = stream(&Events::new("p"), None, &CancellationToken::new());
        let begun = Instant::now();
        assert!(piece(&mut stream).await.starts_with(": alive\n"));
        assert_eq!(Instant::now(), begun, "at once");
        assert!(piece(&mut stream).await.starts_with(": alive\n"));
        assert_eq!(Instant::now(), begun + KEEP_ALIVE);
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_written_with_their_ids() {
        let events = Events::new("p");
        events.record("leadership", json!({ "state": "gained" }));
        let text = piece(&mut stream(&events, None, &CancellationToken::new())).await;
        assert!(text.starts_with("id: p-1\nevent: leadership\ndata: {"), "{text}");
        assert!(text.contains(r#""body":{"state":"gained"}"#) && text.ends_with("}\n\n"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_of_the_process_before_is_told_of_the_gap_and_goes_on() {
        let events = Events::new("p");
        events.record("test", json!({}));
        let mut stream = stream(&events, Some("o-9"), &CancellationToken::new());
        assert!(piece(&mut stream).await.starts_with("event: gap\n"));
        assert!(piece(&mut stream).await.starts_with("id: p-1\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_a_last_event_and_no_more() {
        let events = Events::new("p");
        events.record("test", json!({}));
        let stream = stream(&events, None, &CancellationToken::new());
        let mut pieces = std::pin::pin!(stream.pieces());
        pieces.next().await.unwrap().unwrap();
        (0..2000).for_each(|n| events.record("test", json!({ "n": n })));
        let last = pieces.next().await.unwrap().unwrap();
        assert!(last.starts_with(b"event: overrun\n"), "{last:?}");
        assert!(pieces.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_the_stream_with_a_last_event() {
        let draining = CancellationToken::new();
        let mut stream = stream(&Events::new("p"), None, &draining);
        piece(&mut stream).await;
        draining.cancel();
        assert!(piece(&mut stream).await.starts_with("event: draining\n"));
        assert_eq!(stream.next().await, None);
    }
}
