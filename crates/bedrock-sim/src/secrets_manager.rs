//! AWS Secrets Manager, as far as it gives secrets out, at the address of each region: what is in it, a test says by `/_sim/secrets`.
//!
//! The API is that of the "AWS Secrets Manager API Reference": GetSecretValue, in the protocol AWS JSON 1.1. The credentials are those
//! that Bedrock takes; that a policy does not cover a secret is said by the test too.

use std::collections::BTreeMap;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{self, Scope};
use crate::exception::{ACCOUNT_ID, Exception};
use crate::ledger::lock;
use crate::service;
use crate::state::Site;
use crate::stream::{self, Body};

/// How the operation is named on the wire.
const TARGET: &str = "x-amz-target";
const SERVICE: &str = "secretsmanager";

/// The secrets of all regions, by name.
pub(crate) type Secrets = BTreeMap<String, Stored>;

/// What is under a name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stored {
    /// A text, as consoles and templates write it.
    Text(String),
    /// Bytes, in base64.
    Binary(String),
    /// Whoever asks is refused with this exception.
    Error {
        /// Its name.
        name: String,
        /// Its text.
        message: String,
    },
}

/// Whether a request is for Secrets Manager: STS, at the same path, names its operation in the form.
pub(crate) fn is_call(parts: &Parts) -> bool {
    let target = parts.headers.get(TARGET).and_then(|target| target.to_str().ok());
    parts.method == Method::POST
        && parts.uri.path() == "/"
        && target.is_some_and(|target| target.starts_with("secretsmanager."))
}

/// Answers a request for Secrets Manager.
pub(crate) fn respond(site: &Site, parts: &Parts, body: &[u8], request_id: &str) -> Response<Body> {
    let (status, answer) = match answer(site, parts, body) {
        Ok(answer) => (StatusCode::OK, answer),
        // The protocol has the status 400 for whatever is the caller's fault, signatures too.
        Err(exception) => {
            (StatusCode::BAD_REQUEST, json!({ "__type": exception.name, "Message": exception.message }))
        }
    };
    service::respond(status, "application/x-amz-json-1.1", request_id, stream::whole(answer.to_string()))
}

fn answer(site: &Site, parts: &Parts, body: &[u8]) -> Result<Value, Exception> {
    let state = &site.state;
    let scope = Scope { region: &site.region, service: SERVICE };
    auth::check_with(&state.config, Some(&state.issued), &scope, parts, body, state.now())?;
    let operation = parts.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
    if operation != "secretsmanager.GetSecretValue" {
        return Err(refused("UnknownOperationException", ""));
    }
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(id) = asked["SecretId"].as_str().filter(|id| !id.is_empty()) else {
        return Err(refused("ValidationException", "SecretId is required"));
    };
    let secrets = lock(&state.secrets);
    let name = name(id);
    let Some(stored) = secrets.get(name) else {
        return Err(refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret."));
    };
    let (member, value) = match stored {
        Stored::Text(text) => ("SecretString", text),
        Stored::Binary(base64) => ("SecretBinary", base64),
        Stored::Error { name, message } => return Err(refused(name, message)),
    };
    let mut given = json!({
        "ARN": format!("arn:aws:secretsmanager:{}:{ACCOUNT_ID}:secret:{name}-AbCdEf", site.region),
        "Name": name,
        "VersionId": "5f4a2e0c-6f0e-4a43-8d07-6c1e0f6b8c11",
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": created(state.now()),
    });
    given[member] = json!(value);
    Ok(given)
}

/// The name in an ARN, without the six characters that AWS appends, or the whole where it is a name.
fn name(id: &str) -> &str {
    let Some((_, name)) = id.split_once(":secret:").filter(|_| id.starts_with("arn:")) else { return id };
    match name.rsplit_once('-') {
        Some((name, suffix)) if suffix.len() == 6 => name,
        _ => name,
    }
}

/// Seconds of Unix time with a fraction, as the protocol has it.
fn created(now: Timestamp) -> Value {
    json!(now.as_duration().as_secs_f64())
}

fn refused(name: &str, message: &str) -> Exception {
    Exception::front_end(name, StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_the_secret_with_and_without_its_suffix() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nova/pepper";
        for id in ["nova/pepper", arn, &format!("{arn}-AbCdEf")] {
            assert_eq!(name(id), "nova/pepper");
        }
    }
}
