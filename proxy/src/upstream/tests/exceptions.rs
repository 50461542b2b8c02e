//! Every exception, before the stream and within it; every success that is none.

use rstest::rstest;

use super::UpstreamErrorKind as Kind;
use super::*;

/// One attempt each, so that a retry does not ask for more than the script has.
fn once(server: &ScriptedServer) -> BedrockClient {
    let mut config = fast(server);
    config.retry.max_attempts = 1;
    config.stream_idle_timeout = Duration::from_millis(200);
    client(config)
}

async fn converse_error(script: Vec<Step>) -> UpstreamError {
    let server = ScriptedServer::start([script]).await;
    once(&server).converse(&call(), &mut Attempts::new()).await.unwrap_err()
}

async fn stream_error(script: Vec<Step>) -> UpstreamError {
    let server = ScriptedServer::start([script]).await;
    once(&server).converse_stream(&call(), &mut Attempts::new()).await.unwrap_err()
}

#[rstest]
#[case("ThrottlingException", 429, Kind::Throttled)]
#[case("ServiceQuotaExceededException", 400, Kind::QuotaExceeded)]
#[case("ModelNotReadyException", 429, Kind::ModelNotReady)]
#[case("ValidationException", 400, Kind::Validation)]
#[case("MalformedHttpRequestException", 400, Kind::Validation)]
#[case("AccessDeniedException", 403, Kind::AccessDenied)]
#[case("OptInRequired", 403, Kind::AccessDenied)]
#[case("ResourceNotFoundException", 404, Kind::NotFound)]
#[case("UnknownOperationException", 404, Kind::NotFound)]
#[case("ModelTimeoutException", 408, Kind::ModelTimeout)]
#[case("RequestTimeout", 408, Kind::ModelTimeout)]
#[case("ModelErrorException", 424, Kind::ModelError)]
#[case("InternalServerException", 500, Kind::InternalServer)]
#[case("ServiceUnavailableException", 503, Kind::ServiceUnavailable)]
#[case("BrandNewException", 418, Kind::Other)]
#[tokio::test]
async fn refusals_keep_their_name_status_message_and_id(
    #[case] name: &str,
    #[case] status: u16,
    #[case] kind: Kind,
) {
    for error in [converse_error(refused(status, name)).await, stream_error(refused(status, name)).await] {
        assert_eq!(
            (error.kind, error.phase, error.http_status),
            (kind, Phase::BeforeFirstByte, Some(status))
        );
        assert_eq!(&*error.message, format!("about {name}"));
        assert_eq!(
            (error.exception.as_deref(), error.aws_request_id.as_deref()),
            (Some(name), Some("req-1"))
        );
    }
}

#[rstest]
#[case("ExpiredTokenException")]
#[case("UnrecognizedClientException")]
#[case("InvalidSignatureException")]
#[case("MissingAuthenticationTokenException")]
#[tokio::test]
async fn refused_credentials_are_told_apart(#[case] name: &str) {
    let server = ScriptedServer::start([refused(403, name), refused(403, name)]).await;
    let error = once(&server).converse(&call(), &mut Attempts::new()).await.unwrap_err();
    assert_eq!((error.kind, error.http_status, error.retried), (Kind::CredentialsRejected, Some(403), 1));
}

