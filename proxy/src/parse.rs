//! Request bodies: read under a limit, and parsed with errors that say where.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::ApiError;

/// A body that comes slower than this holds its memory for no good: a line of 64 kbit/s is faster.
const BYTES_PER_SECOND_MIN: u64 = 8 * 1024;

/// How long a body may be slower than that at its beginning, or fall behind later.
const SLOWNESS_GRACE: Duration = Duration::from_secs(10);

/// A body that has not been read yet.
pub trait IncomingBody: Send {
    /// The next piece, `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, String>>> + Send;
}

/// Checks the declared type. It must be there: a browser sends a body without one, or as plain text, to any address without asking.
///
/// # Errors
/// When another type is declared, or none.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let declared =
        headers.get(CONTENT_TYPE).map_or("(none)", |value| value.to_str().unwrap_or("(unreadable)"));
    let essence = declared.split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || (essence.to_ascii_lowercase().starts_with("application/")
            && essence.to_ascii_lowercase().ends_with("+json"));
    if is_json { Ok(()) } else { Err(ApiError::unsupported_media_type(essence)) }
}

/// Checks that the body comes as it is. A body in a coding would be read as broken JSON, whose message helps nobody.
///
/// # Errors
/// When a coding is declared.
pub fn check_content_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    for value in headers.get_all(CONTENT_ENCODING) {
        let declared = value.to_str().unwrap_or("(unreadable)");
        if !declared.trim().eq_ignore_ascii_case("identity") {
            return Err(ApiError::unsupported_content_encoding(declared));
        }
    }
    Ok(())
}

/// How much memory a body may come to: what it declares, or the limit where it declares nothing or more.
#[must_use]
pub fn announced_bytes(headers: &HeaderMap, limit_bytes: u64) -> u64 {
    match declared_bytes(headers) {
        Some(length) if length <= limit_bytes => length,
        // Refused before a byte of it is kept.
        Some(_) => 0,
        None => limit_bytes,
    }
}

fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body of at most `limit_bytes` within `time_limit`.
///
/// # Errors
/// When it is larger, breaks off, does not arrive in time, or falls behind [`BYTES_PER_SECOND_MIN`].
pub async fn read(
    body: &mut impl IncomingBody,
    headers: &HeaderMap,
    limit_bytes: u64,
    time_limit: Duration,
) -> Result<Bytes, ApiError> {
    if declared_bytes(headers).is_some_and(|length| length > limit_bytes) {
        pass_over(body).await;
        return Err(ApiError::body_too_large(limit_bytes));
    }
    let read = timeout(time_limit, collect(body, limit_bytes, declared_bytes(headers))).await;
    match read.map_err(|_| ApiError::body_lost("it took too long"))?? {
        Some(whole) => Ok(whole),
        None => {
            pass_over(body).await;
            Err(ApiError::body_too_large(limit_bytes))
        }
    }
}

/// Reads on for a while and keeps nothing. A connection that is closed on a client who still sends loses the answer that tells it why.
async fn pass_over(body: &mut impl IncomingBody) {
    const BYTES_MAX: usize = 256 * 1024 * 1024;
    const TIME_MAX: Duration = Duration::from_secs(5);
    let reading = async {
        let mut passed = 0_usize;
        while let Some(Ok(piece)) = body.next().await {
            passed = passed.saturating_add(piece.len());
            if passed > BYTES_MAX {
                return;
            }
        }
    };
    // Whoever sends for longer is not listening, so that it does not matter which of the two ended it.
    drop(timeout(TIME_MAX, reading).await);
}

/// A body is believed to become as long as it says once so much of it has come, and gets room for all of it at once: growing by doubling would
/// take twice the memory that was set aside for it.
const BELIEVED_SHARE: usize = 8;

