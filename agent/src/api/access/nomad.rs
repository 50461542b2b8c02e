//! Asks Nomad whose token it is, and remembers the answer for seconds.
//!
//! What is remembered is bounded, in number and in time, and is told apart by a hash of the token. A failure of Nomad's is never
//! remembered, and never lets anybody in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use nova_hashistack::nomad::NomadToken;
use nova_hashistack::{HashistackError, NomadClient, NomadFault};
use nova_telemetry::error_chain;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{AccessRules, Caller};
use crate::api::ApiError;
use crate::metrics as names;

/// How many tokens are remembered: operators and their tools, and no more of what somebody tries.
const MAX_REMEMBERED: usize = 256;

/// The longest token that Nomad is asked about; a workload identity has some thousand bytes.
const MAX_TOKEN: usize = 8 << 10;

/// How many questions may be under way: whoever tries tokens in a loop is not to load Nomad's servers through this door.
const MAX_QUESTIONS: usize = 8;

/// How callers on TCP are told apart.
#[derive(Clone, Debug)]
pub struct AccessConfig {
    /// Which policies give which role.
    pub rules: AccessRules,
    /// How long an answer is remembered: as long a token works here after Nomad has forgotten it.
    pub remembered_for: Duration,
}

/// Checks tokens at Nomad.
#[derive(Debug)]
pub struct NomadAccess {
    nomad: NomadClient,
    config: AccessConfig,
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
    questions: Semaphore,
}

#[derive(Clone, Debug)]
struct Remembered {
    /// Nothing where Nomad does not know the token.
    caller: Option<Caller>,
    until: Instant,
}

impl NomadAccess {
    /// Nothing is asked yet. `nomad` sends each question with the token that it is about.
    #[must_use]
    pub fn new(nomad: NomadClient, config: AccessConfig) -> Self {
        Self { nomad, config, remembered: Mutex::default(), questions: Semaphore::new(MAX_QUESTIONS) }
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// [`ApiError::UnknownToken`], and [`ApiError::AccessUnknown`] where Nomad does not answer, or has its ACLs off.
    pub(super) async fn caller(&self, token: &SecretString) -> Result<Caller, ApiError> {
        if token.expose_secret().len() > MAX_TOKEN {
            return Err(ApiError::UnknownToken);
        }
        let key = key(token);
        if let Some(caller) = self.recall(&key) {
            return caller.ok_or(ApiError::UnknownToken);
        }
        let unknown = |reason: &str| ApiError::AccessUnknown { reason: reason.to_owned() };
        let _turn = self.questions.acquire().await.map_err(|_closed| unknown("the process stops"))?;
        // Those who waited for the same answer have it by now.
        if let Some(caller) = self.recall(&key) {
            return caller.ok_or(ApiError::UnknownToken);
        }
        let (caller, ends) = match self.nomad.token_of(token).await {
            Ok(found) => (Some(self.config.rules.caller(&found)), ends(&found)),
            Err(error) if is_unknown(&error) => (None, None),
            Err(error) => {
                count("unanswered");
                return Err(unknown(&error_chain(&error)));
            }
        };
        count(if caller.is_some() { "known" } else { "unknown" });
        let remembered_for =
            ends.map_or(self.config.remembered_for, |left| left.min(self.config.remembered_for));
        self.remember(key, Remembered { caller: caller.clone(), until: Instant::now() + remembered_for });
        caller.ok_or(ApiError::UnknownToken)
    }

    fn recall(&self, key: &[u8; 32]) -> Option<Option<Caller>> {
        let remembered = self.remembered();
        let found = remembered.get(key)?;
        (Instant::now() < found.until).then(|| found.caller.clone())
    }

    fn remember(&self, key: [u8; 32], answer: Remembered) {
        let mut remembered = self.remembered();
        if remembered.len() >= MAX_REMEMBERED {
            let now = Instant::now();
            remembered.retain(|_, answer| now < answer.until);
        }
        if remembered.len() >= MAX_REMEMBERED {
            // The one that ends first: all of them can be asked for again.
            let first = remembered.iter().min_by_key(|(_, answer)| answer.until).map(|(key, _)| *key);
            first.map(|key| remembered.remove(&key));
        }
        remembered.insert(key, answer);
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<[u8; 32], Remembered>> {
        // Each change is one call of the map's, so that a panic elsewhere leaves nothing half done.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(names::TOKEN_CHECKS_TOTAL, "outcome" => outcome).increment(1);
}

fn key(token: &SecretString) -> [u8; 32] {
    let hash = digest(&SHA256, token.expose_secret().as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(hash.as_ref());
    key
}

/// Whether Nomad says that there is no such token; everything else leaves it open whose it is.
fn is_unknown(error: &HashistackError) -> bool {
    error
        .refusal()
        .and_then(NomadFault::of)
        .is_some_and(|fault| matches!(fault, NomadFault::PermissionDenied | NomadFault::TokenNotFound))
        || matches!(error, HashistackError::Token(_))
}

/// How long the token lives, where it has an end.
fn ends(token: &NomadToken) -> Option<Duration> {
    let left = token.expiration_time?.duration_since(Timestamp::now());
    Some(Duration::try_from(left).unwrap_or_default())
}
