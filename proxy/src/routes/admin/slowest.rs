//! `GET /admin/requests/slowest`: the slowest requests of the last hour, with the time of each phase.

use serde::Serialize;
use tokio::time::Instant;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::page;
use crate::requests::EndedRequest;
use crate::services::SharedServices;

#[derive(Serialize)]
struct SlowestRequests {
    requests: Vec<EndedRequest>,
}

pub(super) fn route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    page(warp::path!("admin" / "requests" / "slowest").boxed(), move || SlowestRequests {
        requests: services.requests.slowest(Instant::now()),
    })
}
