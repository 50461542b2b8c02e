//! `GET /config/receipt` and `GET /config/schema`, on the metrics and admin listeners: what the agent and operators ask each instance.
//!
//! The receipt tells which configuration is in force and why the last one was refused; the schema tells what this version understands.

use warp::Filter;
use warp::filters::BoxedFilter;

use super::page;
use crate::services::SharedServices;

pub(super) fn routes(services: &SharedServices) -> BoxedFilter<(warp::reply::Response,)> {
    let receipts = services.receipts.clone();
    let receipt = page(warp::path!("config" / "receipt").boxed(), move || receipts.current());
    let schema = page(warp::path!("config" / "schema").boxed(), nova_config::json_schema);
    receipt.or(schema).unify().boxed()
}
