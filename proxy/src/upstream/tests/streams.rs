//! Every end that a stream can have, and the cancellation of one.

use futures_util::FutureExt as _;

use rstest::rstest;

use super::UpstreamErrorKind as Kind;
use super::*;

/// Opens the stream of this script and reads it to its end.
async fn read(script: Vec<Step>) -> Result<(usize, Option<UpstreamError>), UpstreamError> {
    let server = ScriptedServer::start([script]).await;
    let mut config = fast(&server);
    config.retry.max_attempts = 1;
    config.stream_idle_timeout = Duration::from_millis(200);
    let mut stream = client(config).converse_stream(&call(), &mut Attempts::new()).await?;
    Ok(drain(&mut stream).await)
}

/// The frame with one bit of its payload changed.
fn flipped(mut frame: Vec<u8>) -> Vec<u8> {
    let position = frame.len() - 8;
    frame[position] ^= 1;
    frame
}

#[tokio::test]
async fn a_complete_answer_ends_well() {
    let (events, error) = read(streamed(&frames::answer(), ended())).await.unwrap();
    assert_eq!(events, 6);
    assert!(error.is_none(), "{error:?}");
}

#[rstest]
#[case::end_before_message_stop(streamed(&frames::answer()[..4], ended()), 4, Kind::StreamTruncated)]
#[case::reset(streamed(&frames::answer()[..3], vec![Step::Reset]), 3, Kind::ConnectionLost)]
#[case::close_without_last_chunk(streamed(&frames::answer()[..3], vec![Step::Close]), 3, Kind::ConnectionLost)]
#[case::close_before_metadata(streamed(&frames::answer()[..5], vec![Step::Close]), 5, Kind::ConnectionLost)]
#[case::silence(streamed(&frames::answer()[..2], vec![Step::AwaitGone]), 2, Kind::IdleTimeout)]
#[case::trailing_bytes(streamed(&[frames::answer(), vec![vec![7; 3]]].concat(), ended()), 6, Kind::UndecodedBytes)]
#[case::half_a_frame(
    streamed(&[&frames::answer()[..2], &[frames::answer()[2][..20].to_vec()]].concat(), ended()), 2, Kind::UndecodedBytes
)]
#[case::bad_checksum(
    streamed(&[&frames::answer()[..2], &[flipped(frames::answer().swap_remove(2))]].concat(), ended()), 2, Kind::CorruptFrame
)]
#[tokio::test]
async fn every_broken_end_is_told(#[case] script: Vec<Step>, #[case] before: usize, #[case] kind: Kind) {
    let (events, error) = read(script).await.unwrap();
    let error = error.expect("a broken stream must not look like a finished one");
    // A reset may overtake bytes that were sent before it; what was received counts.
    assert!(events == before || kind == Kind::ConnectionLost && events <= before, "{events} events");
    assert_eq!((error.kind, error.phase), (kind, Phase::WithinStream));
    assert_eq!(error.aws_request_id.as_deref(), Some("req-1"));
}

#[rstest]
#[case::nothing_at_all(streamed(&[], ended()), Kind::StreamTruncated, "without any event")]
#[case::garbage(streamed(&[vec![9; 40]], ended()), Kind::CorruptFrame, "corrupt")]
#[case::less_than_a_frame(streamed(&[vec![0, 0, 0, 99, 1]], ended()), Kind::UndecodedBytes, "no event: 5 undecoded bytes")]
#[case::lost(streamed(&[], vec![Step::Close]), Kind::ConnectionLost, "after 0 events")]
#[tokio::test]
async fn a_stream_without_an_event_is_an_early_failure(
    #[case] script: Vec<Step>,
    #[case] kind: Kind,
    #[case] message: &str,
) {
    let error = read(script).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (kind, Phase::BeforeFirstByte));
    assert!(error.message.contains(message), "{}", error.message);
}

#[tokio::test]
async fn a_stream_that_never_begins_ends_at_the_first_byte_limit() {
    for script in [vec![Step::AwaitGone], streamed(&[], vec![Step::AwaitGone])] {
        let server = ScriptedServer::start([script]).await;
        let call = Call { first_byte_timeout: Some(Duration::from_millis(100)), ..call() };
        let mut attempts = Attempts::new();
        let error = client(fast(&server)).converse_stream(&call, &mut attempts).await.unwrap_err();
        assert_eq!(
            (error.kind, error.kind.timeout()),
            (Kind::FirstByteTimeout, Some(TimeoutKind::FirstByte))
        );
        assert_eq!(attempts.as_slice().len(), 1, "the model may be at work: not tried again");
        server.clients_gone(1).await;
    }
}

#[tokio::test]
async fn dropping_a_stream_cancels_the_call() {
    let server = ScriptedServer::start([streamed(&frames::answer()[..2], vec![Step::AwaitGone])]).await;
    let client = client(fast(&server));
    let mut stream = client.converse_stream(&call(), &mut Attempts::new()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.clients_gone(1).await;
}

#[tokio::test]
async fn dropping_a_call_cancels_it_and_keeps_its_record() {
    let server = ScriptedServer::start([vec![Step::AwaitGone]]).await;
    let (client, call, mut attempts) = (client(fast(&server)), call(), Attempts::new());
    {
        let mut pending = std::pin::pin!(client.converse(&call, &mut attempts));
        while server.received().is_empty() {
            assert!(futures_util::poll!(&mut pending).is_pending());
            tokio::task::yield_now().await;
        }
    }
    server.clients_gone(1).await;
    let [attempt] = attempts.as_slice() else { panic!("{attempts:?}") };
    assert_eq!((attempt.outcome, &*attempt.region), (AttemptOutcome::Abandoned, "us-east-1"));
}

#[tokio::test]
async fn a_finished_stream_gives_its_connection_back() {
    // The one connection serves both: the second script would never be reached over another one that waits its turn.
    let server =
        ScriptedServer::start([streamed(&frames::answer(), ended()), streamed(&frames::answer(), ended())])
            .await;
    let client = client(fast(&server));
    for _ in 0..2 {
        let mut stream = client.converse_stream(&call(), &mut Attempts::new()).await.unwrap();
        assert!(drain(&mut stream).await.1.is_none());
        assert!(matches!(stream.next().now_or_never(), Some(None)));
    }
    assert_eq!(server.connections(), 1);
}
