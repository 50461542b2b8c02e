//! AWS's exceptions: how they are written on the wire, and which [`UpstreamErrorKind`] each one is.
//!
//! Over HTTP the name is PascalCase in `x-amzn-errortype`, perhaps with a namespace before `#` and a URL after `:`, or else in the
//! body; in an event stream it is camelCase in `:exception-type`. The names are those of the Bedrock Runtime service model and of
//! the errors common to all AWS services.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::error::{UpstreamError, UpstreamErrorKind};

/// How much of a body that is not JSON goes into the message.
const EXCERPT_CHARS: usize = 300;

/// An exception as AWS wrote it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// The name without namespace and URL, in PascalCase.
    pub name: Option<String>,
    /// The message, empty when there is none.
    pub message: String,
    /// The status that the model gave, for errors of the model.
    pub original_status: Option<u16>,
}

impl Exception {
    /// Reads a name and a body. `name` is `x-amzn-errortype` or `:exception-type`; without one the body's `code` or `__type` counts.
    pub fn parse(name: Option<&str>, body: &[u8]) -> Self {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Self { name: name.and_then(plain_name), message: excerpt(body), original_status: None };
        };
        let text = |keys: &[&str]| keys.iter().find_map(|key| fields.get(*key)?.as_str());
        let mut message = text(&["message", "Message", "errorMessage"]).unwrap_or_default().to_owned();
        if let Some(original) = text(&["originalMessage"]).filter(|original| !message.contains(original)) {
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(original);
        }
        Self {
            name: name.or_else(|| text(&["code", "__type"])).and_then(plain_name),
            message,
            original_status: fields
                .get("originalStatusCode")
                .and_then(Value::as_u64)
                .and_then(|n| u16::try_from(n).ok()),
        }
    }

    /// The failure of a call that was answered with this exception.
    ///
    /// `status` is the HTTP status, `None` inside a stream, where the 200 was sent long before.
    pub fn into_error(self, status: Option<StatusCode>) -> UpstreamError {
        let kind = kind_of(self.name.as_deref(), status);
        let message = if self.message.is_empty() {
            let name = self.name.as_deref().unwrap_or("an error");
            let status = status.map(|status| format!(" with status {}", status.as_u16())).unwrap_or_default();
            format!("bedrock answered {name}{status} and no message")
        } else {
            self.message
        };
        let mut error = UpstreamError::new(kind, message);
        error.http_status = status.map(|status| status.as_u16());
        error.exception = self.name.map(Into::into);
        error.original_status = self.original_status;
        error
    }
}

/// The kind of an exception by its PascalCase name; by the HTTP status when the name is missing or unknown.
pub fn kind_of(name: Option<&str>, status: Option<StatusCode>) -> UpstreamErrorKind {
    use UpstreamErrorKind as Kind;
    match name.unwrap_or_default() {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "SlowDown" => Kind::Throttled,
        "ServiceQuotaExceededException" => Kind::QuotaExceeded,
        "ModelNotReadyException" => Kind::ModelNotReady,
        "ValidationException"
        | "ValidationError"
        | "MalformedHttpRequestException"
        | "SerializationException" => Kind::Validation,
        "AccessDeniedException" | "AccessDenied" | "OptInRequired" => Kind::AccessDenied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "NotAuthorized"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "AuthFailure" => Kind::CredentialsRejected,
        "ResourceNotFoundException" | "UnknownOperationException" => Kind::NotFound,
        "ModelTimeoutException" | "RequestTimeout" | "RequestTimeoutException" => Kind::ModelTimeout,
        "ModelErrorException" => Kind::ModelError,
        "ModelStreamErrorException" => Kind::ModelStreamError,
        "InternalServerException" | "InternalServerError" | "InternalFailure" => Kind::InternalServer,
        "ServiceUnavailableException" | "ServiceUnavailable" => Kind::ServiceUnavailable,
        _ => match status.map(|status| status.as_u16()) {
            Some(429) => Kind::Throttled,
            Some(500) => Kind::InternalServer,
            Some(502..=504) => Kind::ServiceUnavailable,
            _ => Kind::Other,
        },
    }
}

