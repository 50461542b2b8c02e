//! A login by JWT, as the source of a client's token: one for the whole process.
//!
//! Owns when to log in. A token serves until Consul no longer knows it; one that ends is replaced while it is still good, and
//! the old one is deleted when the new one is in force. The file of the JWT is read at each login, since what wrote it renews it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{Acl, IssuedToken, own_token};
use crate::consul::{Consistency, ConsulConfig};
use crate::transport::{
    HashistackError, Login, Pending, Refusal, TokenError, TokenFile, TokenSource, Transport,
};

/// How long after a login the next one may be tried, whatever came of the first: every call of the process asks for a token, and
/// each login is a write of Consul's servers.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// How long a new token may take to be on the server that our calls reach, and how often it is looked for there.
///
/// An agent that asks for a token too early remembers for half a minute (`acl.token_ttl`) that there is none. Servers mostly have it
/// within a tenth of a second.
const ARRIVAL: Duration = Duration::from_secs(2);
const ARRIVAL_LOOK: Duration = Duration::from_millis(100);

/// Logs in with a JWT that is in a file.
#[derive(Debug)]
pub struct ConsulLogin {
    /// Without a token of its own.
    transport: Transport,
    auth_method: String,
    jwt: TokenFile,
    standing: Mutex<Standing>,
    /// Held by the one who logs in or out.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Standing {
    session: Session,
    /// The last login that failed, since the last one that did not.
    failure: Option<(Instant, Arc<HashistackError>)>,
}

#[derive(Debug, Clone, Default)]
enum Session {
    /// There is no token, or none that is good for anything.
    #[default]
    Out,
    In(InForce),
    /// Logged out, for good.
    Ended,
}

#[derive(Debug, Clone)]
struct InForce {
    token: SecretString,
    since: Instant,
    /// When to get the next one, where the token has an end.
    due: Option<Instant>,
}

impl InForce {
    fn new(token: &IssuedToken, sent: Instant, now: Instant) -> Self {
        // Two thirds of its life: what remains is enough for Consul to come back in.
        let due = token.lifetime().map(|lifetime| sent + lifetime * 2 / 3);
        Self { token: token.secret.clone(), since: now, due }
    }

    fn is(&self, token: &SecretString) -> bool {
        self.token.expose_secret() == token.expose_secret()
    }
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
        Ok(Self {
            transport: anonymous.transport()?,
            auth_method: auth_method.into(),
            jwt: TokenFile::new(jwt_file),
            standing: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Deletes the token, if there is one. Calls that come later are refused here, before anything is sent.
    ///
    /// # Errors
    /// When Consul does not delete it: it lasts until it ends by itself.
    pub async fn logout(&self) -> Result<(), HashistackError> {
        let _turn = self.turn.lock().await;
        let Session::In(last) = std::mem::replace(&mut self.standing().session, Session::Ended) else {
            return Ok(());
        };
        match Acl::new(&self.transport).logout(&last.token).await {
            Err(error) if error.is_acl_not_found() => Ok(()),
            other => other,
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Each change is one assignment, so that a panic elsewhere cannot have left half of one.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token in force, if there is one.
    fn session(&self) -> Result<Option<InForce>, TokenError> {
        match &self.standing().session {
            Session::Out => Ok(None),
            Session::In(session) => Ok(Some(session.clone())),
            Session::Ended => Err(TokenError::LoggedOut),
        }
    }

    async fn in_force(&self) -> Result<SecretString, TokenError> {
        if let Some(session) = self.session()? {
            return Ok(self.renewed(session).await);
        }
        let _turn = self.turn.lock().await;
        // Somebody may have logged in while this call waited for its turn.
        match self.session()? {
            Some(session) => Ok(session.token),
            None => self.log_in().await,
        }
    }

    /// The token, or its successor when its time has come.
    async fn renewed(&self, session: InForce) -> SecretString {
        if session.due.is_none_or(|due| Instant::now() < due) {
            return session.token;
        }
        // One caller gets the next token; the others go on with this one, which is still good.
        let Ok(_turn) = self.turn.try_lock() else { return session.token };
        match self.log_in().await {
            Ok(next) => {
                // Nothing uses the old token any more, and it ends by itself where Consul does not delete it now.
                drop(Acl::new(&self.transport).logout(&session.token).await);
                next
            }
            // The old one is good until Consul says otherwise, and then the reason is told.
            Err(_) => session.token,
        }
    }

    async fn successor(
        &self,
        refused: &SecretString,
        refusal: &Refusal,
    ) -> Result<Option<SecretString>, TokenError> {
        if !refusal.is_acl_not_found() {
            // Another token of the same login has the same rights.
            return Ok(None);
        }
        let _turn = self.turn.lock().await;
        match self.session()? {
            Some(session) if !session.is(refused) => return Ok(Some(session.token)),
            Some(session) if session.since.elapsed() < LEAST_PAUSE => return Ok(None),
            Some(_) => self.standing().session = Session::Out,
            None => {}
        }
        self.log_in().await.map(Some)
    }

    /// Logs in, unless that has failed just now. The caller has the turn.
    async fn log_in(&self) -> Result<SecretString, TokenError> {
        let recent = self.standing().failure.clone().filter(|(at, _)| at.elapsed() < LEAST_PAUSE);
        if let Some((_, error)) = recent {
            return Err(TokenError::Login(error));
        }
        let sent = Instant::now();
        match self.attempt().await {
            Ok(token) => {
                let session = Session::In(InForce::new(&token, sent, Instant::now()));
                *self.standing() = Standing { session, failure: None };
                Ok(token.secret)
            }
            Err(error) => {
                let error = Arc::new(error);
                self.standing().failure = Some((Instant::now(), Arc::clone(&error)));
                Err(TokenError::Login(error))
            }
        }
    }

    async fn attempt(&self) -> Result<IssuedToken, HashistackError> {
        let jwt = self.jwt.read().await?;
        let token = Acl::new(&self.transport).login(&self.auth_method, &jwt).await?;
        self.arrival(&token.secret).await;
        Ok(token)
    }

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

impl Login for ConsulLogin {
    fn token(&self) -> Pending<'_, Result<SecretString, TokenError>> {
        Box::pin(self.in_force())
    }

    fn replace<'a>(
        &'a self,
        refused: &'a SecretString,
        refusal: &'a Refusal,
    ) -> Pending<'a, Result<Option<SecretString>, TokenError>> {
        Box::pin(self.successor(refused, refusal))
    }
}

#[cfg(test)]
mod tests;
