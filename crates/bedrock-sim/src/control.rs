//! The controls under `/_sim/`: faults, secrets, bill, invocations, captured requests, health. Not signed.

use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::SimulatorError;
use crate::faults::FaultRule;
use crate::ledger::lock;
use crate::service;
use crate::state::{Control, Site};
use crate::stream::{self, Body};

/// Answers a control request. `path` is what follows `/_sim/`.
pub(crate) fn respond(site: &Site, parts: &Parts, path: &str, body: &[u8]) -> Response<Body> {
    let control = Control { state: std::sync::Arc::clone(&site.state) };
    let last = last(parts);
    match (&parts.method, path) {
        (&Method::GET, "health") => answer(StatusCode::OK, &health(site, &control)),
        (&Method::GET, "bill") => answer(StatusCode::OK, &control.bill()),
        (&Method::GET, "invocations") => {
            answer(StatusCode::OK, &json!({"invocations": control.invocations(last)}))
        }
        (&Method::GET, "requests") => answer(StatusCode::OK, &json!({"requests": control.requests(last)})),
        (&Method::GET, "faults") => faults(site, &control),
        (&Method::PUT, "faults") => match set_faults(site, &control, body) {
            Ok(()) => faults(site, &control),
            Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        (&Method::DELETE, "faults") => {
            control.clear_faults(&site.region);
            faults(site, &control)
        }
        (&Method::PUT, "secrets") => match serde_json::from_slice(body) {
            Ok(secrets) => {
                *lock(&site.state.secrets) = secrets;
                answer(StatusCode::OK, &health(site, &control))
            }
            Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        (&Method::POST, "reset") => {
            control.reset();
            answer(StatusCode::OK, &health(site, &control))
        }
        _ => refuse(
            StatusCode::NOT_FOUND,
            "no such control: GET health|bill|invocations|requests|faults, PUT faults|secrets, DELETE faults, POST reset",
        ),
    }
}

fn health(site: &Site, control: &Control) -> Value {
    json!({"status": "ok", "region": site.region, "open_invocations": control.open_invocations()})
}

fn faults(site: &Site, control: &Control) -> Response<Body> {
    answer(StatusCode::OK, &json!({"region": site.region, "rules": control.faults(&site.region)}))
}

/// The body is a list of rules, or an object that has it under `rules`.
fn set_faults(site: &Site, control: &Control, body: &[u8]) -> Result<(), SimulatorError> {
    let unreadable = |error: serde_json::Error| SimulatorError::FaultRules { reason: error.to_string() };
    let mut body: Value = serde_json::from_slice(body).map_err(unreadable)?;
    let rules = match body.get_mut("rules") {
        Some(rules) => rules.take(),
        None => body,
    };
    let rules: Vec<FaultRule> = serde_json::from_value(rules).map_err(unreadable)?;
    control.set_faults(&site.region, rules)
}

/// `?last=n`; all where it is absent.
fn last(parts: &Parts) -> usize {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix("last=")?.parse().ok()).unwrap_or(usize::MAX)
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(body) {
        Ok(bytes) => service::respond(status, "application/json", "control", stream::whole(bytes)),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let body = stream::whole(json!({"message": message}).to_string());
    service::respond(status, "application/json", "control", body)
}
