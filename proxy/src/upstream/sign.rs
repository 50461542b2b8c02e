//! The SigV4 signature of a request, as a function of the request, the credentials and the time.
//!
//! Written out for what is sent here, a path without a query and a body whose digest is known: the general library costs more than all
//! else that the proxy does for a small request (ADR 0014), and is the oracle of the tests. The options are those that the service model
//! of Bedrock Runtime sets: the path is encoded twice, and no `x-amz-content-sha256` header is sent.
//!
//! Source: AWS General Reference, "Signature Version 4 signing process", "Create a signed AWS API request".

mod canonical;
mod key;

use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use http::header::{AUTHORIZATION, InvalidHeaderValue, ToStrError};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::Offset;

pub use key::Signer;

/// The name under which Bedrock Runtime is signed for.
pub const SERVICE: &str = "bedrock";

const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The time is outside of the years that can be written.
    #[error("the time of the signature cannot be written as a date; check this machine's clock")]
    Time(#[from] jiff::Error),
    /// The URL has a part that is not signed here.
    #[error("the url to be signed has a query, and no operation of bedrock takes one")]
    Query,
    /// A header to be signed is not text.
    #[error("a header to be signed is not text")]
    HeaderText(#[from] ToStrError),
    /// The credentials hold a character that no header may carry.
    #[error(
        "the credentials hold a character that no header may carry; check the access key id and the session token"
    )]
    HeaderValue(#[from] InvalidHeaderValue),
}

/// The payload's SHA-256 in lower-case hexadecimal. Computed once per call: every attempt sends the same body.
pub fn body_sha256(body: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    push_hex(&mut text, digest::digest(&digest::SHA256, body).as_ref());
    text
}

/// As [`sign_for`], for Bedrock Runtime.
///
/// # Errors
/// As [`sign_for`].
pub fn sign(
    parts: &mut Parts,
    body_sha256: &str,
    region: &str,
    signer: &Signer,
    time: SystemTime,
) -> Result<(), SignError> {
    sign_for(SERVICE, parts, body_sha256, region, signer, time)
}

/// Adds `authorization`, `x-amz-date` and, for temporary credentials, `x-amz-security-token`.
///
/// All headers that `parts` has at this time are signed, but `user-agent`, which intermediaries may change. The URI must be
/// absolute and encoded, without a query and without dot segments. `body_sha256` is [`body_sha256`] of the body to be sent.
///
/// # Errors
/// See [`SignError`]; none of them depends on the network, so trying again does not help.
pub fn sign_for(
    service: &'static str,
    parts: &mut Parts,
    body_sha256: &str,
    region: &str,
    signer: &Signer,
    time: SystemTime,
) -> Result<(), SignError> {
    if parts.uri.query().is_some() {
        return Err(SignError::Query);
    }
    let time = amz_date(time)?;
    let date = time.get(..8).unwrap_or_default();
    parts.headers.insert(AMZ_DATE, HeaderValue::from_str(&time)?);
    if let Some(token) = signer.session_token()? {
        parts.headers.insert(SECURITY_TOKEN, token);
    }
    let (canonical, signed_headers) = canonical::request(parts, body_sha256)?;

    let mut to_sign = String::with_capacity(160);
    for part in ["AWS4-HMAC-SHA256\n", &time, "\n", date, "/", region, "/", service, "/aws4_request\n"] {
        to_sign.push_str(part);
    }
    push_hex(&mut to_sign, digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let signature = hmac::sign(&signer.key(date, region, service), to_sign.as_bytes());

    let mut authorization = String::with_capacity(320);
    let credential =
        ["AWS4-HMAC-SHA256 Credential=", signer.access_key_id(), "/", date, "/", region, "/", service];
    let rest = ["/aws4_request, SignedHeaders=", &signed_headers, ", Signature="];
    for part in credential.into_iter().chain(rest) {
        authorization.push_str(part);
    }
    push_hex(&mut authorization, signature.as_ref());
    let mut authorization = HeaderValue::try_from(authorization)?;
    authorization.set_sensitive(true);
    parts.headers.insert(AUTHORIZATION, authorization);
    Ok(())
}

/// `20231114T221320Z`.
fn amz_date(time: SystemTime) -> Result<String, SignError> {
    let at = Offset::UTC.to_datetime(Timestamp::try_from(time)?);
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    Ok(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests;
