//! Who may call: AWS signatures and Bedrock API keys, with AWS's refusals.
//!
//! The signature itself is recomputed in `auth/sigv4.rs`; this file owns which credential a request uses.

mod sigv4;

use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;

use crate::config::SimulatorConfig;
use crate::exception::Exception;

/// Checks the credentials of a request to the listener of `region`.
///
/// # Errors
/// The exception that AWS raises: all of them have status 403.
pub(crate) fn check(
    config: &SimulatorConfig,
    region: &str,
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
    sigv4::check(&config.credentials, region, authorization, parts, body, now)
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
