//! One login for a whole process, as the source of a client's token.
//!
//! Owns when to log in. A token serves until the server no longer takes it; one that ends is replaced while it is still good.
//! How a product logs in, and how it tells a dead token, is for its [`Issuer`].

use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::error::{HashistackError, Refusal};
use super::token::TokenError;

/// How long after a login the next one may be tried, whatever came of the first: every call of the process asks for a token, and
/// each login is a write of the servers.
pub(crate) const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Where tokens come from: what differs between products.
pub(crate) trait Issuer: Debug + Send + Sync {
    /// Logs in anew.
    fn log_in(&self) -> impl Future<Output = Result<Issued, HashistackError>> + Send;

    /// The token that follows one that is still good: another one, or the same one for longer.
    fn succeed(&self, held: &SecretString) -> impl Future<Output = Result<Issued, HashistackError>> + Send;

    /// Whether the token was refused because the server knows it no more, so that another one may be let in.
    fn is_dead(&self, token: &SecretString, refusal: &Refusal) -> impl Future<Output = bool> + Send;

    /// Does away with a token that nothing uses any more, where that is better than to let it end.
    fn retire(&self, token: &SecretString) -> impl Future<Output = ()> + Send;
}

/// A token, and how long it lasts from when it was asked for; nothing where it has no end.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: SecretString,
    pub(crate) lifetime: Option<Duration>,
}

/// The login of a process.
#[derive(Debug)]
pub(crate) struct OneLogin<I> {
    issuer: I,
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
    fn is(&self, token: &SecretString) -> bool {
        self.token.expose_secret() == token.expose_secret()
    }
}

impl<I: Issuer> OneLogin<I> {
    pub(crate) fn new(issuer: I) -> Self {
        Self { issuer, standing: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    pub(crate) fn issuer(&self) -> &I {
        &self.issuer
    }

    /// The token of the session, which ends here: calls that come later are refused before anything is sent. Nothing where there
    /// is none.
    pub(crate) async fn end(&self) -> Option<SecretString> {
        let _turn = self.turn.lock().await;
        match std::mem::replace(&mut self.standing().session, Session::Ended) {
            Session::In(last) => Some(last.token),
            Session::Out | Session::Ended => None,
        }
    }

    /// When the token in force is to be followed by the next; nothing where there is none, or it has no end.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.session().ok().flatten()?.due
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

    /// The token for the next call; the first call logs in.
    pub(crate) async fn token(&self) -> Result<SecretString, TokenError> {
        if let Some(session) = self.session()? {
            // The old one is good until the server says otherwise, and then the reason is told.
            return Ok(self.renewed(session.clone()).await.unwrap_or(session.token));
        }
        let _turn = self.turn.lock().await;
        // Somebody may have logged in while this call waited for its turn.
        match self.session()? {
            Some(session) => Ok(session.token),
            None => self.take(self.issuer.log_in()).await,
        }
    }

    /// Gets the next token if its time has come, for a task that keeps the session alive while nobody calls.
    ///
    /// # Errors
    /// When there is neither a token nor a next one.
    pub(crate) async fn keep(&self) -> Result<(), TokenError> {
        match self.session()? {
            Some(session) => self.renewed(session).await.map(drop),
            None => self.token().await.map(drop),
        }
    }

    /// The token, or its successor when its time has come.
    async fn renewed(&self, session: InForce) -> Result<SecretString, TokenError> {
        if session.due.is_none_or(|due| Instant::now() < due) {
            return Ok(session.token);
        }
        // One caller gets the next token; the others go on with this one, which is still good.
        let Ok(_turn) = self.turn.try_lock() else { return Ok(session.token) };
        // Somebody may have got it in between.
        match self.session()? {
            Some(now) if now.due == session.due && now.is(&session.token) => {}
            Some(now) => return Ok(now.token),
            None => return Ok(session.token),
        }
        let next = self.take(self.issuer.succeed(&session.token)).await?;
        if !session.is(&next) {
            self.issuer.retire(&session.token).await;
        }
        Ok(next)
    }

    /// Another token after `refused` was refused, or nothing when another one would be refused as well.
    pub(crate) async fn replace(
        &self,
        refused: &SecretString,
        refusal: &Refusal,
    ) -> Result<Option<SecretString>, TokenError> {
        if !self.issuer.is_dead(refused, refusal).await {
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
        self.take(self.issuer.log_in()).await.map(Some)
    }

    /// Puts what is issued into force, unless that has failed just now. The caller has the turn.
    async fn take(
        &self,
        issued: impl Future<Output = Result<Issued, HashistackError>> + Send,
    ) -> Result<SecretString, TokenError> {
        let recent = self.standing().failure.clone().filter(|(at, _)| at.elapsed() < LEAST_PAUSE);
        if let Some((_, error)) = recent {
            return Err(TokenError::Login(error));
        }
        let sent = Instant::now();
        match issued.await {
            Ok(Issued { token, lifetime }) => {
                // Two thirds of its life: what remains is enough for the server to come back in.
                let due = lifetime.map(|lifetime| sent + (lifetime * 2 / 3).max(LEAST_PAUSE));
                let session = Session::In(InForce { token: token.clone(), since: Instant::now(), due });
                *self.standing() = Standing { session, failure: None };
                Ok(token)
            }
            Err(error) => {
                let error = Arc::new(error);
                self.standing().failure = Some((Instant::now(), Arc::clone(&error)));
                Err(TokenError::Login(error))
            }
        }
    }
}
