//! What is tried again, how often, and never after the first event.

use rstest::rstest;

use super::UpstreamErrorKind as Kind;
use super::*;

fn outcomes(attempts: &Attempts) -> Vec<AttemptOutcome> {
    attempts.as_slice().iter().map(|attempt| attempt.outcome).collect()
}

#[tokio::test]
async fn a_transient_refusal_is_tried_again_and_recorded() {
    let scripts =
        [refused(429, "ThrottlingException"), refused(503, "ServiceUnavailableException"), answered()];
    let server = ScriptedServer::start(scripts).await;
    let mut attempts = Attempts::new();
    let reply = client(fast(&server)).converse(&call(), &mut attempts).await.unwrap();
    assert_eq!(reply.body, ANSWER);
    let expected = [
        AttemptOutcome::Failed(Kind::Throttled),
        AttemptOutcome::Failed(Kind::ServiceUnavailable),
        AttemptOutcome::Answered,
    ];
    assert_eq!(outcomes(&attempts), expected);
    assert!(attempts.as_slice().iter().all(|attempt| attempt.aws_request_id.as_deref() == Some("req-1")));
}

#[tokio::test]
async fn attempts_end_at_their_limit() {
    let server = ScriptedServer::start(vec![refused(429, "ThrottlingException"); 9]).await;
    let mut attempts = Attempts::new();
    let error = client(fast(&server)).converse(&call(), &mut attempts).await.unwrap_err();
    assert_eq!((error.kind, error.retried, attempts.as_slice().len()), (Kind::Throttled, 2, 3));
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn an_early_exception_frame_is_tried_again() {
    let throttled = frames::exception("throttlingException", r#"{"message":"slow"}"#);
    let scripts = [streamed(&[throttled], ended()), streamed(&frames::answer(), ended())];
    let server = ScriptedServer::start(scripts).await;
    let mut attempts = Attempts::new();
    let mut stream = client(fast(&server)).converse_stream(&call(), &mut attempts).await.unwrap();
    assert!(drain(&mut stream).await.1.is_none());
    assert_eq!(outcomes(&attempts), [AttemptOutcome::Failed(Kind::Throttled), AttemptOutcome::Answered]);
}

#[rstest]
#[case(Step::Reset)]
#[case(Step::Close)]
#[tokio::test]
async fn a_connection_lost_before_the_answer_is_tried_again(#[case] loss: Step) {
    let server = ScriptedServer::start([vec![loss], answered()]).await;
    let mut attempts = Attempts::new();
    client(fast(&server)).converse(&call(), &mut attempts).await.unwrap();
    assert_eq!(outcomes(&attempts), [AttemptOutcome::Failed(Kind::ConnectionLost), AttemptOutcome::Answered]);
}

#[tokio::test]
async fn nothing_is_tried_again_after_the_first_event() {
    let throttled = frames::exception("throttlingException", r#"{"message":"slow"}"#);
    let frames = [&frames::answer()[..1], &[throttled]].concat();
    let server = ScriptedServer::start([streamed(&frames, ended()), answered()]).await;
    let mut stream = client(fast(&server)).converse_stream(&call(), &mut Attempts::new()).await.unwrap();
    assert_eq!(drain(&mut stream).await.1.unwrap().kind, Kind::Throttled);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_a_failed_connection() {
    let mut config = UpstreamConfig::new("us-east-1");
    // Port 1 of loopback: reserved, and nothing of these tests listens there.
    config.endpoint = Some("http://127.0.0.1:1".parse().unwrap());
    config.retry.base_delay = Duration::from_millis(1);
    let mut attempts = Attempts::new();
    let error = client(config).converse(&call(), &mut attempts).await.unwrap_err();
    assert_eq!((error.kind, error.phase, error.retried), (Kind::ConnectFailed, Phase::BeforeFirstByte, 2));
    assert!(error.message.contains("127.0.0.1:1"), "{}", error.message);
    assert!(error.source.is_some());
}

#[tokio::test]
async fn refused_credentials_are_loaded_anew_once() {
    let server = ScriptedServer::start([refused(403, "ExpiredTokenException"), answered()]).await;
    client(fast(&server)).converse(&call(), &mut Attempts::new()).await.unwrap();
    for (request, key) in server.received().iter().zip(["AKID1", "AKID2"]) {
        assert!(request.header("authorization").contains(&format!("Credential={key}/")));
    }
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn credentials_refused_twice_end_the_call() {
    let server = ScriptedServer::start(vec![refused(403, "UnrecognizedClientException"); 5]).await;
    let error = client(fast(&server)).converse(&call(), &mut Attempts::new()).await.unwrap_err();
    assert_eq!((error.kind, server.received().len()), (Kind::CredentialsRejected, 2));
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_bedrocks() {
    let headers =
        [JSON, ("x-amzn-errortype", "InvalidSignatureException"), ("date", "Wed, 15 Nov 2023 01:13:20 GMT")];
    let refusal = vec![Step::Write(whole(403, &headers, br#"{"message":"Signature expired"}"#))];
    let server = ScriptedServer::start([refusal, answered(), answered()]).await;
    let client = client(fast(&server));
    for _ in 0..2 {
        client.converse(&call(), &mut Attempts::new()).await.unwrap();
    }
    let dates: Vec<_> =
        server.received().iter().map(|request| request.header("x-amz-date").to_owned()).collect();
    assert_eq!(dates, ["20231114T221320Z", "20231115T011320Z", "20231115T011320Z"]);
    assert_eq!(client.clock_offset_seconds(), 3 * 3600);
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_operator_is_told_what_was_tried() {
    let server = ScriptedServer::start([answered()]).await;
    let client = client_of(fast(&server), Arc::new(Numbered { fails: true, ..Numbered::default() }));
    let mut attempts = Attempts::new();
    let error = client.converse(&call(), &mut attempts).await.unwrap_err();
    assert_eq!((error.kind, attempts.as_slice().len(), server.received().len()), (Kind::NoCredentials, 0, 0));
    assert!(
        error.message.contains("a numbered source") && error.message.contains("nothing is set"),
        "{}",
        error.message
    );
}

#[rstest]
#[case("us-east-1", "")]
#[case("not a region", MODEL)]
#[tokio::test]
async fn what_cannot_be_a_url_is_never_sent(#[case] region: &str, #[case] model_id: &str) {
    let server = ScriptedServer::start([]).await;
    let call = Call { region, model_id, ..call() };
    let error = client(fast(&server)).converse(&call, &mut Attempts::new()).await.unwrap_err();
    assert_eq!((error.kind, server.received().len()), (Kind::BadRequestParts, 0));
}
