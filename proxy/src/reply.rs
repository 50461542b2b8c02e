//! The responses of the pipeline: their headers, and a body that is whole or a stream.
//!
//! Knows no HTTP status but that of a success; failures come from `error.rs`.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use serde::Serialize;

use crate::error::ApiError;
use crate::record::UsageRecord;

/// The id of the request, on every response.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The parameters that Nova could not honor.
pub const DROPPED_PARAMS: HeaderName = HeaderName::from_static("x-nova-dropped-params");
/// AWS's id of the call.
pub const AWS_REQUEST_ID: HeaderName = HeaderName::from_static("x-nova-aws-request-id");

/// Where the time went, up to the head of the response.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The pieces of a streamed body. It never fails: what goes wrong within a stream is an event of it.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + Sync>>;

/// The body of a response.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// As it comes.
    Stream(ByteStream),
}

/// A JSON response. `record` gives the headers of a request that has one.
pub fn json<T: Serialize>(value: &T, record: Option<&UsageRecord>) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let mut response = Response::new(Body::Whole(Bytes::from(body)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if let Some(record) = record {
                add_headers(response.headers_mut(), record);
            }
            response
        }
        Err(_) => error(&ApiError::internal("the answer could not be written as JSON"), record),
    }
}

/// A stream of server-sent events.
pub fn event_stream(stream: ByteStream, headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::Stream(stream));
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx holds back a proxied response unless it is told not to.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// A failed request.
pub fn error(error: &ApiError, record: Option<&UsageRecord>) -> Response<Body> {
    let mut response = error.to_response().map(Body::Whole);
    if let Some(record) = record {
        add_headers(response.headers_mut(), record);
    }
    response
}

/// The headers that tell of a request.
pub fn add_headers(headers: &mut HeaderMap, record: &UsageRecord) {
    let mut insert = |name: HeaderName, value: &str| {
        // All values are ids and names of parameters; one that cannot be a header is left out rather than fail the request.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(REQUEST_ID, &record.context.request_id);
    let dropped = record.dropped_params();
    if !dropped.is_empty() {
        insert(DROPPED_PARAMS, &dropped.join(", "));
    }
    if let Some(id) = record.aws_request_id() {
        insert(AWS_REQUEST_ID, id);
    }
    let total = record.context.started.elapsed();
    insert(SERVER_TIMING, &record.timings.header(total));
    insert(HeaderName::from_static("openai-processing-ms"), &total.as_millis().to_string());
}
