//! Idle limits, fusing and readiness, over bodies in memory and a paused clock.

use std::io;
use std::pin::Pin;

use futures_util::FutureExt as _;
use http_body::Frame;
use tokio::sync::mpsc;

use super::super::error::Phase;
use super::super::event_decoder::EventType;
use super::super::frames::{answer, event, exception};
use super::*;

type Piece = Result<Bytes, io::Error>;

/// A body that is fed piece by piece.
struct FedBody(mpsc::Receiver<Piece>);

impl Body for FedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

fn stream() -> (mpsc::Sender<Piece>, EventStream<FedBody>) {
    let (sender, receiver) = mpsc::channel(64);
    (sender, EventStream::new(FedBody(receiver), Some("req-1".into()), Duration::from_secs(60)))
}

async fn feed(sender: &mpsc::Sender<Piece>, bytes: Vec<u8>) {
    sender.send(Ok(bytes.into())).await.unwrap();
}

async fn expect_error(stream: &mut EventStream<FedBody>) -> UpstreamError {
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.aws_request_id.as_deref(), Some("req-1"));
    for _ in 0..3 {
        assert!(stream.next().await.is_none(), "after an error the stream is finished");
        assert!(matches!(stream.next().now_or_never(), Some(None)));
    }
    assert!(stream.body.is_none(), "the connection is given up at once");
    error
}

#[tokio::test(start_paused = true)]
async fn silence_between_events_ends_at_the_idle_limit() {
    let (sender, mut stream) = stream();
    feed(&sender, answer().swap_remove(0)).await;
    stream.next().await.unwrap().unwrap();
    let waiting = Instant::now();
    let error = expect_error(&mut stream).await;
    assert_eq!((error.kind, error.phase), (UpstreamErrorKind::IdleTimeout, Phase::WithinStream));
    assert_eq!(waiting.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_trickle_that_makes_no_event_does_not_prolong_the_wait() {
    let (sender, mut stream) = stream();
    let waiting = Instant::now();
    let trickle = async {
        for byte in event("messageStart", r#"{"role":"assistant"}"#) {
            tokio::time::sleep(Duration::from_secs(7)).await;
            if sender.send(Ok(vec![byte].into())).await.is_err() {
                break;
            }
        }
    };
    let (error, ()) = tokio::join!(expect_error(&mut stream), trickle);
    assert_eq!(error.kind, UpstreamErrorKind::IdleTimeout);
    assert!(waiting.elapsed() < Duration::from_secs(70));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_drops_and_repeats_the_wait_does_not_prolong_it() {
    let (_sender, mut stream) = stream();
    let waiting = Instant::now();
    let mut error = None;
    for _ in 0..10 {
        // As for keep-alive comments in quiet phases.
        if let Ok(item) = tokio::time::timeout(Duration::from_secs(15), stream.next()).await {
            error = item;
            break;
        }
    }
    let error = error.expect("the wait went on beyond its limit").unwrap_err();
    assert_eq!(error.kind, UpstreamErrorKind::IdleTimeout);
    assert_eq!(waiting.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_is_had_without_waiting() {
    let (sender, mut stream) = stream();
    assert!(stream.next().now_or_never().is_none());
    let frames = answer();
    feed(&sender, frames[..3].concat()).await;
    feed(&sender, frames[3].clone()).await;
    let mut taken = 0;
    while let Some(Some(item)) = stream.next().now_or_never() {
        item.unwrap();
        taken += 1;
    }
    assert_eq!(taken, 4);
    feed(&sender, frames[4..].concat()).await;
    drop(sender);
    assert_eq!(stream.next().await.unwrap().unwrap().event_type, EventType::MessageStop);
    stream.next().await.unwrap().unwrap();
    assert!(matches!(stream.next().now_or_never(), Some(None)));
}

#[tokio::test(start_paused = true)]
async fn a_peeked_event_is_not_lost() {
    let (sender, mut stream) = stream();
    feed(&sender, answer().concat()).await;
    drop(sender);
    stream.peek_first(Instant::now() + Duration::from_secs(1)).await.unwrap();
    let mut events = 0;
    while let Some(item) = stream.next().await {
        item.unwrap();
        events += 1;
    }
    assert_eq!((events, stream.events_received()), (6, 6));
}

#[tokio::test(start_paused = true)]
async fn after_a_whole_answer_the_end_of_the_body_is_not_waited_for_long() {
    let (sender, mut stream) = stream();
    feed(&sender, answer().concat()).await;
    for _ in 0..6 {
        stream.next().await.unwrap().unwrap();
    }
    let waiting = Instant::now();
    assert!(stream.next().await.is_none());
    assert_eq!(waiting.elapsed(), END_GRACE);
}

#[tokio::test(start_paused = true)]
async fn a_loss_counts_only_before_the_answer_is_whole() {
    for (received, lost) in [(6, false), (5, true), (1, true)] {
        let (sender, mut stream) = stream();
        feed(&sender, answer()[..received].concat()).await;
        sender.send(Err(io::ErrorKind::ConnectionReset.into())).await.unwrap();
        for _ in 0..received {
            stream.next().await.unwrap().unwrap();
        }
        if lost {
            let error = expect_error(&mut stream).await;
            assert_eq!((error.kind, error.phase), (UpstreamErrorKind::ConnectionLost, Phase::WithinStream));
            assert!(error.message.contains(&format!("{received} events")), "{}", error.message);
        } else {
            assert!(stream.next().await.is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_after_a_whole_answer_are_told() {
    let (sender, mut stream) = stream();
    feed(&sender, answer().concat()).await;
    feed(&sender, vec![0, 0, 1]).await;
    drop(sender);
    for _ in 0..6 {
        stream.next().await.unwrap().unwrap();
    }
    let error = expect_error(&mut stream).await;
    assert_eq!(error.kind, UpstreamErrorKind::UndecodedBytes);
    assert!(error.message.contains("3 undecoded bytes after 6 events"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn an_exception_before_the_first_event_is_an_early_one() {
    let (sender, mut stream) = stream();
    feed(&sender, exception("serviceUnavailableException", r#"{"message":"busy"}"#)).await;
    let error = stream.peek_first(Instant::now() + Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (UpstreamErrorKind::ServiceUnavailable, Phase::BeforeFirstByte));
}
