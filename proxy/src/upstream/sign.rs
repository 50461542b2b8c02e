//! The SigV4 signature of a request, as a pure function of the request, the credentials and the time.
//!
//! The options are those that the service model of Bedrock Runtime sets: the path is normalized and encoded twice, and no
//! `x-amz-content-sha256` header is sent.

use std::time::SystemTime;

use aws_lc_rs::digest;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningError, SigningSettings, sign as sigv4_sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use http::header::{AUTHORIZATION, InvalidHeaderValue, ToStrError};
use http::request::Parts;
use http::{HeaderName, HeaderValue};

/// The name under which Bedrock Runtime is signed for.
pub const SERVICE: &str = "bedrock";

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A parameter of the signature is missing.
    #[error("the signature lacks a parameter")]
    Parameters(#[from] v4::signing_params::BuildError),
    /// The request has a part that the canonical form does not allow, or the credentials are of another kind.
    #[error("the request has no canonical form to sign")]
    Request(#[from] SigningError),
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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = digest::digest(&digest::SHA256, body);
    let mut text = String::with_capacity(64);
    for byte in digest.as_ref() {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Adds `authorization`, `x-amz-date` and, for temporary credentials, `x-amz-security-token`.
///
/// All headers that `parts` has at this time are signed, but `user-agent`, which intermediaries may change. The URI must be
/// absolute and encoded. `body_sha256` is [`body_sha256`] of the body to be sent.
///
/// # Errors
/// See [`SignError`]; none of them depends on the network, so trying again does not help.
pub fn sign(
    parts: &mut Parts,
    body_sha256: &str,
    region: &str,
    identity: &Identity,
    time: SystemTime,
) -> Result<(), SignError> {
    let params = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name(SERVICE)
        .time(time)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let uri = parts.uri.to_string();
    let mut headers = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        headers.push((name.as_str(), value.to_str()?));
    }
    let body = SignableBody::Precomputed(body_sha256.to_owned());
    let request = SignableRequest::new(parts.method.as_str(), uri, headers.into_iter(), body)?;
    let (instructions, _signature) = sigv4_sign(request, &params)?.into_parts();
    let (signed, _query) = instructions.into_parts();
    for header in signed {
        let mut value = HeaderValue::from_str(header.value())?;
        value.set_sensitive(header.sensitive() || header.name() == AUTHORIZATION.as_str());
        parts.headers.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use aws_credential_types::Credentials;
    use aws_lc_rs::hmac;
    use http::Request;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn keyed(key: &[u8], text: &str) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
    }

    #[test]
    fn the_signature_is_what_the_specification_gives() {
        // Signature Version 4 written out by hand for one request, apart from the library under test.
        let body = br#"{"messages":[]}"#;
        let uri = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-lite-v1%3A0/converse";
        let (mut parts, ()) = Request::post(uri)
            .header("host", "bedrock-runtime.us-east-1.amazonaws.com")
            .header("content-type", "application/json")
            .header("user-agent", "nova-proxy")
            .body(())
            .unwrap()
            .into_parts();
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test");
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        sign(&mut parts, &body_sha256(body), "us-east-1", &credentials.into(), time).unwrap();

        let payload = hex(digest::digest(&digest::SHA256, body).as_ref());
        let canonical = format!(
            "POST\n/model/us.amazon.nova-lite-v1%253A0/converse\n\ncontent-type:application/json\n\
             host:bedrock-runtime.us-east-1.amazonaws.com\nx-amz-date:20231114T221320Z\nx-amz-security-token:token\n\n\
             content-type;host;x-amz-date;x-amz-security-token\n{payload}"
        );
        let digest_of_canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let scope = "20231114/us-east-1/bedrock/aws4_request";
        let to_sign = format!("AWS4-HMAC-SHA256\n20231114T221320Z\n{scope}\n{digest_of_canonical}");
        let key = ["20231114", "us-east-1", "bedrock", "aws4_request"]
            .iter()
            .fold(b"AWS4secret".to_vec(), |key, part| keyed(&key, part));
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature={}",
            hex(&keyed(&key, &to_sign))
        );
        assert_eq!(parts.headers[AUTHORIZATION], expected.as_str());
        assert_eq!(parts.headers["x-amz-date"], "20231114T221320Z");
        assert_eq!(parts.headers["x-amz-security-token"], "token");
        assert!(!parts.headers.contains_key("x-amz-content-sha256"));
        assert!(
            parts.headers[AUTHORIZATION].is_sensitive()
                && parts.headers["x-amz-security-token"].is_sensitive()
        );
    }

    #[test]
    fn credentials_that_no_header_can_carry_are_refused() {
        let (mut parts, ()) = Request::post("https://host/").body(()).unwrap().into_parts();
        let credentials = Credentials::new("AKID\nEXAMPLE", "secret", None, None, "test");
        let result = sign(&mut parts, &body_sha256(b""), "us-east-1", &credentials.into(), UNIX_EPOCH);
        assert!(matches!(result, Err(SignError::HeaderValue(_))), "{result:?}");
    }
}
