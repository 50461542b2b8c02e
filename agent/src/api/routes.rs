//! Which path leads where. The only folder of the daemon that knows warp.
//!
//! A handler takes what it needs out of the request and calls a method that knows no warp; every handler returns a response, never a
//! rejection. What no route takes is answered by [`fallback`].

mod agent;
mod events;
mod open;
mod rollouts;

use std::convert::Infallible;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use serde::Serialize;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::FullPath;

use super::{ApiError, Peer, SharedApi};
use crate::metrics as names;

/// The paths and their methods, for telling a wrong method from a wrong path. `*` stands for one segment.
const PATHS: [(&str, &str); 10] = [
    ("/v1/agent", "GET"),
    ("/v1/tasks", "GET"),
    ("/v1/tasks/*/activate", "POST"),
    ("/v1/rollouts", "GET"),
    ("/v1/rollouts/*/*", "GET"),
    ("/v1/rollouts/*/*/*", "GET, POST"),
    ("/v1/events", "GET"),
    ("/health/live", "GET"),
    ("/health/ready", "GET"),
    ("/metrics", "GET"),
];

/// A response of warp's.
type WarpResponse = warp::reply::Response;

/// What the server calls for each request.
pub trait HttpService:
    tower_service::Service<
        Request<Incoming>,
        Response = WarpResponse,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> HttpService for S where
    S: tower_service::Service<
            Request<Incoming>,
            Response = WarpResponse,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// All pages.
#[must_use]
pub fn routes(api: &SharedApi) -> impl HttpService + use<> {
    let table = agent::routes(api)
        .or(rollouts::routes(api))
        .unify()
        .or(events::route(api))
        .unify()
        .or(open::routes(api))
        .unify()
        .or(fallback())
        .unify()
        .boxed();
    warp::service(table)
}

/// Who is at the other end. A request without it came by no listener, and is treated as a stranger's.
fn peer() -> BoxedFilter<(Peer,)> {
    warp::ext::optional::<Peer>()
        .map(|peer: Option<Peer>| peer.unwrap_or_else(|| Peer::Remote(([0, 0, 0, 0], 0).into())))
        .boxed()
}

/// The path and query as they came, for a redirection.
fn target() -> BoxedFilter<(String,)> {
    warp::path::full().map(|path: FullPath| path.as_str().to_owned()).boxed()
}

/// An answer in JSON, or the refusal; counted under the route's name.
fn answer<T: Serialize>(route: &'static str, result: Result<T, ApiError>) -> WarpResponse {
    answer_with(route, result, ApiError::OK)
}

fn answer_with<T: Serialize>(
    route: &'static str,
    result: Result<T, ApiError>,
    status: http::StatusCode,
) -> WarpResponse {
    let written =
        result.and_then(|value| serde_json::to_vec(&value).map_err(|_| ApiError::Defect)).map(|body| {
            let mut response = Response::new(body);
            *response.status_mut() = status;
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        });
    counted(route, into_warp(written.unwrap_or_else(|error| error.to_response())))
}

fn refused(route: &'static str, error: &ApiError) -> WarpResponse {
    counted(route, into_warp(error.to_response()))
}

fn into_warp(response: Response<Vec<u8>>) -> WarpResponse {
    let (parts, body) = response.into_parts();
    let mut response = warp::reply::Response::new(body.into());
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}

fn counted(route: &'static str, response: WarpResponse) -> WarpResponse {
    let status = response.status().as_str().to_owned();
    metrics::counter!(names::API_REQUESTS_TOTAL, "route" => route, "status" => status).increment(1);
    response
}

/// What no route takes.
fn fallback() -> BoxedFilter<(WarpResponse,)> {
    warp::method()
        .and(warp::path::full())
        .and_then(|method: Method, path: FullPath| async move {
            Ok::<_, Infallible>(refused("none", &unknown(&method, path.as_str())))
        })
        .boxed()
}

fn unknown(method: &Method, path: &str) -> ApiError {
    let serves = |(own, _): &&(&str, &str)| {
        let (own, given) = (own.split('/'), path.split('/'));
        own.clone().count() == given.clone().count()
            && own.zip(given).all(|(own, given)| own == given || (own == "*" && !given.is_empty()))
    };
    let found = PATHS.iter().find(serves);
    let (method, path) = (method.as_str().to_owned(), path.to_owned());
    match found {
        Some((_, allowed)) if !allowed.split(", ").any(|allowed| allowed == method) => {
            ApiError::Method { method, path, allowed }
        }
        _ => ApiError::NoPage { method, path },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST", "/v1/agent", Some("GET"))]
    #[case("GET", "/v1/tasks/rollouts/activate", Some("POST"))]
    #[case("DELETE", "/v1/rollouts/default/web", Some("GET"))]
    #[case("DELETE", "/v1/rollouts/default/web/abort", Some("GET, POST"))]
    #[case("POST", "/v1/rollouts/default/web/delete", None)]
    #[case("GET", "/v1/rollouts//web/x/y", None)]
    #[case("GET", "/v1/rollout", None)]
    #[case("GET", "/", None)]
    #[case("PUT", "/metrics", Some("GET"))]
    fn a_wrong_method_is_told_from_a_wrong_path(
        #[case] method: &str,
        #[case] path: &str,
        #[case] expected: Option<&'static str>,
    ) {
        let allowed = match unknown(&method.parse().unwrap(), path) {
            ApiError::Method { allowed, .. } => Some(allowed),
            _ => None,
        };
        assert_eq!(allowed, expected);
    }
}