#[rstest]
#[case("throttlingException", Kind::Throttled)]
#[case("validationException", Kind::Validation)]
#[case("modelStreamErrorException", Kind::ModelStreamError)]
#[case("modelTimeoutException", Kind::ModelTimeout)]
#[case("internalServerException", Kind::InternalServer)]
#[case("serviceUnavailableException", Kind::ServiceUnavailable)]
#[case("brandNewException", Kind::Other)]
#[tokio::test]
async fn exceptions_in_the_stream_are_told_early_and_late(#[case] name: &str, #[case] kind: Kind) {
    let exception = frames::exception(name, r#"{"message":"why"}"#);
    let early = stream_error(streamed(std::slice::from_ref(&exception), ended())).await;
    assert_eq!((early.kind, early.phase, early.http_status), (kind, Phase::BeforeFirstByte, None));

    let frames = [&frames::answer()[..2], &[exception]].concat();
    let server = ScriptedServer::start([streamed(&frames, ended())]).await;
    let mut stream = once(&server).converse_stream(&call(), &mut Attempts::new()).await.unwrap();
    let (events, late) = drain(&mut stream).await;
    let late = late.unwrap();
    assert_eq!((events, late.kind, late.phase), (2, kind, Phase::WithinStream));
    assert_eq!((&*late.message, late.aws_request_id.as_deref()), ("why", Some("req-1")));
    assert!(late.exception.unwrap().eq_ignore_ascii_case(name));
}

#[rstest]
#[case::html(whole(200, &[("content-type", "text/html")], b"<html>Please sign in</html>"))]
#[case::no_type(whole(200, &[], b"{}"))]
#[case::empty(whole(200, &[JSON], b""))]
#[case::half(whole(200, &[JSON], br#"{"output":"#))]
#[tokio::test]
async fn a_success_that_is_no_json_object_is_unexpected(#[case] response: Vec<u8>) {
    let error = converse_error(vec![Step::Write(response)]).await;
    assert_eq!((error.kind, error.http_status), (Kind::UnexpectedResponse, Some(200)));
}

#[tokio::test]
async fn a_success_that_is_no_event_stream_is_unexpected() {
    let error = stream_error(vec![Step::Write(whole(200, &[JSON, REQUEST_ID], br#"{"hello": 1}"#))]).await;
    assert_eq!((error.kind, error.aws_request_id.as_deref()), (Kind::UnexpectedResponse, Some("req-1")));
    assert!(error.message.contains(r#"{"hello": 1}"#), "{}", error.message);
}

#[tokio::test]
async fn an_exception_under_status_200_is_an_exception() {
    let script = || refused(200, "InternalServerException");
    assert_eq!(converse_error(script()).await.kind, Kind::InternalServer);
    assert_eq!(stream_error(script()).await.kind, Kind::InternalServer);
}

#[tokio::test]
async fn a_refusal_stands_though_its_body_is_broken_or_endless() {
    let head = b"HTTP/1.1 400 Bad\r\nx-amzn-errortype: ValidationException\r\ncontent-length: 9999999\r\n\r\n{\"mess".to_vec();
    for then in [Step::Reset, Step::Close, Step::AwaitGone] {
        let error = converse_error(vec![Step::Write(head.clone()), then]).await;
        assert_eq!((error.kind, error.http_status), (Kind::Validation, Some(400)));
    }
}

#[tokio::test]
async fn a_whole_answer_that_breaks_is_never_taken_for_whole() {
    let mut cut = whole(200, &[JSON, REQUEST_ID], ANSWER.as_bytes());
    cut.truncate(cut.len() - 10);
    for (then, kind) in [
        (Step::Close, Kind::ConnectionLost),
        (Step::Reset, Kind::ConnectionLost),
        (Step::AwaitGone, Kind::IdleTimeout),
    ] {
        let error = converse_error(vec![Step::Write(cut.clone()), then]).await;
        assert_eq!((error.kind, error.phase), (kind, Phase::WithinStream));
        assert_eq!(error.aws_request_id.as_deref(), Some("req-1"));
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    let long = vec![b' '; 2000];
    let declared = Step::Write(whole(200, &[JSON], &long));
    let undeclared = Step::Write([chunked_head(&[JSON]), chunk(&long), LAST_CHUNK.to_vec()].concat());
    for step in [declared, undeclared] {
        let server = ScriptedServer::start([vec![step]]).await;
        let client = client(UpstreamConfig { max_reply_bytes: 1000, ..fast(&server) });
        let error = client.converse(&call(), &mut Attempts::new()).await.unwrap_err();
        assert_eq!(error.kind, Kind::ReplyTooLarge);
    }
}

#[tokio::test]
async fn a_whole_answer_in_chunks_is_whole() {
    let bytes = ANSWER.as_bytes().chunks(7).flat_map(chunk);
    let response =
        chunked_head(&[JSON, REQUEST_ID]).into_iter().chain(bytes).chain(LAST_CHUNK.iter().copied());
    let server = ScriptedServer::start([vec![Step::Write(response.collect())]]).await;
    let reply = once(&server).converse(&call(), &mut Attempts::new()).await.unwrap();
    assert_eq!((&*reply.body, reply.aws_request_id.as_deref()), (ANSWER.as_bytes(), Some("req-1")));
}