/// How long AWS asks to wait: `x-amz-retry-after` in milliseconds, or HTTP's `retry-after` in seconds.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let millis = number("x-amz-retry-after").map(Duration::from_millis);
    millis.or_else(|| number("retry-after").map(Duration::from_secs))
}

/// Takes off the URL after `:` and the namespace before `#`, and writes the name in PascalCase.
fn plain_name(written: &str) -> Option<String> {
    let before_url = written.split(':').next().unwrap_or_default();
    let name = before_url.rsplit('#').next().unwrap_or_default().trim();
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// The beginning of a body that is not JSON, such as a load balancer's page, in one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let head = body.get(..EXCERPT_CHARS * 4).unwrap_or(body);
    let text = String::from_utf8_lossy(head);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ValidationException", "ValidationException")]
    #[case("ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/", "ValidationException")]
    #[case("com.amazon.coral.service#UnrecognizedClientException", "UnrecognizedClientException")]
    #[case("aws.protocoltests#FooError:http://x/y#z", "FooError")]
    #[case("throttlingException", "ThrottlingException")]
    fn names_are_read_without_namespace_and_url(#[case] written: &str, #[case] name: &str) {
        assert_eq!(Exception::parse(Some(written), b"{}").name.as_deref(), Some(name));
    }

    #[rstest]
    #[case(br#"{"__type":"a#FooException","message":"m"}"#, Some("FooException"), "m")]
    #[case(br#"{"code":"Foo","Message":"m"}"#, Some("Foo"), "m")]
    #[case(br#"{"code":404,"errorMessage":"m"}"#, None, "m")]
    #[case(b"<html>\n <b>Bad Gateway</b></html>", None, "<html> <b>Bad Gateway</b></html>")]
    #[case(b"", None, "")]
    #[case(br#"["message"]"#, None, r#"["message"]"#)]
    fn bodies_are_read_in_all_their_forms(
        #[case] body: &[u8],
        #[case] name: Option<&str>,
        #[case] message: &str,
    ) {
        let exception = Exception::parse(None, body);
        assert_eq!((exception.name.as_deref(), exception.message.as_str()), (name, message));
    }

    #[test]
    fn the_models_own_status_and_message_are_kept() {
        let body = br#"{"message":"stream broke","originalStatusCode":503,"originalMessage":"overloaded"}"#;
        let error = Exception::parse(Some("modelStreamErrorException"), body).into_error(None);
        assert_eq!(error.kind, UpstreamErrorKind::ModelStreamError);
        assert_eq!(&*error.message, "stream broke: overloaded");
        assert_eq!((error.original_status, error.http_status), (Some(503), None));
    }

    #[rstest]
    #[case("FancyNewException", 418, UpstreamErrorKind::Other)]
    #[case("FancyNewException", 503, UpstreamErrorKind::ServiceUnavailable)]
    #[case("", 429, UpstreamErrorKind::Throttled)]
    #[case("", 502, UpstreamErrorKind::ServiceUnavailable)]
    #[case("", 500, UpstreamErrorKind::InternalServer)]
    #[case("", 301, UpstreamErrorKind::Other)]
    fn what_is_unknown_keeps_its_status(
        #[case] name: &str,
        #[case] status: u16,
        #[case] kind: UpstreamErrorKind,
    ) {
        let status = StatusCode::from_u16(status).unwrap();
        let error = Exception::parse((!name.is_empty()).then_some(name), b"{}").into_error(Some(status));
        assert_eq!((error.kind, error.http_status), (kind, Some(status.as_u16())));
        assert!(!error.message.is_empty());
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert("retry-after", "2".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(2)));
        headers.insert("x-amz-retry-after", "1500".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_millis(1500)));
    }
}