/// The whole body; `None` once it is over the limit.
async fn collect(
    body: &mut impl IncomingBody,
    limit_bytes: u64,
    declared: Option<u64>,
) -> Result<Option<Bytes>, ApiError> {
    let declared = declared.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
    let mut only: Option<Bytes> = None;
    let mut whole = BytesMut::new();
    let mut slowness = Instant::now() + SLOWNESS_GRACE;
    let too_slow = || {
        let (slowest, grace) = (BYTES_PER_SECOND_MIN / 1024, SLOWNESS_GRACE.as_secs());
        ApiError::body_lost(&format!("it came slower than {slowest} KiB a second for {grace} s"))
    };
    while let Some(piece) = timeout_at(slowness, body.next()).await.map_err(|_| too_slow())? {
        let piece = piece.map_err(|reason| ApiError::body_lost(&reason))?;
        // Each byte buys time, so that what matters is the rate since the beginning.
        slowness += Duration::from_millis((piece.len() as u64).saturating_mul(1000) / BYTES_PER_SECOND_MIN);
        let so_far = only.as_ref().map_or(whole.len(), Bytes::len);
        let length = so_far.saturating_add(piece.len());
        // The declared length may be missing or a lie, so that what comes is counted.
        if length as u64 > limit_bytes {
            return Ok(None);
        }
        // Most bodies come in one piece, which then is never copied.
        if so_far == 0 {
            only = Some(piece);
            continue;
        }
        if length > whole.capacity() {
            let room = if declared / BELIEVED_SHARE <= length { declared.max(length) } else { length };
            whole.reserve(room - whole.len());
        }
        if let Some(begin) = only.take() {
            whole.extend_from_slice(&begin);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Some(only.unwrap_or_else(|| whole.freeze())))
}

/// Parses a JSON body.
///
/// The first pass is the plain parser. Only when it fails is the body read again with the path of the fault, which costs more.
///
/// # Errors
/// With line and column for malformed JSON, and with the path for a value of a wrong type.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Err(ApiError::malformed_body(None, "the request body is empty: send a JSON object"));
    }
    serde_json::from_slice(body).map_err(|plain| explain::<T>(body, &plain))
}

fn explain<T: DeserializeOwned>(body: &[u8], plain: &serde_json::Error) -> ApiError {
    if let Err(error) = std::str::from_utf8(body) {
        let message =
            format!("the request body is not valid UTF-8: byte {} cannot be read", error.valid_up_to());
        return ApiError::malformed_body(None, message);
    }
    if !plain.is_data() {
        let kind = if plain.is_eof() { "it ends too early" } else { "it cannot be read" };
        return ApiError::malformed_body(
            None,
            format!("the request body is not valid JSON: {kind}: {plain}"),
        );
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let (path, message) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => (error.path().to_string(), in_json_words(&error.inner().to_string())),
        Ok(_) => (String::new(), in_json_words(&plain.to_string())),
    };
    if path.is_empty() || path == "." {
        return ApiError::wrong_type(None, format!("the request body has not the right form: {message}"));
    }
    ApiError::wrong_type(Some(path.clone()), format!("{path}: {message}"))
}

/// serde quotes the text that it found, which may be a prompt: it is neither logged nor said back.
fn without_found_text(message: &str) -> String {
    match (message.find("string \""), message.rfind("\", expected ")) {
        (Some(begin), Some(end)) if begin < end => {
            let (before, after) =
                (message.get(..begin).unwrap_or_default(), message.get(end + 1..).unwrap_or_default());
            format!("{before}string{after}")
        }
        _ => message.to_owned(),
    }
}

/// serde speaks of Rust's types; callers know JSON's.
fn in_json_words(message: &str) -> String {
    const WORDS: [(&str, &str); 13] = [
        ("expected struct EmbeddingsRequest", "expected an object"),
        ("expected struct ImagesRequest", "expected an object"),
        ("expected struct ChatRequest", "expected an object"),
        ("expected struct ResponsesRequest", "expected an object"),
        ("expected struct InputItem", "expected an object"),
        ("expected struct Message", "expected an object"),
        ("expected u32", "expected a whole number of 0 or more"),
        ("expected i64", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("expected a sequence", "expected an array"),
        ("invalid type: sequence", "invalid type: array"),
        ("invalid type: map", "invalid type: object"),
        ("floating point", "number"),
    ];
    WORDS.iter().fold(without_found_text(message), |message, (serde, json)| message.replace(serde, json))
}

#[cfg(test)]
mod tests;
