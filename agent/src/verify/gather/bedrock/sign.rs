//! The headers that show AWS who asks: a Bedrock API key, or a signature by AWS's own library.

use std::time::SystemTime;

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use nova_hashistack::transport::HashistackError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;

use super::Keys;

/// The name under which Bedrock Runtime is signed for.
const SERVICE: &str = "bedrock";

/// Smithy's `httpLabel`: everything but RFC 3986's unreserved characters is encoded, `:` and `/` included.
const LABEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A model id as a segment of a path.
pub(super) fn segment(model: &str) -> String {
    utf8_percent_encode(model, LABEL).to_string()
}

/// Adds what shows who asks. The signature is of a POST to `url` with `body` and the headers that are there already.
///
/// # Errors
/// When keys have characters that no header may carry.
pub(super) fn add(
    headers: &mut HeaderMap,
    keys: &Keys,
    region: &str,
    url: &str,
    body: &str,
) -> Result<(), HashistackError> {
    match keys {
        Keys::Bearer(key) => {
            let mut value =
                HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).map_err(unfit)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            Ok(())
        }
        Keys::Signing { id, secret, session_token } => {
            let token = session_token.as_ref().map(|token| token.expose_secret().to_owned());
            let credentials = AwsCredentials::new(id, secret.expose_secret(), token, None, "preflight");
            signed(headers, credentials, region, url, body)
        }
    }
}

fn signed(
    headers: &mut HeaderMap,
    credentials: AwsCredentials,
    region: &str,
    url: &str,
    body: &str,
) -> Result<(), HashistackError> {
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(unfit)?;
    let own: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request =
        SignableRequest::new("POST", url, own, SignableBody::Bytes(body.as_bytes())).map_err(unfit)?;
    let (instructions, _) = sign(request, &params.into()).map_err(unfit)?.into_parts();
    for (name, value) in instructions.headers() {
        let name = HeaderName::try_from(name).map_err(unfit)?;
        let mut value = HeaderValue::try_from(value).map_err(unfit)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(())
}

fn unfit(error: impl std::fmt::Display) -> HashistackError {
    HashistackError::Invalid {
        what: format!("the request for Bedrock cannot be signed: {error}; check the credentials"),
    }
}
