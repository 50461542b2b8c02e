//! Who may call: AWS signatures and Bedrock API keys, with AWS's refusals.
//!
//! The signature itself is recomputed in `auth/sigv4.rs`; this file owns which credential a request uses.

mod sigv4;

use std::sync::Mutex;

use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;

use crate::config::SimulatorConfig;
use crate::exception::Exception;
use crate::ledger::lock;
use crate::sts::Issued;

/// What a signature has to be made for.
pub(crate) struct Scope<'s> {
    /// The region of the listener.
    pub(crate) region: &'s str,
    /// The signing name of the service.
    pub(crate) service: &'s str,
}

/// Checks the credentials of a request for Bedrock to the listener of `region`: those of the configuration, and those that STS gave.
///
/// # Errors
/// The exception that AWS raises: all of them have status 403.
pub(crate) fn check(
    config: &SimulatorConfig,
    issued: &Mutex<Issued>,
    region: &str,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Exception> {
    check_with(config, Some(issued), &Scope { region, service: "bedrock" }, parts, body, now)
}

/// As [`check`], for any service, with or without what STS gave.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_with(
    config: &SimulatorConfig,
    issued: Option<&Mutex<Issued>>,
    scope: &Scope<'_>,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Exception> {
    if config.any_credential {
        return Ok(());
    }
    let Some(authorization) = parts.headers.get(http::header::AUTHORIZATION) else {
        return Err(denied("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let authorization = authorization
        .to_str()
        .map_err(|_| denied("IncompleteSignatureException", "Authorization header is not printable"))?;
    if let Some(token) = authorization.strip_prefix("Bearer ") {
        let known = config.bearer_tokens.iter().any(|known| same(known.as_bytes(), token.trim().as_bytes()));
        return if known {
            Ok(())
        } else {
            let text = "Authentication failed: Please make sure your API Key is valid.";
            Err(denied("AccessDeniedException", text))
        };
    }
    let find = |access_key_id: &str| {
        let own = config.credentials.iter().find(|credential| credential.access_key_id == access_key_id);
        let given = || issued.and_then(|issued| lock(issued).find(access_key_id));
        own.cloned()
            .map(|credential| (credential, None))
            .or_else(|| given().map(|(credential, ends)| (credential, Some(ends))))
    };
    sigv4::check(find, scope, authorization, parts, body, now)
}

fn denied(name: &str, message: impl Into<String>) -> Exception {
    Exception::front_end(name, StatusCode::FORBIDDEN, message)
}

/// Compares without telling by its duration where two secrets differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests;
