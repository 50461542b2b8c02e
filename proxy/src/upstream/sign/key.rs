//! Credentials ready to sign with: the keys derived from them are kept, because each serves for a day.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_credential_types::Credentials;
use aws_lc_rs::hmac;
use http::HeaderValue;
use http::header::InvalidHeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

/// Keys that are kept: one per region and service in use, and at midnight those of two days.
const KEPT_MAX: usize = 32;

/// One set of credentials with the keys derived from it so far.
pub struct Signer {
    access_key_id: String,
    secret: SecretString,
    session_token: Option<SecretString>,
    derived: ArcSwap<Vec<DerivedKey>>,
}

#[derive(Clone)]
struct DerivedKey {
    date: String,
    region: String,
    service: &'static str,
    key: hmac::Key,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Signer {
    /// Nothing is derived before the first signature.
    #[must_use]
    pub fn new(credentials: &Credentials) -> Self {
        Self {
            access_key_id: credentials.access_key_id().to_owned(),
            secret: credentials.secret_access_key().to_owned().into(),
            session_token: credentials.session_token().map(|token| token.to_owned().into()),
            derived: ArcSwap::default(),
        }
    }

    /// Whether the other is made of the same credentials.
    #[must_use]
    pub fn has_keys_of(&self, other: &Self) -> bool {
        let token =
            |signer: &Self| signer.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        self.access_key_id == other.access_key_id
            && self.secret.expose_secret() == other.secret.expose_secret()
            && token(self) == token(other)
    }

    /// The id, which is no secret.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The header of temporary credentials.
    pub(super) fn session_token(&self) -> Result<Option<HeaderValue>, InvalidHeaderValue> {
        let Some(token) = &self.session_token else { return Ok(None) };
        let mut header = HeaderValue::from_str(token.expose_secret())?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    /// The key of a day in a region for a service. Two requests that need a new one at once derive it both, which does no harm.
    pub(super) fn key(&self, date: &str, region: &str, service: &'static str) -> hmac::Key {
        let derived = self.derived.load();
        let kept =
            derived.iter().find(|kept| kept.date == date && kept.region == region && kept.service == service);
        if let Some(kept) = kept {
            return kept.key.clone();
        }
        let key = derive(self.secret.expose_secret(), [date, region, service]);
        let mut keys = Vec::clone(&derived);
        if keys.len() >= KEPT_MAX {
            keys.remove(0);
        }
        keys.push(DerivedKey { date: date.to_owned(), region: region.to_owned(), service, key: key.clone() });
        self.derived.store(Arc::new(keys));
        key
    }
}

fn derive(secret: &str, scope: [&str; 3]) -> hmac::Key {
    let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    scope.iter().chain(&["aws4_request"]).fold(first, |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}
