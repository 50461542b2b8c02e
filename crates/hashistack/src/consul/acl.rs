//! Access control as a caller sees it: a login for a token, what the own token is, and the logout.
//!
//! Who logs in when is in `login`; what others may do is written in `admin`.

pub mod admin;
mod login;
mod token;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::indexed::Consistency;
use crate::transport::{Call, HashistackError, Transport};

pub use admin::AclAdmin;
pub use login::ConsulLogin;
pub use token::{IssuedToken, Link, OwnToken};

/// The access control of a client.
#[derive(Debug, Clone, Copy)]
pub struct Acl<'c> {
    transport: &'c Transport,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LoginRequest<'c> {
    auth_method: &'c str,
    bearer_token: &'c str,
}

impl<'c> Acl<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// What a set-up writes.
    pub fn admin(&self) -> AclAdmin<'c> {
        AclAdmin::new(self.transport)
    }

    /// Logs in by an auth method with what it takes for a proof of identity: a JWT, for those of type `jwt`. The call goes out
    /// without a token, and makes another token each time.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 where no binding rule matches ([`HashistackError::is_permission_denied`]), and a
    /// status of 500 where the JWT is expired or signed by a stranger ([`HashistackError::is_identity_refused`]).
    pub async fn login(
        &self,
        auth_method: &str,
        bearer: &SecretString,
    ) -> Result<IssuedToken, HashistackError> {
        let body = LoginRequest { auth_method, bearer_token: bearer.expose_secret() };
        self.transport.send(&Call::post("/v1/acl/login").json(&body)?.without_token()).await?.json()
    }

    /// Deletes a token that came from a login. It is the one that the call goes out with.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 for a token that came from no login, and for one that is gone already
    /// ([`HashistackError::is_acl_not_found`]).
    pub async fn logout(&self, token: &SecretString) -> Result<(), HashistackError> {
        self.transport.send(&Call::post("/v1/acl/logout").with_token(token.clone())).await.map(drop)
    }

    /// What the token of this client is.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 without a token, and for one that the server does not know.
    pub async fn token_self(&self, consistency: Consistency) -> Result<OwnToken, HashistackError> {
        self.transport.send(&consistency.of(own_token())).await?.json()
    }
}

fn own_token() -> Call {
    Call::get("/v1/acl/token/self")
}
