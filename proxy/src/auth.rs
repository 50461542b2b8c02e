//! Who is calling.
//!
//! Owns the reading of credentials from headers and the look-up of who they belong to. Leaves to others: what
//! the caller may do next (`limit.rs`, `pipeline.rs`) and how a refusal looks on the wire (`error.rs`).

pub mod key;
pub mod keys_file;
pub mod pepper;
pub mod principal;

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

pub use keys_file::{KeysFile, KeysFileError};
pub use pepper::Pepper;
pub use principal::{ModelPatterns, Principal, Source};

/// Where clients in Azure's manner put their key.
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The longest credential worth hashing. Our keys have 51 characters; imported ones may be longer.
const MAX_CREDENTIAL_BYTES: usize = 512;

/// Why a caller is not known. The texts are for the caller and tell nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credential came.
    #[error("no API key was sent; send it as `Authorization: Bearer <key>` or in the `api-key` header")]
    Missing,
    /// The headers hold no single, readable credential.
    #[error(
        "the API key cannot be read; send one key, as `Authorization: Bearer <key>` or in the `api-key` header"
    )]
    Malformed,
    /// No key is like this one.
    #[error("the API key is not known here; check that it is whole and meant for this service")]
    Unknown,
    /// The secret that keys are hashed with has not been read yet.
    #[error("this instance cannot check API keys yet; send the request again")]
    NotYet,
    /// The key is past its date.
    #[error("the API key has expired; ask for a new one")]
    Expired,
    /// Somebody turned the key off.
    #[error("the API key is disabled; ask those who run this service why")]
    Disabled,
}

/// The way callers are known to this proxy.
#[derive(Debug)]
pub enum Authenticator {
    /// By the API keys of a file, shared with whoever reloads it.
    KeysFile(Arc<KeysFile>),
    /// Everybody is welcome: for loopback listeners only, which the configuration enforces.
    None(Arc<Principal>),
}

impl Authenticator {
    /// An authenticator that takes everybody for [`Principal::anonymous`].
    pub fn none() -> Self {
        Self::None(Arc::new(Principal::anonymous()))
    }

    /// Tells who sent `headers`, as of `now`. Does no IO and waits for nothing.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the credential. A key that is both disabled and expired counts as
    /// disabled.
    pub fn authenticate(&self, headers: &HeaderMap, now: Timestamp) -> Result<Arc<Principal>, AuthError> {
        match self {
            Self::KeysFile(keys) => keys.find(read_credential(headers)?.expose_secret(), now),
            Self::None(anonymous) => Ok(Arc::clone(anonymous)),
        }
    }
}

/// Reads the one credential of a request. Both headers may carry it if they agree.
fn read_credential(headers: &HeaderMap) -> Result<SecretString, AuthError> {
    let bearer = single(headers, &AUTHORIZATION)?.map(bearer_token).transpose()?;
    let api_key = single(headers, &API_KEY)?;
    let credential = match (bearer, api_key) {
        (None, None) => return Err(AuthError::Missing),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(one), Some(other)) if one == other => one,
        // Two identities in one request: to pick one would be to guess.
        (Some(_), Some(_)) => return Err(AuthError::Malformed),
    };
    let readable = !credential.is_empty()
        && credential.len() <= MAX_CREDENTIAL_BYTES
        && credential.bytes().all(|byte| byte.is_ascii_graphic());
    if readable { Ok(SecretString::from(credential)) } else { Err(AuthError::Malformed) }
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, AuthError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.trim())).map_err(|_| AuthError::Malformed),
        (Some(_), Some(_)) => Err(AuthError::Malformed),
    }
}

/// The token of a `Bearer` credential. The scheme's case does not matter (RFC 9110, section 11.1).
fn bearer_token(value: &str) -> Result<&str, AuthError> {
    let (scheme, token) = value.split_once(' ').ok_or(AuthError::Malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start()) } else { Err(AuthError::Malformed) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bearer(&[("authorization", "Bearer sk-1")], Ok("sk-1"))]
    #[case::scheme_in_any_case(&[("authorization", "bEARER  sk-1 ")], Ok("sk-1"))]
    #[case::api_key(&[("api-key", "sk-1")], Ok("sk-1"))]
    #[case::both_agree(&[("authorization", "Bearer sk-1"), ("api-key", "sk-1")], Ok("sk-1"))]
    #[case::both_differ(&[("authorization", "Bearer sk-1"), ("api-key", "sk-2")], Err(AuthError::Malformed))]
    #[case::twice(&[("api-key", "sk-1"), ("api-key", "sk-1")], Err(AuthError::Malformed))]
    #[case::nothing(&[("x-api-key", "sk-1")], Err(AuthError::Missing))]
    #[case::empty_bearer(&[("authorization", "Bearer ")], Err(AuthError::Malformed))]
    #[case::no_scheme(&[("authorization", "sk-1")], Err(AuthError::Malformed))]
    #[case::another_scheme(&[("authorization", "Basic c2stMTo=")], Err(AuthError::Malformed))]
    #[case::two_tokens(&[("authorization", "Bearer sk-1 sk-2")], Err(AuthError::Malformed))]
    #[case::empty_api_key(&[("api-key", "")], Err(AuthError::Malformed))]
    fn one_credential_is_read(#[case] fields: &[(&str, &str)], #[case] expected: Result<&str, AuthError>) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let read = read_credential(&headers);
        assert_eq!(read.as_ref().map(ExposeSecret::expose_secret).map_err(|error| *error), expected);
    }

    #[rstest]
    #[case::too_long(HeaderValue::from_str(&"k".repeat(MAX_CREDENTIAL_BYTES + 1)).unwrap())]
    #[case::not_ascii(HeaderValue::from_bytes(b"sk-\xff").unwrap())]
    fn an_unreadable_credential_is_malformed(#[case] value: HeaderValue) {
        let headers = HeaderMap::from_iter([(API_KEY, value)]);
        assert_eq!(read_credential(&headers).unwrap_err(), AuthError::Malformed);
    }

    #[test]
    fn without_authentication_everybody_is_anonymous_and_may_use_every_model() {
        let principal = Authenticator::none().authenticate(&HeaderMap::new(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(principal.source, Source::Anonymous);
        assert!(principal.allowed_models.allows("gpt-4o"));
    }
}
