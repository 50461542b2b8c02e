//! What a caller is told when a request fails: the only file of the proxy that knows HTTP status codes.
//!
//! Each module has errors of its own and this one turns them into OpenAI's error object, so that SDKs raise the exception that their users
//! expect. What AWS says is passed on without ARNs and account ids. The table is documented in `docs/reference/errors.md`.

mod upstream;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use nova_translate::reply::ReplyError;
use nova_translate::{InvokeError, TranslateError};
use openai_api::error::{ErrorBody, ErrorObject};

use crate::auth::AuthError;
use crate::limit::AdmissionError;
use crate::media::FetchError;

/// A failed request, in the caller's terms.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status.
    status: StatusCode,
    /// OpenAI's class of the error.
    kind: &'static str,
    /// A word for programs.
    code: &'static str,
    /// The parameter at fault.
    param: Option<Box<str>>,
    /// For a person, free of ARNs and account ids.
    message: Box<str>,
    /// What SDKs are told about trying again; `None` leaves it to their own rules.
    should_retry: Option<bool>,
    /// When to try again.
    retry_after: Option<Duration>,
    /// AWS's id of the failed call.
    aws_request_id: Option<Box<str>>,
    /// What happened, with all causes and unredacted: for the log alone.
    cause: Option<Box<str>>,
}

const INVALID_REQUEST: &str = "invalid_request_error";
const SERVER_ERROR: &str = "server_error";

impl ApiError {
    /// The status of an instance that wants no traffic.
    pub const NOT_READY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

