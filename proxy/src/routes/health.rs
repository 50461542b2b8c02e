//! `GET /health`, `/health/live` and `/health/ready`: open to everybody, and without secrets.
//!
//! Live means that the process answers; no dependency ever flips it. Ready means that traffic should come here. `/health` tells both, and
//! why, where only those listen who run the proxy: what AWS and Vault refuse names accounts, roles and paths.

use std::convert::Infallible;

use http::Response;
use serde::Serialize;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::into_warp;
use crate::error::ApiError;
use crate::receipt::ConsulState;
use crate::reply::{self, Body};
use crate::services::{Services, SharedServices};

#[derive(Serialize)]
struct Health {
    /// `ready` or `not_ready`.
    status: &'static str,
    phase: &'static str,
    version: &'static str,
    /// Of a release alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'static str>,
    /// The configuration in force.
    config: String,
    ring: String,
    models: usize,
    /// Fields of the configuration files that differ from what is in force until the next start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for_restart: Vec<String>,
    /// Where the documents of the configuration come from: `files`, `consul` or `last_known_good`.
    config_source: &'static str,
    /// Whether later files or documents were refused; why is in the receipt.
    config_refused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    consul: Option<Consul>,
    conditions: Vec<Condition>,
}

/// How the instance stands with Consul. No reason is told here, since everybody may read it.
#[derive(Serialize)]
struct Consul {
    state: &'static str,
    registration: &'static str,
}

#[derive(Serialize)]
struct Condition {
    name: &'static str,
    holds: bool,
    reason: String,
}

#[derive(Serialize)]
struct Live {
    status: &'static str,
}

/// Who reads the pages of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Whoever reaches the API: they are told which condition does not hold, and not why.
    Callers,
    /// Those who run the proxy.
    Operators,
}

/// What callers are told in place of a reason.
const WITHHELD: &str = "told to operators: see /health of the metrics or admin listener, and the log";

pub(super) fn routes(services: &SharedServices, audience: Audience) -> BoxedFilter<(warp::reply::Response,)> {
    let read = || warp::get().or(warp::head()).unify();
    let (whole, ready) = (services.clone(), services.clone());
    let health = warp::path!("health").and(read()).and_then(move || {
        let response = into_warp(reply::json(&health(&whole, audience), None));
        async move { Ok::<_, Infallible>(response) }
    });
    let live = warp::path!("health" / "live").and(read()).and_then(|| async move {
        Ok::<_, Infallible>(into_warp(reply::json(&Live { status: "live" }, None)))
    });
    let ready = warp::path!("health" / "ready").and(read()).and_then(move || {
        let response = into_warp(readiness(&ready, audience));
        async move { Ok::<_, Infallible>(response) }
    });
    health.or(live).unify().or(ready).unify().boxed()
}

fn health(services: &Services, audience: Audience) -> Health {
    let readiness = services.readiness.snapshot();
    let snapshot = services.snapshots.current();
    let receipt = services.receipts.current();
    let conditions = readiness.conditions.into_iter();
    Health {
        status: if readiness.ready { "ready" } else { "not_ready" },
        phase: readiness.phase.as_str(),
        version: nova_config::running_version(),
        commit: nova_config::commit(),
        config: snapshot.config_hash.to_string(),
        ring: snapshot.loaded.config.bootstrap.ring.clone(),
        models: snapshot.models.count(),
        waiting_for_restart: snapshot.waiting_for_restart.clone(),
        config_source: receipt.config.source.as_str(),
        config_refused: receipt.refusal.is_some() || receipt.config.files_refused.is_some(),
        consul: (receipt.consul.state != ConsulState::Off).then(|| Consul {
            state: receipt.consul.state.as_str(),
            registration: receipt.consul.registration.as_str(),
        }),
        conditions: conditions
            .map(|condition| Condition {
                name: condition.name,
                holds: condition.holds,
                reason: match audience {
                    Audience::Callers if !condition.holds => WITHHELD.to_owned(),
                    _ => condition.reason,
                },
            })
            .collect(),
    }
}

fn readiness(services: &Services, audience: Audience) -> Response<Body> {
    let health = health(services, audience);
    let mut response = reply::json(&health, None);
    if health.status != "ready" {
        *response.status_mut() = ApiError::NOT_READY;
    }
    response
}
