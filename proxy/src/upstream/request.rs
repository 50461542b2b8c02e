//! The request of a call: made once, signed anew for each attempt.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use secrecy::{ExposeSecret as _, SecretString};

use super::client::Call;
use super::clock::SigningClock;
use super::credentials::{SigningCredentials, chain};
use super::endpoint::Endpoint;
use super::error::{UpstreamError, UpstreamErrorKind, UpstreamSetupError};
use super::{http_client, sign};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("nova-proxy/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is the same in every attempt of a call.
pub(super) struct PreparedRequest {
    pub(super) uri: Uri,
    headers: HeaderMap,
    body_sha256: String,
}

impl PreparedRequest {
    pub(super) fn new(endpoint: &Endpoint, call: &Call<'_>, path: &str) -> Result<Self, UpstreamError> {
        let bad = UpstreamErrorKind::BadRequestParts;
        let uri = endpoint
            .uri(call.region, call.model_id, path)
            .map_err(|error| UpstreamError::new(bad, chain(&error)))?;
        let mut headers = HeaderMap::with_capacity(8);
        let host = HeaderValue::from_str(&http_client::host(&uri)).map_err(|error| {
            UpstreamError::new(bad, "the endpoint's host is no header value").with_source(error)
        })?;
        headers.insert(HOST, host);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(call.body.len()));
        headers.insert(USER_AGENT, AGENT);
        Ok(Self { uri, headers, body_sha256: sign::body_sha256(&call.body) })
    }

    /// The request of one attempt with this header in place of a signature.
    pub(super) fn with_authorization(
        &self,
        call: &Call<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Request<Full<Bytes>> {
        let mut parts = self.parts();
        if let Some(authorization) = authorization {
            parts.headers.insert(AUTHORIZATION, authorization.clone());
        }
        Request::from_parts(parts, Full::new(call.body.clone()))
    }

    fn parts(&self) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = Method::POST;
        parts.uri = self.uri.clone();
        parts.headers = self.headers.clone();
        parts
    }

    /// Signs for one attempt.
    pub(super) fn sign(
        &self,
        call: &Call<'_>,
        credentials: &SigningCredentials,
        clock: &SigningClock,
    ) -> Result<Request<Full<Bytes>>, UpstreamError> {
        let mut parts = self.parts();
        sign::sign(&mut parts, &self.body_sha256, call.region, credentials.signer(), clock.now()).map_err(
            |error| {
                let message = format!("the request cannot be signed: {}", chain(&error));
                UpstreamError::new(UpstreamErrorKind::BadRequestParts, message)
            },
        )?;
        Ok(Request::from_parts(parts, Full::new(call.body.clone())))
    }
}

/// The header that carries a Bedrock API key.
///
/// # Errors
/// The key holds a character that no header may carry.
pub(super) fn bearer(key: &SecretString) -> Result<HeaderValue, UpstreamSetupError> {
    let header = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()));
    let mut header = header.map_err(|_| UpstreamSetupError::BearerKey)?;
    header.set_sensitive(true);
    Ok(header)
}
