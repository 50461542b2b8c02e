//! What operators ask and change, on the admin listener only: a loopback address or a Unix socket.
//!
//! Whoever reaches it may use it. Pages of a browser on the same machine could reach it too, by a name that they let resolve to it; so requests for
//! another host than this machine are refused.

mod config;
mod failed;
mod log_level;
mod requests;
mod slowest;

use std::net::IpAddr;

use nova_telemetry::log::LevelControl;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::host::Authority;

use super::{HttpService, fallback, health, into_warp, page};
use crate::error::ApiError;
use crate::reply;
use crate::services::SharedServices;

/// All routes of the admin listener, and the health pages.
#[must_use]
pub fn admin(services: &SharedServices, level: LevelControl) -> impl HttpService + use<> {
    let table = foreign_host()
        .or(config::route(services))
        .unify()
        .or(log_level::route(services, level))
        .unify()
        .or(requests::route(services))
        .unify()
        .or(slowest::route(services))
        .unify()
        .or(failed::route(services))
        .unify()
        .or(super::config::routes(services))
        .unify()
        .or(health::routes(services, health::Audience::Operators))
        .unify()
        .or(fallback(&["/v1/", "/metrics"]))
        .unify()
        .boxed();
    warp::service(table)
}

/// Answers requests that are meant for another host.
fn foreign_host() -> BoxedFilter<(warp::reply::Response,)> {
    warp::host::optional()
        .and_then(|host: Option<Authority>| async move {
            match host {
                Some(host) if !is_this_machine(host.host()) => {
                    Ok(into_warp(reply::error(&ApiError::misdirected(host.host()), None)))
                }
                _ => Err(warp::reject::not_found()),
            }
        })
        .boxed()
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_this_machine;

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        assert!(
            ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"].into_iter().all(is_this_machine)
        );
        let others = ["nova.example", "localhost.example", "10.0.0.1", "[::2]", "0.0.0.0", ""];
        assert!(!others.into_iter().any(is_this_machine));
    }
}
