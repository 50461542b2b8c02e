//! `GET /v1/events`: what happens, as it happens.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use warp::filters::BoxedFilter;
use warp::{Filter, Reply as _};

use super::{WarpResponse, counted, peer, refused};
use crate::api::sse::EventStream;
use crate::api::{Api, ApiError, MAX_READERS, Peer, Role, SharedApi};
use crate::events::EventId;

/// The header that a browser's `EventSource` sends when it comes back.
const LAST_EVENT_ID: &str = "last-event-id";

pub(super) fn route(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "events")
        .and(warp::get())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and_then(move |peer: Peer, headers: HeaderMap| {
            let api = api.clone();
            async move {
                Ok::<_, Infallible>(match open(&api, peer, &headers).await {
                    Ok(stream) => counted("events", response(stream)),
                    Err(error) => refused("events", &error),
                })
            }
        })
        .boxed()
}

async fn open(api: &Api, peer: Peer, headers: &HeaderMap) -> Result<EventStream, ApiError> {
    api.admit(peer, headers, Role::Viewer).await?;
    let after = headers.get(LAST_EVENT_ID).map(|value| {
        let id = value.to_str().unwrap_or_default().parse::<EventId>();
        id.map_err(|error| ApiError::BadRequest {
            what: format!("the header Last-Event-ID cannot be read: {error}"),
            hint: "send the id of the last event that was read, or leave the header out",
        })
    });
    let after = after.transpose()?;
    let permit = Arc::clone(&api.readers).try_acquire_owned();
    let permit = permit.map_err(|_full| ApiError::TooManyReaders(MAX_READERS))?;
    Ok(EventStream::new(api.events.subscribe(after.as_ref()), api.shutdown.draining().clone(), permit))
}

fn response(stream: EventStream) -> WarpResponse {
    let mut response = warp::reply::stream(stream.pieces()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx holds back a proxied response unless it is told not to.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
