//! `POST /v1/images/generations`.

use std::convert::Infallible;

use warp::Filter;
use warp::filters::BoxedFilter;

use super::body::WarpBody;
use super::head::head;
use super::into_warp;
use crate::context::RequestHead;
use crate::image_generation;
use crate::services::SharedServices;

pub(super) fn route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    warp::path!("v1" / "images" / "generations")
        .and(warp::post())
        .and(head())
        .and(warp::body::stream())
        .and_then(move |head: RequestHead, body| {
            let services = services.clone();
            async move {
                let response = image_generation::respond(&services, &head, WarpBody::new(body)).await;
                Ok::<_, Infallible>(into_warp(response))
            }
        })
        .boxed()
}
