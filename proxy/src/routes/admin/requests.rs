//! `GET /admin/requests`: the requests under way, the oldest first.

use serde::Serialize;
use tokio::time::Instant;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::page;
use crate::requests::OpenRequestView;
use crate::services::SharedServices;

#[derive(Serialize)]
struct OpenRequests {
    /// All of them.
    count: usize,
    /// The oldest.
    requests: Vec<OpenRequestView>,
}

pub(super) fn route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    page(warp::path!("admin" / "requests").boxed(), move || {
        let (count, requests) = services.requests.open(Instant::now());
        OpenRequests { count, requests }
    })
}
