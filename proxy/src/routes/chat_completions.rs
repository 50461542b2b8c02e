//! `POST /v1/chat/completions`.

use std::convert::Infallible;

use http::HeaderMap;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::body::WarpBody;
use super::into_warp;
use crate::pipeline;
use crate::services::SharedServices;
use crate::surface::Surface;

pub(super) fn route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    warp::path!("v1" / "chat" / "completions")
        .and(warp::post())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .and_then(move |headers: HeaderMap, body| {
            let services = services.clone();
            async move {
                let response =
                    pipeline::respond(Surface::ChatCompletions, &services, &headers, WarpBody::new(body))
                        .await;
                Ok::<_, Infallible>(into_warp(response))
            }
        })
        .boxed()
}
