//! `POST /v1/explain`.

use std::convert::Infallible;

use warp::Filter;
use warp::filters::BoxedFilter;

use super::body::WarpBody;
use super::head::head;
use super::into_warp;
use crate::context::RequestHead;
use crate::explain;
use crate::services::SharedServices;

pub(super) fn route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    warp::path!("v1" / "explain")
        .and(warp::post())
        .and(head())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::body::stream())
        .and_then(move |head: RequestHead, query: String, body| {
            let services = services.clone();
            async move {
                let response = explain::explain(&services, &head, &query, WarpBody::new(body)).await;
                Ok::<_, Infallible>(into_warp(response))
            }
        })
        .boxed()
}
