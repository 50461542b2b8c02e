//! A login by JWT, as the source of a client's token: one for the whole process.
//!
//! Owns how Consul is logged in to; when is for the transport's login. The file of the JWT is read at each login, since what
//! wrote it renews it, and a token that was replaced is deleted.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::{Acl, own_token};
use crate::consul::{Consistency, ConsulConfig};
use crate::transport::{
    HashistackError, Issued, Issuer, Login, OneLogin, Pending, Refusal, TokenError, TokenFile, TokenSource,
    Transport,
};

/// How long a new token may take to be on the server that our calls reach, and how often it is looked for there.
///
/// An agent that asks for a token too early remembers for half a minute (`acl.token_ttl`) that there is none. Servers mostly have it
/// within a tenth of a second.
const ARRIVAL: Duration = Duration::from_secs(2);
const ARRIVAL_LOOK: Duration = Duration::from_millis(100);

/// Logs in with a JWT that is in a file.
#[derive(Debug)]
pub struct ConsulLogin {
    login: OneLogin<JwtLogin>,
}

#[derive(Debug)]
struct JwtLogin {
    /// Without a token of its own.
    transport: Transport,
    auth_method: String,
    jwt: TokenFile,
}

impl ConsulLogin {
    /// Prepares a login; nothing is sent, and the file is not read yet. The token of `config` is not looked at.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn new(
        config: &ConsulConfig,
        auth_method: impl Into<String>,
        jwt_file: impl Into<PathBuf>,
    ) -> Result<Self, HashistackError> {
        let anonymous = ConsulConfig { token: TokenSource::None, ..config.clone() };
        let issuer = JwtLogin {
            transport: anonymous.transport()?,
            auth_method: auth_method.into(),
            jwt: TokenFile::new(jwt_file),
        };
        Ok(Self { login: OneLogin::new(issuer) })
    }

    /// Deletes the token, if there is one. Calls that come later are refused here, before anything is sent.
    ///
    /// # Errors
    /// When Consul does not delete it: it lasts until it ends by itself.
    pub async fn logout(&self) -> Result<(), HashistackError> {
        let Some(last) = self.login.end().await else { return Ok(()) };
        match Acl::new(&self.login.issuer().transport).logout(&last).await {
            Err(error) if error.is_acl_not_found() => Ok(()),
            other => other,
        }
    }
}

impl JwtLogin {
    /// Waits until the server that answers our reads knows the token.
    async fn arrival(&self, token: &SecretString) {
        let look = Consistency::Stale.of(own_token()).with_token(token.clone());
        let seen = async {
            while self.transport.send(&look).await.is_err_and(|error| error.is_acl_not_found()) {
                tokio::time::sleep(ARRIVAL_LOOK).await;
            }
        };
        // A token that takes longer, and any other failure, is told by the calls that are made with it.
        drop(tokio::time::timeout(ARRIVAL, seen).await);
    }
}

impl Issuer for JwtLogin {
    async fn log_in(&self) -> Result<Issued, HashistackError> {
        let jwt = self.jwt.read().await?;
        let token = Acl::new(&self.transport).login(&self.auth_method, &jwt).await?;
        self.arrival(&token.secret).await;
        Ok(Issued { lifetime: token.lifetime(), token: token.secret })
    }

    async fn succeed(&self, _held: &SecretString) -> Result<Issued, HashistackError> {
        self.log_in().await
    }

    async fn is_dead(&self, _token: &SecretString, refusal: &Refusal) -> bool {
        refusal.is_acl_not_found()
    }

    async fn retire(&self, token: &SecretString) {
        // Nothing uses the old token any more, and it ends by itself where Consul does not delete it now.
        drop(Acl::new(&self.transport).logout(token).await);
    }
}

impl Login for ConsulLogin {
    fn token(&self) -> Pending<'_, Result<SecretString, TokenError>> {
        Box::pin(self.login.token())
    }

    fn replace<'a>(
        &'a self,
        refused: &'a SecretString,
        refusal: &'a Refusal,
    ) -> Pending<'a, Result<Option<SecretString>, TokenError>> {
        Box::pin(self.login.replace(refused, refusal))
    }
}

#[cfg(test)]
mod tests;
