//! The table of errors, row by row.

use std::time::Duration;

use rstest::rstest;

use super::*;
use crate::upstream::{Phase, UpstreamError, UpstreamErrorKind as Kind};

fn upstream(kind: Kind, message: &str) -> UpstreamError {
    UpstreamError::for_tests(kind, Phase::BeforeFirstByte, message)
}

/// Status and code per failure of Bedrock, and whether SDKs are told not to try again.
#[rstest]
#[case(Kind::Throttled, 429, "rate_limit_exceeded", None)]
#[case(Kind::QuotaExceeded, 429, "insufficient_quota", Some("false"))]
#[case(Kind::ModelNotReady, 503, "model_not_ready", None)]
#[case(Kind::Validation, 400, "invalid_request", None)]
#[case(Kind::AccessDenied, 403, "access_denied", None)]
#[case(Kind::CredentialsRejected, 503, "upstream_credentials", None)]
#[case(Kind::NoCredentials, 503, "upstream_credentials", None)]
#[case(Kind::NotFound, 404, "model_not_found", None)]
#[case(Kind::ModelTimeout, 408, "model_timeout", Some("false"))]
#[case(Kind::FirstByteTimeout, 504, "upstream_timeout", Some("false"))]
#[case(Kind::IdleTimeout, 504, "upstream_timeout", Some("false"))]
#[case(Kind::ModelError, 424, "model_error", Some("false"))]
#[case(Kind::ModelStreamError, 424, "model_error", Some("false"))]
#[case(Kind::InternalServer, 500, "upstream_error", None)]
#[case(Kind::ServiceUnavailable, 503, "upstream_unavailable", None)]
#[case(Kind::ConnectFailed, 503, "upstream_unreachable", None)]
#[case(Kind::ConnectTimeout, 503, "upstream_unreachable", None)]
#[case(Kind::ConnectionLost, 502, "bad_upstream_response", Some("false"))]
#[case(Kind::StreamTruncated, 502, "bad_upstream_response", Some("false"))]
#[case(Kind::CorruptFrame, 502, "bad_upstream_response", Some("false"))]
#[case(Kind::UndecodedBytes, 502, "bad_upstream_response", Some("false"))]
#[case(Kind::UnexpectedResponse, 502, "bad_upstream_response", Some("false"))]
#[case(Kind::ReplyTooLarge, 502, "bad_upstream_response", Some("false"))]
#[case(Kind::Other, 502, "upstream_error", None)]
fn failures_of_bedrock_have_their_row(
    #[case] kind: Kind,
    #[case] status: u16,
    #[case] code: &str,
    #[case] should_retry: Option<&str>,
) {
    let error = ApiError::from(&upstream(kind, "why"));
    let response = error.to_response();
    assert_eq!((response.status().as_u16(), error.code()), (status, code));
    assert_eq!(
        response.headers().get("x-should-retry").map(|value| value.to_str().expect("text")),
        should_retry
    );
}

#[rstest]
#[case("Input is too long for requested model.")]
#[case("Too many input tokens. Max input tokens: 300000, request input token count: 300001")]
fn an_overlong_prompt_has_openais_code(#[case] message: &str) {
    assert_eq!(ApiError::from(&upstream(Kind::Validation, message)).code(), "context_length_exceeded");
}

#[test]
fn a_prompt_that_the_filters_refuse_has_openais_code() {
    let message = "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request.";
    let error = ApiError::from(&upstream(Kind::Validation, message));
    assert_eq!((error.status(), error.code()), (400, "content_policy_violation"));
}

#[rstest]
#[case(InvokeError::Unreadable { line: 1, column: 2 }, 502, "bad_upstream_response")]
#[case(InvokeError::Unfit("nothing".to_owned()), 502, "bad_upstream_response")]
#[case(InvokeError::Failed("arn:aws:iam::123456789012:role/x may not".to_owned()), 424, "model_error")]
#[case(InvokeError::Blocked { asked: 2, held_back: 1 }, 400, "content_policy_violation")]
fn an_answer_that_cannot_be_used_is_not_asked_for_again(
    #[case] error: InvokeError,
    #[case] status: u16,
    #[case] code: &str,
) {
    let response = ApiError::invoke(&error, Some("id-1"));
    assert_eq!((response.status(), response.code()), (status, code));
    assert!(!response.message().contains("123456789012"), "{}", response.message());
    let headers = response.to_response().headers().clone();
    assert_eq!(
        (headers["x-should-retry"].as_bytes(), headers["x-nova-aws-request-id"].as_bytes()),
        (&b"false"[..], &b"id-1"[..])
    );
}

/// What AWS says may name the account; callers must not learn it.
#[test]
fn account_ids_and_arns_are_redacted() {
    let message = "User: arn:aws:sts::123456789012:assumed-role/nova/i-0 is not authorized to perform: bedrock:InvokeModel";
    let shown = ApiError::from(&upstream(Kind::AccessDenied, message));
    assert!(
        !shown.message().contains("123456789012") && !shown.message().contains("arn:aws"),
        "{}",
        shown.message()
    );
    assert!(
        shown.message().contains("bedrock:InvokeModel"),
        "what to do about it stays: {}",
        shown.message()
    );
    let hidden = ApiError::from(&upstream(
        Kind::CredentialsRejected,
        "The security token AKIAABCDEFGHIJKLMNOP is expired",
    ));
    assert!(!hidden.message().contains("AKIA"), "{}", hidden.message());
}

#[test]
fn a_wait_is_told_in_whole_seconds_rounded_up() {
    let mut error = ApiError::from(&upstream(Kind::Throttled, "slow down"));
    error.retry_after = Some(Duration::from_millis(1_200));
    assert_eq!(error.to_response().headers()["retry-after"], "2");
}

#[test]
fn the_body_is_openais_error_object() {
    let error = ApiError::wrong_type(Some("messages[0].role".to_owned()), "wrong");
    let body: serde_json::Value = serde_json::from_slice(error.to_response().body()).expect("JSON");
    let expected = serde_json::json!({"error": {
        "message": "wrong", "type": "invalid_request_error", "param": "messages[0].role", "code": "invalid_type"}});
    assert_eq!(body, expected);
}
