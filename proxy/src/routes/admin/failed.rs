//! `GET /admin/requests/failed`: the last requests that failed, and the last that were refused. Apart, because callers who are refused are many.

use serde::Serialize;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::page;
use crate::requests::EndedRequest;
use crate::services::SharedServices;

#[derive(Serialize)]
struct FailedRequests {
    /// Of a cause that is ours or Bedrock's.
    failed: Vec<EndedRequest>,
    /// Of a cause that is the caller's.
    refused: Vec<EndedRequest>,
}

pub(super) fn route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    page(warp::path!("admin" / "requests" / "failed").boxed(), move || FailedRequests {
        failed: services.requests.failed(),
        refused: services.requests.refused(),
    })
}
