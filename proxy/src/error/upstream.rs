//! Bedrock's failures in the caller's terms.
//!
//! The rules behind the table: a fault of the proxy's own credentials is never the caller's 401; what passes by itself may be tried again,
//! what was or may have been paid is not tried again by SDKs on their own (`x-should-retry: false`).

use http::StatusCode;

use super::{ApiError, INVALID_REQUEST, SERVER_ERROR, redacted};
use crate::upstream::{UpstreamError, UpstreamErrorKind as Kind};

/// Status, class, code, and what SDKs are told about trying again.
type Row = (StatusCode, &'static str, &'static str, Option<bool>);

fn row(error: &UpstreamError) -> Row {
    match error.kind {
        Kind::Throttled => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded", None),
        Kind::QuotaExceeded => {
            (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", "insufficient_quota", Some(false))
        }
        Kind::ModelNotReady => (StatusCode::SERVICE_UNAVAILABLE, SERVER_ERROR, "model_not_ready", None),
        Kind::Validation if is_context_overflow(&error.message) => {
            (StatusCode::BAD_REQUEST, INVALID_REQUEST, "context_length_exceeded", None)
        }
        Kind::Validation if is_content_filter(&error.message) => {
            (StatusCode::BAD_REQUEST, INVALID_REQUEST, "content_policy_violation", None)
        }
        Kind::Validation => (StatusCode::BAD_REQUEST, INVALID_REQUEST, "invalid_request", None),
        Kind::AccessDenied => (StatusCode::FORBIDDEN, "permission_error", "access_denied", None),
        Kind::NotFound => (StatusCode::NOT_FOUND, INVALID_REQUEST, "model_not_found", None),
        Kind::ModelTimeout => (StatusCode::REQUEST_TIMEOUT, "timeout_error", "model_timeout", Some(false)),
        Kind::FirstByteTimeout | Kind::IdleTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "timeout_error", "upstream_timeout", Some(false))
        }
        Kind::ModelError | Kind::ModelStreamError => {
            (StatusCode::FAILED_DEPENDENCY, "model_error", "model_error", Some(false))
        }
        Kind::InternalServer => (StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR, "upstream_error", None),
        Kind::ServiceUnavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, SERVER_ERROR, "upstream_unavailable", None)
        }
        Kind::ConnectFailed | Kind::ConnectTimeout => {
            (StatusCode::SERVICE_UNAVAILABLE, SERVER_ERROR, "upstream_unreachable", None)
        }
        Kind::CredentialsRejected | Kind::NoCredentials => {
            (StatusCode::SERVICE_UNAVAILABLE, SERVER_ERROR, "upstream_credentials", None)
        }
        Kind::ConnectionLost
        | Kind::StreamTruncated
        | Kind::CorruptFrame
        | Kind::UndecodedBytes
        | Kind::UnexpectedResponse
        | Kind::ReplyTooLarge => {
            (StatusCode::BAD_GATEWAY, SERVER_ERROR, "bad_upstream_response", Some(false))
        }
        Kind::BadRequestParts => {
            (StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR, "internal_error", Some(false))
        }
        Kind::Other => {
            let status = error.http_status.and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.filter(|status| status.is_client_error() || status.is_server_error());
            (status.unwrap_or(StatusCode::BAD_GATEWAY), SERVER_ERROR, "upstream_error", None)
        }
    }
}

/// Bedrock tells an overlong prompt from other faults by its text alone.
fn is_context_overflow(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "input is too long",
        "too many tokens",
        "too many input tokens",
        "maximum context length",
        "exceeds the maximum number of tokens",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Nova's content filters refuse a prompt by a `ValidationException` like any other. Source: Amazon Nova user guide, "Error handling".
fn is_content_filter(message: &str) -> bool {
    message.to_ascii_lowercase().contains("blocked by our content filter")
}

/// What is shown of the message. What concerns the proxy's own credentials is for its operator, not for its callers.
fn message(error: &UpstreamError) -> String {
    match error.kind {
        Kind::CredentialsRejected | Kind::NoCredentials => {
            "the proxy has no valid AWS credentials at this moment: try again, and tell those who run this service".to_owned()
        }
        Kind::AccessDenied => {
            format!("AWS refuses this proxy access to the model: {}", redacted(&error.message))
        }
        _ => redacted(&error.message),
    }
}

/// All that is known, for the operator.
fn cause(error: &UpstreamError) -> Box<str> {
    let exception = error.exception.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
    let attempts = if error.retried > 0 {
        format!(" (after {} earlier attempts)", error.retried)
    } else {
        String::new()
    };
    format!("{exception}{}{attempts}", nova_telemetry::error_chain(error)).into()
}

impl From<&UpstreamError> for ApiError {
    fn from(error: &UpstreamError) -> Self {
        let (status, kind, code, should_retry) = row(error);
        Self {
            should_retry,
            retry_after: error.retry_after,
            aws_request_id: error.aws_request_id.clone(),
            cause: Some(cause(error)),
            ..Self::new(status, kind, code, message(error))
        }
    }
}
