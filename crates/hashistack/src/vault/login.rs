//! A login at Vault, as the source of a client's token: one for the whole process.
//!
//! Owns how Vault is logged in to, and how a token is made to last; when is for the transport's login. What was replaced is left
//! to end by itself: what Vault made with the old token ends with it, and may be in use.

mod app_role;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::token::{Authenticated, own_token, renewal, revocation};
use super::{VaultConfig, below, envelope};
use crate::transport::{
    Call, HashistackError, Issued, Issuer, Login, OneLogin, Pending, Refusal, TokenError, TokenFile,
    TokenSource, Transport,
};

use app_role::AppRoleLogin;
pub use app_role::{AppRole, SecretId};

/// How to prove who we are.
#[derive(Debug, Clone)]
pub enum LoginMethod {
    /// A JWT in a file, such as the identity that Nomad gives to a task. It is read at each login, since what wrote it renews it.
    Jwt {
        /// Where the auth method is mounted, such as `jwt-nomad`.
        mount: String,
        /// The role to log in as; the default one of the mount where absent.
        role: Option<String>,
        /// The file.
        file: PathBuf,
    },
    /// A role id and a secret id.
    AppRole(AppRole),
}

/// Logs in, and keeps the login.
#[derive(Debug)]
pub struct VaultLogin {
    login: OneLogin<VaultIssuer>,
}

#[derive(Debug)]
struct VaultIssuer {
    /// Without a token of its own.
    transport: Transport,
    method: Method,
    /// Why the last login failed, since the last one that did not.
    fault: Mutex<Option<Arc<HashistackError>>>,
}

#[derive(Debug)]
enum Method {
    Jwt { mount: String, role: Option<String>, jwt: TokenFile },
    AppRole(AppRoleLogin),
}

#[derive(Serialize)]
struct JwtRequest<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'c str>,
    jwt: &'c str,
}

impl VaultLogin {
    /// Prepares a login; nothing is sent, and no file is read yet. The token of `config` is not looked at.
    ///
    /// # Errors
    /// When a certificate cannot be used, or the namespace cannot be sent.
    pub fn new(config: &VaultConfig, method: LoginMethod) -> Result<Self, HashistackError> {
        let anonymous = VaultConfig { token: TokenSource::None, ..config.clone() };
        let method = match method {
            LoginMethod::Jwt { mount, role, file } => Method::Jwt { mount, role, jwt: TokenFile::new(file) },
            LoginMethod::AppRole(role) => Method::AppRole(AppRoleLogin::new(role)),
        };
        Ok(Self { login: OneLogin::new(VaultIssuer::new(anonymous.transport()?, method)) })
    }

    /// Gets the next token when the time of this one has come, and the first one where there is none. A task calls it from time to
    /// time, so that a token does not end while nobody calls Vault.
    ///
    /// # Errors
    /// When there is neither a token nor a next one. What there is serves on.
    pub async fn keep(&self) -> Result<(), TokenError> {
        self.login.keep().await
    }

    /// When [`Self::keep`] has something to do; nothing where there is no token, or it has no end.
    pub fn due(&self) -> Option<tokio::time::Instant> {
        self.login.due()
    }

    /// Why the last login failed, if it did. The token may be in force all the same: it is renewed for as long as it may be, and what
    /// is wrong is to be mended until then.
    pub fn fault(&self) -> Option<Arc<HashistackError>> {
        self.login.issuer().last_fault()
    }

    /// Revokes the token, if there is one, and with it what Vault made for it. Calls that come later are refused here, before
    /// anything is sent.
    ///
    /// # Errors
    /// When Vault does not revoke it: it lasts until it ends by itself.
    pub async fn logout(&self) -> Result<(), HashistackError> {
        let Some(last) = self.login.end().await else { return Ok(()) };
        self.login.issuer().transport.send(&revocation().with_token(last)).await.map(drop)
    }
}

impl VaultIssuer {
    fn new(transport: Transport, method: Method) -> Self {
        Self { transport, method, fault: Mutex::default() }
    }

    fn last_fault(&self) -> Option<Arc<HashistackError>> {
        // The value is replaced in one assignment, so that a panic elsewhere cannot have left half of it.
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what came of a login whose failure something else may cover up.
    fn note(&self, fault: Option<Arc<HashistackError>>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    async fn show_proof(&self) -> Result<Issued, HashistackError> {
        match &self.method {
            Method::Jwt { mount, role, jwt } => {
                let jwt = jwt.read().await?;
                let body = JwtRequest { role: role.as_deref(), jwt: jwt.expose_secret() };
                authenticate(&self.transport, mount, &body).await
            }
            Method::AppRole(login) => login.log_in(&self.transport).await,
        }
    }

    async fn renew(&self, held: &SecretString) -> Result<Issued, HashistackError> {
        let answer = self.transport.send(&renewal().with_token(held.clone())).await?;
        let read: Authenticated = envelope::read(&answer)?;
        Ok(read.auth.issued())
    }
}

/// Sends a login, with the body of its method.
async fn authenticate<B: Serialize + Sync>(
    transport: &Transport,
    mount: &str,
    body: &B,
) -> Result<Issued, HashistackError> {
    let call = below(Call::post, "auth", mount.trim_matches('/'))?.segment("login")?;
    let answer = transport.send(&call.json(body)?.without_token()).await?;
    let read: Authenticated = envelope::read(&answer)?;
    Ok(read.auth.issued())
}

impl Issuer for VaultIssuer {
    async fn log_in(&self) -> Result<Issued, HashistackError> {
        let issued = self.show_proof().await?;
        self.note(None);
        Ok(issued)
    }

    async fn succeed(&self, held: &SecretString) -> Result<Issued, HashistackError> {
        // A token has a longest life, a login has not. Where there is no second login, and while it fails, the token is made to
        // last as long as it may.
        if let Method::AppRole(login) = &self.method
            && !login.can_repeat().await
        {
            return match self.renew(held).await {
                // It has ended, and what is to be done then is for the login to say.
                Err(error) if error.is_permission_denied() => self.log_in().await,
                renewed => renewed,
            };
        }
        let error = match self.log_in().await {
            Ok(next) => return Ok(next),
            Err(error) => error,
        };
        match self.renew(held).await {
            Ok(renewed) => {
                self.note(Some(Arc::new(error)));
                Ok(renewed)
            }
            Err(_also) => Err(error),
        }
    }

    async fn is_dead(&self, token: &SecretString, refusal: &Refusal) -> bool {
        if refusal.status != 403 {
            return false;
        }
        // Vault says the same of a token that it does not know and of one without the policy. Every token may look at itself.
        let look = own_token().with_token(token.clone());
        let looked = self.transport.send(&look).await;
        looked.is_err_and(|error| error.refusal().is_some_and(|refusal| refusal.status == 403))
    }

    async fn retire(&self, _token: &SecretString) {}
}

impl Login for VaultLogin {
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
