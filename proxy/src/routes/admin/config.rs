//! `GET /admin/config`: the configuration in force, without secrets: `version`, `hash`, `values`, and the origin of each value.

use warp::Filter;
use warp::filters::BoxedFilter;

use super::page;
use crate::services::SharedServices;

pub(super) fn route(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    page(warp::path!("admin" / "config").boxed(), move || services.snapshots.current().loaded.redacted())
}
