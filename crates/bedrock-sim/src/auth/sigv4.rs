//! Verifies AWS Signature Version 4 by signing the received request again.
//!
//! Written from "Create a signed AWS API request" (AWS IAM user guide) on HMAC and SHA-256 alone, not on the
//! signing crate that clients use, so that a shared mistake shows.

use aws_lc_rs::{digest, hmac};
use http::request::Parts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Scope, denied, same};
use crate::config::Credential;
use crate::exception::Exception;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a request's date may be from the server's clock, in seconds.
const WINDOW_SECONDS: i64 = 300;
/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// What an `Authorization` header says.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Checks a signed request. `find` knows credentials by their access key, and when they end, if they do.
///
/// # Errors
/// As AWS: `IncompleteSignatureException`, `UnrecognizedClientException`, `InvalidSignatureException`, `ExpiredTokenException`.
pub(super) fn check(
    find: impl FnOnce(&str) -> Option<(Credential, Option<Timestamp>)>,
    wanted: &Scope<'_>,
    authorization: &str,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Exception> {
    let claim = parse(authorization)?;
    let (credential, ends) = find(claim.access_key_id).ok_or_else(unrecognized)?;
    if claim.region != wanted.region {
        return Err(invalid("Credential should be scoped to a valid region. "));
    }
    if claim.service != wanted.service {
        let service = wanted.service;
        return Err(invalid(&format!("Credential should be scoped to correct service: '{service}'. ")));
    }
    session_token(&credential, parts)?;
    if ends.is_some_and(|ends| ends <= now) {
        return Err(denied("ExpiredTokenException", "The security token included in the request is expired"));
    }
    let date_time = header(parts, "x-amz-date").ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    clock(&date_time, claim.date, now)?;
    covered(&claim, parts)?;
    let canonical = canonical_request(parts, &claim.signed_headers, body);
    let scope = format!("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service);
    let to_sign = format!("{ALGORITHM}\n{date_time}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let signature = hex(sign(&credential.secret_access_key, &claim, &to_sign).as_ref());
    if same(signature.as_bytes(), claim.signature.as_bytes()) {
        return Ok(());
    }
    Err(invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
         Access Key and signing method. Consult the service documentation for details.",
    ))
}

fn parse(authorization: &str) -> Result<Authorization<'_>, Exception> {
    let rest = authorization
        .strip_prefix(ALGORITHM)
        .ok_or_else(|| incomplete(&format!("Unsupported AWS 'algorithm': expected '{ALGORITHM}'.")))?;
    let field = |name: &str| {
        rest.split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
    };
    let credential: Vec<&str> = field("Credential")?.split('/').collect();
    let [access_key_id, date, region, service, "aws4_request"] = credential.as_slice() else {
        return Err(incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
        ));
    };
    Ok(Authorization {
        access_key_id,
        date,
        region,
        service,
        signed_headers: field("SignedHeaders")?.split(';').collect(),
        signature: field("Signature")?,
    })
}

fn session_token(credential: &Credential, parts: &Parts) -> Result<(), Exception> {
    let sent = header(parts, "x-amz-security-token");
    let right = match (&credential.session_token, &sent) {
        (None, None) => true,
        (Some(wanted), Some(sent)) => same(wanted.as_bytes(), sent.as_bytes()),
        _ => false,
    };
    if right { Ok(()) } else { Err(unrecognized()) }
}

fn clock(date_time: &str, scope_date: &str, now: Timestamp) -> Result<(), Exception> {
    let malformed = || incomplete("Date must be in ISO-8601 'basic format'.");
    let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date_time)
        .and_then(|date_time| TimeZone::UTC.to_timestamp(date_time))
        .map_err(|_| malformed())?;
    if !date_time.starts_with(scope_date) {
        return Err(invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
        ));
    }
    let age = now.as_second() - signed.as_second();
    let written = |timestamp: Timestamp| timestamp.strftime("%Y%m%dT%H%M%SZ").to_string();
    let edge =
        |seconds: i64| Timestamp::from_second(now.as_second() + seconds).map(written).unwrap_or_default();
    if age > WINDOW_SECONDS {
        let edge = edge(-WINDOW_SECONDS);
        return Err(invalid(&format!(
            "Signature expired: {date_time} is now earlier than {edge} ({} - 5 min.)",
            written(now)
        )));
    }
    if -age > WINDOW_SECONDS {
        let edge = edge(WINDOW_SECONDS);
        return Err(invalid(&format!(
            "Signature not yet current: {date_time} is still later than {edge} ({} + 5 min.)",
            written(now)
        )));
    }
    Ok(())
}

/// The host and every `x-amz-*` header that is sent must be signed.
fn covered(claim: &Authorization<'_>, parts: &Parts) -> Result<(), Exception> {
    if !claim.signed_headers.contains(&"host") {
        return Err(invalid("'Host' must be a 'SignedHeader' in the AWS Authorization."));
    }
    let loose = parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .find(|name| name.starts_with("x-amz-") && !claim.signed_headers.contains(name));
    match loose {
        Some(name) => Err(invalid(&format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        None => Ok(()),
    }
}

fn canonical_request(parts: &Parts, signed_headers: &[&str], body: &[u8]) -> String {
    let headers: String = signed_headers
        .iter()
        .map(|name| format!("{name}:{}\n", header(parts, name).unwrap_or_default()))
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        parts.method,
        canonical_path(parts.uri.path()),
        canonical_query(parts.uri.query().unwrap_or_default()),
        signed_headers.join(";"),
        sha256_hex(body)
    )
}

/// The path as sent, dot segments resolved, encoded once more: every service but S3 signs it so.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment == ".." {
            segments.pop();
        } else {
            segments.push(segment);
        }
    }
    let slash = if path.len() > 1 && path.ends_with('/') { "/" } else { "" };
    let normal = format!("/{}{slash}", segments.join("/"));
    utf8_percent_encode(&normal, RESERVED_IN_PATH).to_string()
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        let decoded: Vec<u8> = percent_decode_str(text).collect();
        percent_encoding::percent_encode(&decoded, RESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// All values of that header, each with its runs of blanks made one, joined by commas.
fn header(parts: &Parts, name: &str) -> Option<String> {
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| {
            String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    if values.is_empty() { None } else { Some(values.join(",")) }
}

fn sign(secret: &str, claim: &Authorization<'_>, to_sign: &str) -> hmac::Tag {
    let first = format!("AWS4{secret}");
    let seed = mac(first.as_bytes(), claim.date);
    let key =
        [claim.region, claim.service, "aws4_request"].iter().fold(seed, |key, part| mac(key.as_ref(), part));
    mac(key.as_ref(), to_sign)
}

fn mac(key: &[u8], message: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes())
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn incomplete(message: &str) -> Exception {
    denied("IncompleteSignatureException", message)
}

fn invalid(message: &str) -> Exception {
    denied("InvalidSignatureException", message)
}

fn unrecognized() -> Exception {
    denied("UnrecognizedClientException", "The security token included in the request is invalid.")
}