    fn new(status: StatusCode, kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code,
            param: None,
            message: bounded(message.into()).into(),
            should_retry: None,
            retry_after: None,
            aws_request_id: None,
            cause: None,
        }
    }

    fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, code, message)
    }

    /// A body that is not the JSON that the route takes.
    pub(crate) fn malformed_body(param: Option<String>, message: impl Into<String>) -> Self {
        Self { param: param.map(Into::into), ..Self::bad_request("invalid_json", message) }
    }

    /// A body that is JSON, with a value of a wrong type.
    pub(crate) fn wrong_type(param: Option<String>, message: impl Into<String>) -> Self {
        Self { param: param.map(Into::into), ..Self::bad_request("invalid_type", message) }
    }

    /// A body over the limit.
    pub(crate) fn body_too_large(limit_bytes: u64) -> Self {
        let message =
            format!("the request body is larger than {limit_bytes} bytes, the most that is taken here");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, "request_too_large", message)
    }

    /// So many bodies are being read that there is no memory for another.
    pub(crate) fn busy_reading() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "rate_limit_exceeded",
                "too many large requests are being read at this moment; retry with back-off",
            )
        }
    }

    /// So many vectors are being gathered that there is no memory for more.
    pub(crate) fn busy_embedding() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "rate_limit_exceeded",
                "too many large requests for embeddings are being answered at this moment; retry with back-off",
            )
        }
    }

    /// A body that did not arrive.
    pub(crate) fn body_lost(reason: &str) -> Self {
        Self::bad_request("incomplete_body", format!("the request body did not arrive whole: {reason}"))
    }

    /// A body in a coding such as gzip: what it comes to in memory cannot be known from what was sent.
    pub(crate) fn unsupported_content_encoding(sent: &str) -> Self {
        let message =
            format!("the content encoding is {sent:?}: send the body as it is, without content-encoding");
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            INVALID_REQUEST,
            "unsupported_content_encoding",
            message,
        )
    }

    /// A body that is not declared as JSON.
    pub(crate) fn unsupported_media_type(sent: &str) -> Self {
        let message = format!("the content type is {sent:?}: send content-type: application/json");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_REQUEST, "unsupported_media_type", message)
    }

    /// A path that is not served.
    pub(crate) fn unknown_path(method: &str, path: &str) -> Self {
        let message = format!(
            "nothing is served at {method} {}: chat is at POST /v1/chat/completions, responses at POST /v1/responses, embeddings at POST /v1/embeddings, images at POST /v1/images/generations, models at GET /v1/models",
            shortened(path)
        );
        Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "unknown_url", message)
    }

    /// A path that is served with other methods.
    pub(crate) fn method_not_allowed(method: &str, path: &str) -> Self {
        let message = format!("{path} does not take the method {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, INVALID_REQUEST, "method_not_allowed", message)
    }

    /// A request to the admin listener that is meant for another host.
    pub(crate) fn misdirected(host: &str) -> Self {
        let message = format!(
            "the request is for {:?}: reach this listener as localhost or 127.0.0.1",
            shortened(host)
        );
        Self::new(StatusCode::MISDIRECTED_REQUEST, INVALID_REQUEST, "misdirected_request", message)
    }

    /// A model that is not served, or not to this caller.
    pub(crate) fn unknown_model(name: &str, served: &str) -> Self {
        let message = format!("the model {:?} does not exist here; served are: {served}", shortened(name));
        Self {
            param: Some("model".into()),
            ..Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "model_not_found", message)
        }
    }

    /// A model that the caller's key does not allow.
    pub(crate) fn model_not_allowed(name: &str) -> Self {
        let message = format!(
            "this API key may not use the model {name:?}: ask those who run this service, or see GET /v1/models"
        );
        Self {
            param: Some("model".into()),
            ..Self::new(StatusCode::FORBIDDEN, "permission_error", "model_not_allowed", message)
        }
    }

    /// A remote image that cannot be used.
    pub(crate) fn image_fetch(param: String, error: &FetchError) -> Self {
        let cause = Some(nova_telemetry::error_chain(error).into());
        Self {
            param: Some(param.into()),
            cause,
            ..Self::bad_request("image_fetch_failed", error.to_string())
        }
    }

    /// An image URL that is none.
    pub(crate) fn bad_url(param: String, reason: &str) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::bad_request("invalid_url", format!("the image URL cannot be read: {reason}"))
        }
    }

    /// More remote images than are fetched for one request.
    pub(crate) fn too_many_images(count: usize, limit: usize) -> Self {
        let message = format!(
            "the request names {count} images by URL, and at most {limit} are fetched: send some as data: URLs"
        );
        Self { param: Some("messages".into()), ..Self::bad_request("too_many_images", message) }
    }

    /// Remote images that are too much together.
    pub(crate) fn images_too_large(limit_bytes: usize) -> Self {
        let message = format!(
            "the images that the request names are larger than {limit_bytes} bytes together, as base64"
        );
        Self {
            param: Some("messages".into()),
            ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, "request_too_large", message)
        }
    }

    /// An event of Bedrock's whose payload has not its shape.
    pub(crate) fn unreadable_event(event_type: &str) -> Self {
        let message = format!("Bedrock sent an event of type {event_type} that cannot be read");
        Self {
            should_retry: Some(false),
            ..Self::new(StatusCode::BAD_GATEWAY, SERVER_ERROR, "bad_upstream_response", message)
        }
    }

    /// A whole answer of Bedrock's that has not its shape.
    pub(crate) fn unreadable_reply(error: &serde_json::Error, aws_request_id: Option<&str>) -> Self {
        Self {
            should_retry: Some(false),
            aws_request_id: aws_request_id.map(Into::into),
            ..Self::new(
                StatusCode::BAD_GATEWAY,
                SERVER_ERROR,
                "bad_upstream_response",
                format!("Bedrock's answer cannot be read (line {}, column {})", error.line(), error.column()),
            )
        }
    }

    /// An answer of InvokeModel that cannot be used. It may have been paid, so that SDKs do not ask again by themselves.
    pub(crate) fn invoke(error: &InvokeError, aws_request_id: Option<&str>) -> Self {
        let message = redacted(&error.to_string());
        let refusal = match error {
            InvokeError::Blocked { .. } => Self {
                param: Some("prompt".into()),
                ..Self::bad_request("content_policy_violation", message)
            },
            InvokeError::Failed(_) => {
                Self::new(StatusCode::FAILED_DEPENDENCY, "model_error", "model_error", message)
            }
            InvokeError::Unreadable { .. } | InvokeError::Unfit(_) => {
                Self::new(StatusCode::BAD_GATEWAY, SERVER_ERROR, "bad_upstream_response", message)
            }
        };
        Self { should_retry: Some(false), aws_request_id: aws_request_id.map(Into::into), ..refusal }
    }

    /// A part of the query that has not its form.
    pub(crate) fn bad_query(name: &'static str, message: &'static str) -> Self {
        Self { param: Some(name.into()), ..Self::bad_request("invalid_value", message) }
    }

    /// A defect of the proxy itself. What happened is in the log under the request's id.
    pub(crate) fn internal(what: &'static str) -> Self {
        let message = format!("{what}: this is a defect of the proxy, report it with the request id");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR, "internal_error", message)
    }

    /// The proxy stops before the answer is complete.
    pub(crate) fn stopped() -> Self {
        let message = "this proxy was stopped before the answer was complete: send the request again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, SERVER_ERROR, "server_shutdown", message)
    }

    /// The error with its parameter under another name, where `name` knows one.
    #[must_use]
    pub(crate) fn rename_param(self, name: impl FnOnce(&str) -> Option<String>) -> Self {
        let renamed = self.param.as_deref().and_then(name).map(Into::into);
        let param = renamed.or(self.param);
        Self { param, ..self }
    }

    /// The status as a number, for records and metrics.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The word for programs, for records and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The words for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What happened, for the log: it may name hosts, accounts and ARNs.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The error object, for a body or for an event within a stream.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            error: ErrorObject {
                message: self.message.clone().into_string(),
                kind: self.kind,
                param: self.param.as_deref().map(str::to_owned),
                code: Some(self.code),
                aws_request_id: self.aws_request_id.as_deref().map(str::to_owned),
            },
        }
    }

    /// The response.
    #[must_use]
    pub fn to_response(&self) -> http::Response<Bytes> {
        // The object holds strings alone, so that it always serializes.
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        if let Some(should_retry) = self.should_retry {
            headers.insert(
                "x-should-retry",
                http::HeaderValue::from_static(if should_retry { "true" } else { "false" }),
            );
        }
        if let Some(delay) = self.retry_after {
            // Whole seconds, rounded up (RFC 9110, section 10.2.3).
            headers.insert(
                http::header::RETRY_AFTER,
                delay
                    .as_millis()
                    .div_ceil(1000)
                    .max(1)
                    .to_string()
                    .parse()
                    .unwrap_or_else(|_| http::HeaderValue::from_static("1")),
            );
        }
        if let Some(id) = self.aws_request_id.as_deref().and_then(|id| id.parse().ok()) {
            headers.insert("x-nova-aws-request-id", id);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(http::header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let message = error.to_string();
        match error {
            AuthError::NotYet => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, SERVER_ERROR, "not_ready", message)
            }
            _ => Self::new(StatusCode::UNAUTHORIZED, INVALID_REQUEST, "invalid_api_key", message),
        }
    }
}

