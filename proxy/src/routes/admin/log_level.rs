//! `PUT /admin/log-level` with `{"level": "debug"}`: another level until the configuration is applied anew.

use std::convert::Infallible;
use std::time::Duration;

use http::{HeaderMap, Response};
use nova_config::LogLevel;
use nova_telemetry::log::LevelControl;
use serde::{Deserialize, Serialize};
use warp::Filter;
use warp::filters::BoxedFilter;

use crate::error::ApiError;
use crate::events;
use crate::parse::{self, IncomingBody};
use crate::reload;
use crate::reply::{self, Body};
use crate::routes::body::WarpBody;
use crate::routes::into_warp;
use crate::services::{Services, SharedServices};

/// The largest body: one word in JSON.
const BODY_BYTES_MAX: u64 = 1024;

/// How long the body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelChange {
    level: LogLevel,
}

#[derive(Serialize)]
struct LevelChanged {
    level: LogLevel,
    /// The level of the configuration, which a reload brings back.
    configured: LogLevel,
}

pub(super) fn route(
    services: &SharedServices,
    control: LevelControl,
) -> BoxedFilter<(warp::reply::Response,)> {
    let services = services.clone();
    warp::path!("admin" / "log-level")
        .and(warp::put())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .and_then(move |headers: HeaderMap, body| {
            let (services, control) = (services.clone(), control.clone());
            async move {
                Ok::<_, Infallible>(into_warp(put(&services, &control, &headers, WarpBody::new(body)).await))
            }
        })
        .boxed()
}

async fn put(
    services: &Services,
    control: &LevelControl,
    headers: &HeaderMap,
    body: impl IncomingBody,
) -> Response<Body> {
    match change(headers, body).await {
        Ok(LevelChange { level }) => {
            let configured = services.snapshots.current().loaded.config.runtime.log_level;
            // Logged before the change: a quieter level would swallow it.
            events::log_level_changed(&services.log, reload::level(level), reload::level(configured));
            control.set(reload::level(level));
            reply::json(&LevelChanged { level, configured }, None)
        }
        Err(error) => reply::error(&error, None),
    }
}

async fn change(headers: &HeaderMap, mut body: impl IncomingBody) -> Result<LevelChange, ApiError> {
    parse::check_content_type(headers)?;
    let body = parse::read(&mut body, headers, BODY_BYTES_MAX, BODY_TIMEOUT).await?;
    parse::json(&body)
}
