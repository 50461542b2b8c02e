//! The AppRole method: a role id, and a secret id that comes by a file.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::authenticate;
use crate::transport::{HashistackError, Issued, TokenFile, Transport};
use crate::vault::wrapping;

/// A role, and where its secret id comes from.
#[derive(Debug, Clone)]
pub struct AppRole {
    /// Where the auth method is mounted, such as `approle`.
    pub mount: String,
    /// The role's id, which is no secret.
    pub role_id: String,
    /// Where the secret id is.
    pub secret_id: SecretId,
}

/// Where a secret id is.
#[derive(Debug, Clone)]
pub enum SecretId {
    /// In a file, which is read at each login.
    File(PathBuf),
    /// Behind a wrapping token in a file, which can be used once: what is taken out is kept in memory.
    Wrapped {
        /// The file with the wrapping token.
        file: PathBuf,
        /// The role's name, which what was wrapped has to be of.
        role: String,
    },
}

#[derive(Debug)]
pub(super) struct AppRoleLogin {
    role: AppRole,
    file: TokenFile,
    /// What was behind a wrapping token.
    kept: Mutex<Kept>,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    secret_id: Option<SecretString>,
    /// The wrapping token that it came in.
    wrapped_in: Option<SecretString>,
    /// It is good for one login only.
    is_for_once: bool,
    /// That login has been.
    is_spent: bool,
}

impl Kept {
    fn came_in(&self, token: &SecretString) -> bool {
        self.wrapped_in.as_ref().is_some_and(|last| last.expose_secret() == token.expose_secret())
    }
}

#[derive(Deserialize)]
struct Unwrapped {
    secret_id: SecretString,
    /// How many logins it is good for; zero: any number.
    #[serde(default)]
    secret_id_num_uses: u64,
}

#[derive(Serialize)]
struct AppRoleRequest<'c> {
    role_id: &'c str,
    secret_id: &'c str,
}

impl AppRoleLogin {
    pub(super) fn new(role: AppRole) -> Self {
        let (SecretId::File(file) | SecretId::Wrapped { file, .. }) = &role.secret_id;
        Self { file: TokenFile::new(file.clone()), role, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // The value is replaced in one assignment, so that a panic elsewhere cannot have left half of it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another login may be let in: after one that was good for once, with another wrapping token in the file.
    pub(super) async fn can_repeat(&self) -> bool {
        let kept = self.kept().clone();
        if !kept.is_spent {
            return true;
        }
        // A file that cannot be read holds no other token; why not is told by the login that is tried when the last token has ended.
        self.file.read().await.is_ok_and(|token| !kept.came_in(&token))
    }

    pub(super) async fn log_in(&self, transport: &Transport) -> Result<Issued, HashistackError> {
        let secret_id = match &self.role.secret_id {
            SecretId::File(_) => self.file.read().await?,
            SecretId::Wrapped { role, .. } => self.unwrapped(transport, role).await?,
        };
        let body = AppRoleRequest { role_id: &self.role.role_id, secret_id: secret_id.expose_secret() };
        let issued = authenticate(transport, &self.role.mount, &body).await?;
        let mut kept = self.kept();
        kept.is_spent = kept.is_for_once;
        Ok(issued)
    }

    /// The secret id that was taken out, or that is taken out now. After one that is spent comes a wrapping token that somebody
    /// has put into the file since.
    async fn unwrapped(&self, transport: &Transport, role: &str) -> Result<SecretString, HashistackError> {
        let kept = self.kept().clone();
        if let Kept { secret_id: Some(secret_id), is_spent: false, .. } = kept {
            return Ok(secret_id);
        }
        let token = self.file.read().await?;
        if kept.is_spent && kept.came_in(&token) {
            return Err(HashistackError::Invalid {
                what: format!(
                    "the secret id was good for one login, and {} still holds the wrapping token that it came in; put a new one there",
                    self.file.path().display()
                ),
            });
        }
        let path = format!("auth/{}/role/{role}/secret-id", self.role.mount.trim_matches('/'));
        let Unwrapped { secret_id, secret_id_num_uses } = wrapping::unwrap(transport, &token, &path).await?;
        let is_for_once = secret_id_num_uses == 1;
        *self.kept() = Kept {
            secret_id: Some(secret_id.clone()),
            wrapped_in: Some(token),
            is_for_once,
            is_spent: false,
        };
        Ok(secret_id)
    }
}