impl From<AdmissionError> for ApiError {
    fn from(error: AdmissionError) -> Self {
        let message = error.to_string();
        match error {
            AdmissionError::Draining => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, SERVER_ERROR, "draining", message)
            }
            _ => Self {
                retry_after: Some(Duration::from_secs(1)),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded", message)
            },
        }
    }
}

impl From<TranslateError> for ApiError {
    fn from(error: TranslateError) -> Self {
        Self {
            param: error.param.map(Into::into),
            ..Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, error.code, error.message)
        }
    }
}

impl From<ReplyError> for ApiError {
    fn from(error: ReplyError) -> Self {
        let message = error.to_string();
        let error = match error {
            ReplyError::Failed(_) => {
                Self::new(StatusCode::FAILED_DEPENDENCY, "model_error", "model_error", message)
            }
            ReplyError::NoOutput | ReplyError::Protocol(_) | ReplyError::Truncated => {
                Self::new(StatusCode::BAD_GATEWAY, SERVER_ERROR, "bad_upstream_response", message)
            }
        };
        // The call was answered, and so it was paid: an SDK that tries again by itself pays twice.
        Self { should_retry: Some(false), ..error }
    }
}

/// A message of a length that a log line and a caller can bear, whatever it quotes.
fn bounded(mut message: String) -> String {
    const BYTES_MAX: usize = 4096;
    if message.len() > BYTES_MAX {
        let end = (0..=BYTES_MAX).rev().find(|&end| message.is_char_boundary(end)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

/// What a caller wrote, short enough to be repeated to them.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 100;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Text of AWS's that may be shown to a caller.
fn redacted(text: &str) -> String {
    nova_telemetry::redact(text).into_owned()
}

#[cfg(test)]
mod tests;
