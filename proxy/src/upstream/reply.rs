//! Reading what is not a stream: whole answers and refusals, both under limits of size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::error::{UpstreamError, UpstreamErrorKind};
use super::exception::{self, Exception};
use super::http_client::AnswerBody;

/// Most of an error's body that is read. AWS's are a few hundred bytes; a load balancer's page may be long and says nothing more.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Buffer that a declared length may reserve before the bytes have come.
const MAX_RESERVED_BYTES: usize = 1024 * 1024;

/// A whole answer of `Converse`, `InvokeModel` or `CountTokens`.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The JSON, as sent.
    pub body: Bytes,
    /// AWS's id of the request.
    pub aws_request_id: Option<Box<str>>,
    /// What `InvokeModel` read, in tokens. `Converse` tells it in its body.
    pub input_tokens: Option<u64>,
}

/// AWS's id of a request, by which its support finds it.
pub(super) fn aws_request_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amzn-requestid")?.to_str().ok()
}

/// The input tokens that `InvokeModel` tells in a header, because each model has a body of its own.
fn input_tokens(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-amzn-bedrock-input-token-count")?.to_str().ok()?.parse().ok()
}

/// Whether the body is declared to be of this media type, parameters aside.
pub(super) fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

enum ReadFault {
    TooLarge,
    Idle,
    Lost(hyper::Error),
}

/// Reads a success that comes in one piece.
pub(super) async fn read_reply(
    response: Response<AnswerBody>,
    idle: Duration,
    max_bytes: usize,
) -> Result<Reply, UpstreamError> {
    use UpstreamErrorKind as Kind;
    let (parts, body) = response.into_parts();
    let request_id = aws_request_id(&parts.headers);
    let mut received = BytesMut::new();
    let fault = match read_body(&parts.headers, body, idle, max_bytes, &mut received).await {
        Ok(body) if is_json_object(&parts.headers, &body) => {
            let input_tokens = input_tokens(&parts.headers);
            return Ok(Reply { body, aws_request_id: request_id.map(Into::into), input_tokens });
        }
        Ok(body) => {
            return Err(unexpected(&parts.headers, &body, "a JSON object").with_request_id(request_id));
        }
        Err(fault) => fault,
    };
    let bytes = received.len();
    let error = match fault {
        ReadFault::TooLarge => UpstreamError::new(
            Kind::ReplyTooLarge,
            format!(
                "bedrock's answer has more than {max_bytes} bytes; raise max_reply_bytes if it is meant to"
            ),
        ),
        ReadFault::Idle => UpstreamError::new(
            Kind::IdleTimeout,
            format!(
                "bedrock's answer stopped after {bytes} bytes for {} s (stream_idle_timeout)",
                idle.as_secs_f32()
            ),
        ),
        ReadFault::Lost(source) => UpstreamError::new(
            Kind::ConnectionLost,
            format!("the connection to bedrock broke after {bytes} bytes of the answer"),
        )
        .with_source(source),
    };
    Err(error.within_stream().with_request_id(request_id))
}

/// Reads a refusal. Its status and headers stand even when its body cannot be read.
pub(super) async fn read_refusal(response: Response<AnswerBody>, idle: Duration) -> UpstreamError {
    let (parts, body) = response.into_parts();
    let mut received = BytesMut::new();
    let (body, fault) = match read_body(&parts.headers, body, idle, MAX_ERROR_BYTES, &mut received).await {
        Ok(body) => (body, None),
        Err(fault) => (received.freeze(), Some(fault)),
    };
    let name = parts.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let mut error = Exception::parse(name, &body)
        .into_error(Some(parts.status))
        .with_request_id(aws_request_id(&parts.headers));
    error.retry_after = exception::retry_after(&parts.headers);
    if let Some(ReadFault::Lost(source)) = fault {
        error = error.with_source(source);
    }
    error
}

/// Reads the beginning of a success that is no event stream, to tell what came instead.
pub(super) async fn read_unexpected(
    response: Response<AnswerBody>,
    idle: Duration,
    expected: &str,
) -> UpstreamError {
    let (parts, body) = response.into_parts();
    let mut received = BytesMut::new();
    let body = match read_body(&parts.headers, body, idle, MAX_ERROR_BYTES, &mut received).await {
        Ok(body) => body,
        Err(_fault) => received.freeze(),
    };
    unexpected(&parts.headers, &body, expected).with_request_id(aws_request_id(&parts.headers))
}

fn unexpected(headers: &HeaderMap, body: &[u8], expected: &str) -> UpstreamError {
    let declared = headers
        .get(CONTENT_TYPE)
        .map_or_else(|| "no content type".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    let message = format!(
        "bedrock answered 200 with {declared} instead of {expected}; is something between here and bedrock answering? it begins: {}",
        exception::excerpt(body)
    );
    let mut error = UpstreamError::new(UpstreamErrorKind::UnexpectedResponse, message);
    error.http_status = Some(200);
    error
}

/// A cheap test; the translation parses the answer in full. A cut body cannot pass: HTTP's own framing tells.
fn is_json_object(headers: &HeaderMap, body: &[u8]) -> bool {
    let body = body.trim_ascii();
    has_media_type(headers, "application/json") && body.first() == Some(&b'{') && body.last() == Some(&b'}')
}

/// Reads a body whole. A body in one piece is not copied; otherwise what has come is in `received` even after a fault.
async fn read_body(
    headers: &HeaderMap,
    mut body: AnswerBody,
    idle: Duration,
    max_bytes: usize,
    received: &mut BytesMut,
) -> Result<Bytes, ReadFault> {
    let declared: Option<usize> =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    if declared.is_some_and(|length| length > max_bytes) {
        return Err(ReadFault::TooLarge);
    }
    loop {
        let frame = match timeout(idle, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(ReadFault::Lost)?,
            Ok(None) => return Ok(std::mem::take(received).freeze()),
            Err(_elapsed) => return Err(ReadFault::Idle),
        };
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        if received.len() + bytes.len() > max_bytes {
            return Err(ReadFault::TooLarge);
        }
        if received.is_empty() {
            if declared == Some(bytes.len()) {
                // Taking the end as well lets the connection go back to the pool.
                return match timeout(idle, body.frame()).await {
                    Ok(None) => Ok(bytes),
                    Ok(Some(Err(error))) => Err(ReadFault::Lost(error)),
                    Ok(Some(Ok(_trailers))) => Ok(bytes),
                    Err(_elapsed) => Err(ReadFault::Idle),
                };
            }
            received.reserve(declared.unwrap_or(0).min(MAX_RESERVED_BYTES));
        }
        received.extend_from_slice(&bytes);
    }
}
