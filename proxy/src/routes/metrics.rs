//! `GET /metrics`, on the metrics listener only.

use std::convert::Infallible;
use std::sync::Arc;

use warp::Filter;
use warp::filters::BoxedFilter;

/// Renders all metrics in Prometheus' text format, gauges taken at this moment.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

pub(super) fn route(render: RenderMetrics) -> BoxedFilter<(warp::reply::Response,)> {
    warp::path!("metrics")
        .and(warp::get())
        .and_then(move || {
            let text = render();
            async move {
                let mut response = warp::reply::Response::new(text.into());
                let media_type = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
                Ok::<_, Infallible>(response)
            }
        })
        .boxed()
}
