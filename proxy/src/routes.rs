//! Which path leads where. The only folder that knows warp.
//!
//! A handler takes what it needs out of the request and gives it to a function that knows no warp; every handler returns a response, never a
//! rejection. What no route takes is answered by [`fallback`], in OpenAI's error shape.

mod admin;
mod body;
mod chat_completions;
mod config;
mod embeddings;
mod explain;
mod head;
mod health;
mod images;
mod metrics;
mod models;
mod responses;

use std::convert::Infallible;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use tower_service::Service;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::{Filter, Reply};

use crate::context;
use crate::error::ApiError;
use crate::reply::{self, Body};
use crate::services::SharedServices;
use health::Audience;

pub use admin::admin;
pub use metrics::RenderMetrics;

/// The paths and their methods, for telling a wrong method from a wrong path. A path that ends in `/` stands for all below it.
const PATHS: [(&str, &str); 18] = [
    ("/v1/chat/completions", "POST"),
    ("/v1/responses", "POST"),
    ("/v1/embeddings", "POST"),
    ("/v1/images/generations", "POST"),
    ("/v1/explain", "POST"),
    ("/v1/models", "GET"),
    ("/v1/models/", "GET"),
    ("/health", "GET"),
    ("/health/live", "GET"),
    ("/health/ready", "GET"),
    ("/metrics", "GET"),
    ("/config/receipt", "GET"),
    ("/config/schema", "GET"),
    ("/admin/config", "GET"),
    ("/admin/log-level", "PUT"),
    ("/admin/requests", "GET"),
    ("/admin/requests/slowest", "GET"),
    ("/admin/requests/failed", "GET"),
];

/// What the server calls for each request.
pub trait HttpService:
    Service<Request<Incoming>, Response = warp::reply::Response, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> HttpService for S where
    S: Service<
            Request<Incoming>,
            Response = warp::reply::Response,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// The OpenAI API and the health pages.
#[must_use]
pub fn api(services: &SharedServices) -> impl HttpService + use<> {
    let table = chat_completions::route(services)
        .or(responses::route(services))
        .unify()
        .or(embeddings::route(services))
        .unify()
        .or(images::route(services))
        .unify()
        .or(explain::route(services))
        .unify()
        .or(models::list_route(services))
        .unify()
        .or(models::get_route(services))
        .unify()
        .or(health::routes(services, Audience::Callers))
        .unify()
        .or(fallback(&["/metrics", "/config/", "/admin/"]))
        .unify()
        .boxed();
    warp::service(table)
}

/// Metrics and the health pages.
#[must_use]
pub fn metrics(services: &SharedServices, render: RenderMetrics) -> impl HttpService + use<> {
    warp::service(
        metrics::route(render)
            .or(config::routes(services))
            .unify()
            .or(health::routes(services, Audience::Operators))
            .unify()
            .or(fallback(&["/v1/", "/admin/"]))
            .unify()
            .boxed(),
    )
}

/// A page that is read by `GET`: one path, one value in JSON.
fn page<T: serde::Serialize>(
    path: BoxedFilter<()>,
    read: impl Fn() -> T + Clone + Send + Sync + 'static,
) -> BoxedFilter<(warp::reply::Response,)> {
    path.and(warp::get())
        .and_then(move || {
            let response = into_warp(reply::json(&read(), None));
            async move { Ok::<_, Infallible>(response) }
        })
        .boxed()
}

/// What no route takes. Paths that begin with one of `elsewhere` belong to other listeners.
fn fallback(elsewhere: &'static [&'static str]) -> BoxedFilter<(warp::reply::Response,)> {
    warp::method()
        .and(warp::path::full())
        .and_then(move |method: Method, path: FullPath| async move {
            Ok::<_, Infallible>(into_warp(refuse(&method, path.as_str(), elsewhere)))
        })
        .boxed()
}

fn refuse(method: &Method, path: &str, elsewhere: &[&str]) -> Response<Body> {
    let serves = |(own, _): &&(&str, &str)| {
        *own == path || (own.ends_with('/') && path.starts_with(own) && path.len() > own.len())
    };
    match PATHS.iter().filter(|(own, _)| !elsewhere.iter().any(|start| own.starts_with(start))).find(serves) {
        Some((_, allowed)) => {
            let mut response = reply::error(&ApiError::method_not_allowed(method.as_str(), path), None);
            response.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static(allowed));
            response
        }
        None => reply::error(&ApiError::unknown_path(method.as_str(), path), None),
    }
}

/// The pipeline's response in warp's type.
fn into_warp(response: Response<Body>) -> warp::reply::Response {
    let (parts, body) = response.into_parts();
    let mut response = match body {
        Body::Whole(bytes) => warp::reply::Response::new(bytes.into()),
        Body::Stream(stream) => warp::reply::stream(stream).into_response(),
    };
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    // The pipeline names its requests; whatever is answered without it gets an id too, for the caller to quote.
    response.headers_mut().entry(reply::REQUEST_ID).or_insert_with(context::request_id_header);
    response
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("GET", "/v1/chat/completions", 405)]
    #[case("GET", "/v1/responses", 405)]
    #[case("GET", "/v1/embeddings", 405)]
    #[case("GET", "/v1/images/generations", 405)]
    #[case("POST", "/v1/images/edits", 404)]
    #[case("GET", "/v1/responses/resp_1", 404)]
    #[case("DELETE", "/v1/models/gpt-4o", 405)]
    #[case("POST", "/v1/models", 405)]
    #[case("POST", "/v1/chat/completion", 404)]
    #[case("POST", "/v1/models/", 405)]
    #[case("GET", "/", 404)]
    #[case("GET", "/metrics", 404)]
    #[case("GET", "/config/receipt", 404)]
    #[case("GET", "/admin/config", 404)]
    fn a_wrong_method_is_told_from_a_wrong_path(
        #[case] method: &str,
        #[case] path: &str,
        #[case] status: u16,
    ) {
        let response = refuse(&method.parse().expect("a method"), path, &["/metrics", "/config/", "/admin/"]);
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers().contains_key("allow"), status == 405);
    }
}
