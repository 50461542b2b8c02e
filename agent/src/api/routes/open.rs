//! `/health/live`, `/health/ready` and `/metrics`: without a token, for checks of Consul's and Nomad's and for Prometheus.

use std::convert::Infallible;

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::json;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::{WarpResponse, answer, answer_with, counted};
use crate::api::{ApiError, SharedApi};

pub(super) fn routes(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let (ready_api, metrics_api) = (api.clone(), api.clone());
    let live = warp::path!("health" / "live")
        .and(warp::get())
        .and_then(|| async { Ok::<_, Infallible>(answer("live", Ok(json!({ "status": "live" })))) });
    let ready = warp::path!("health" / "ready").and(warp::get()).and_then(move || {
        let ready = ready_api.ready();
        let status = if ready.status == "ready" { ApiError::OK } else { ApiError::NOT_READY };
        async move { Ok::<_, Infallible>(answer_with("ready", Ok(ready), status)) }
    });
    let metrics = warp::path!("metrics").and(warp::get()).and_then(move || {
        let text = metrics_api.metrics.as_ref().map(nova_telemetry::metrics::MetricsHandle::render);
        async move { Ok::<_, Infallible>(counted("metrics", rendered(text.unwrap_or_default()))) }
    });
    live.or(ready).unify().or(metrics).unify().boxed()
}

fn rendered(text: String) -> WarpResponse {
    let mut response = warp::reply::Response::new(text.into());
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
