//! `GET /v1/models` and `GET /v1/models/{id}`: what the caller may use.

use std::convert::Infallible;

use http::{HeaderMap, Response};
use jiff::Timestamp;
use openai_api::model::ModelObject;
use percent_encoding::percent_decode_str;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::Tail;

use super::into_warp;
use crate::error::ApiError;
use crate::reply::{self, Body};
use crate::services::{Services, SharedServices};

pub(super) fn list_route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    warp::path!("v1" / "models")
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and_then(move |headers: HeaderMap| {
            let services = services.clone();
            async move { Ok::<_, Infallible>(into_warp(list(&services, &headers))) }
        })
        .boxed()
}

pub(super) fn get_route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    warp::path!("v1" / "models" / ..)
        .and(warp::get())
        .and(warp::path::tail())
        .and(warp::header::headers_cloned())
        .and_then(move |id: Tail, headers: HeaderMap| {
            let services = services.clone();
            async move { Ok::<_, Infallible>(into_warp(get(&services, &headers, id.as_str()))) }
        })
        .boxed()
}

fn list(services: &Services, headers: &HeaderMap) -> Response<Body> {
    match services.authenticator.authenticate(headers, Timestamp::now()) {
        Ok(principal) => reply::json(&services.snapshots.current().models.list(&principal), None),
        Err(error) => reply::error(&error.into(), None),
    }
}

fn get(services: &Services, headers: &HeaderMap, id: &str) -> Response<Body> {
    match find(services, headers, id) {
        Ok(model) => reply::json(&model, None),
        Err(error) => reply::error(&error, None),
    }
}

fn find(services: &Services, headers: &HeaderMap, id: &str) -> Result<ModelObject, ApiError> {
    let principal = services.authenticator.authenticate(headers, Timestamp::now())?;
    let id = percent_decode_str(id).decode_utf8_lossy();
    let model = services.snapshots.current().models.find(&id, &principal)?;
    Ok(ModelObject { id: id.into_owned(), ..model.object() })
}
