//! The credentials in use, renewed before they expire and loaded by one task at a time.
//!
//! Make before break: new ones are loaded while the old ones still serve, and when that fails the old ones go on to their expiry.
//! No request waits for a renewal; only the first request, and requests after an expiry that no renewal prevented, wait for a load.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use aws_credential_types::Credentials;
use secrecy::SecretString;
use slog::{Logger, info, warn};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{CredentialError, CredentialSource, chain};
use crate::upstream::clock::WallClock;
use crate::upstream::retry::draw;
use crate::upstream::sign::Signer;

/// The longest sleep of the renewal: a wall clock that jumps is noticed within it.
const MAX_NAP: Duration = Duration::from_mins(1);

/// The shortest time between two renewals. A metadata service gives the same credentials until shortly before their expiry.
const MIN_RENEWAL_INTERVAL: Duration = Duration::from_secs(10);

/// The longest wait after failed renewals.
const MAX_RENEWAL_BACKOFF: Duration = Duration::from_mins(1);

/// The limits of the cache.
#[derive(Debug, Clone)]
pub struct CredentialCacheConfig {
    /// Limit for one load.
    pub load_timeout: Duration,
    /// Credentials with less than this left are replaced before they are used, if others can be had.
    pub expiry_margin: Duration,
    /// After a load, refused credentials are not loaded anew within this time: they would be the same.
    pub min_reload_interval: Duration,
}

impl Default for CredentialCacheConfig {
    fn default() -> Self {
        Self {
            load_timeout: Duration::from_secs(10),
            expiry_margin: Duration::from_secs(10),
            min_reload_interval: Duration::from_secs(5),
        }
    }
}

/// Credentials as the signature needs them.
#[derive(Debug)]
pub struct SigningCredentials {
    signer: Signer,
    expires_at: Option<SystemTime>,
    generation: u64,
    renew_at: Option<SystemTime>,
}

impl SigningCredentials {
    /// What requests are signed with.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// When they expire, if ever.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    fn is_valid_at(&self, time: SystemTime) -> bool {
        self.expires_at().is_none_or(|expiry| expiry > time)
    }
}

/// What is known of the credentials in use, for operators.
#[derive(Debug, Clone, Default)]
pub struct CredentialStanding {
    /// When they were loaded, and when they end, if ever.
    pub loaded: Option<(SystemTime, Option<SystemTime>)>,
    /// Why the last load failed, if it did.
    pub fault: Option<Arc<CredentialError>>,
}

/// What only the one loading task touches.
#[derive(Default)]
struct LoadState {
    last_load: Option<Instant>,
    last_failure: Option<Arc<CredentialError>>,
}

/// The cache. Shared by all requests; [`keep_fresh`](Self::keep_fresh) runs beside them as a task of its own.
pub struct CachedCredentials {
    source: Arc<dyn CredentialSource>,
    config: CredentialCacheConfig,
    now: WallClock,
    log: Logger,
    bearer_key: Option<SecretString>,
    current: ArcSwapOption<SigningCredentials>,
    loading: Mutex<LoadState>,
    /// Counts failed loads, so that whoever waited for one shares its result instead of failing for as long again.
    failures: AtomicU64,
    generation: watch::Sender<u64>,
    standing: watch::Sender<CredentialStanding>,
}

impl fmt::Debug for CachedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedCredentials").field("source", &self.source).finish_non_exhaustive()
    }
}

impl CachedCredentials {
    /// An empty cache: nothing is loaded before the first [`get`](Self::get).
    pub fn new(
        source: Arc<dyn CredentialSource>,
        config: CredentialCacheConfig,
        now: WallClock,
        log: Logger,
    ) -> Self {
        Self {
            source,
            config,
            now,
            log,
            bearer_key: None,
            current: ArcSwapOption::empty(),
            loading: Mutex::default(),
            failures: AtomicU64::new(0),
            generation: watch::Sender::new(0),
            standing: watch::Sender::default(),
        }
    }

    /// With a Bedrock API key, which calls carry in place of a signature: no credentials are loaded then.
    #[must_use]
    pub fn with_bearer_key(mut self, key: Option<SecretString>) -> Self {
        self.bearer_key = key;
        self
    }

    /// The Bedrock API key, if there is one.
    pub fn bearer_key(&self) -> Option<&SecretString> {
        self.bearer_key.as_ref()
    }

    /// What is known of the credentials in use, now and after each load.
    pub fn standing(&self) -> watch::Receiver<CredentialStanding> {
        self.standing.subscribe()
    }

    /// The credentials to sign with now.
    ///
    /// # Errors
    /// There are none, or only expired ones, and the source gives no others.
    pub async fn get(&self) -> Result<Arc<SigningCredentials>, Arc<CredentialError>> {
        let usable = |held: &SigningCredentials| held.is_valid_at((self.now)() + self.config.expiry_margin);
        if let Some(held) = self.current.load_full().filter(|held| usable(held)) {
            return Ok(held);
        }
        let failures_before = self.failures.load(Ordering::Acquire);
        let mut state = self.loading.lock().await;
        if let Some(held) = self.current.load_full().filter(|held| usable(held)) {
            return Ok(held);
        }
        let failure = match &state.last_failure {
            Some(shared) if self.failures.load(Ordering::Acquire) > failures_before => shared.clone(),
            _ => match self.load(&mut state).await {
                Ok(loaded) => return Ok(loaded),
                Err(failure) => failure,
            },
        };
        self.current.load_full().filter(|held| held.is_valid_at((self.now)())).ok_or(failure)
    }

    /// Other credentials than these, which AWS refused; `None` when the source has no others.
    ///
    /// # Errors
    /// The source failed. The refused credentials stay in use: the refusal may have been of something else.
    pub async fn replace(
        &self,
        refused: &SigningCredentials,
    ) -> Result<Option<Arc<SigningCredentials>>, Arc<CredentialError>> {
        let failures_before = self.failures.load(Ordering::Acquire);
        let mut state = self.loading.lock().await;
        if let Some(held) = self.current.load_full()
            && held.generation != refused.generation
        {
            return Ok(Some(held).filter(|held| !same_keys(held, refused)));
        }
        if let Some(shared) = &state.last_failure
            && self.failures.load(Ordering::Acquire) > failures_before
        {
            return Err(shared.clone());
        }
        if state.last_load.is_some_and(|at| at.elapsed() < self.config.min_reload_interval) {
            return Ok(None);
        }
        let loaded = self.load(&mut state).await?;
        Ok(Some(loaded).filter(|loaded| !same_keys(loaded, refused)))
    }

    /// Renews the credentials before they expire, for ever. The composition root runs it as a supervised task and drops it to stop.
    ///
    /// Waits until the first request has loaded some; failures are logged and tried again with growing delays.
    pub async fn keep_fresh(&self) {
        let mut generations = self.generation.subscribe();
        let mut failed = 0_u32;
        let mut not_before: Option<Instant> = None;
        loop {
            generations.borrow_and_update();
            let nap = self.time_to_renewal(not_before);
            if nap == Some(Duration::ZERO) {
                match self.renew().await {
                    Ok(()) => (failed, not_before) = (0, None),
                    Err(error) => {
                        let delay = renewal_backoff(failed);
                        (failed, not_before) = (failed.saturating_add(1), Some(Instant::now() + delay));
                        self.report_failed_renewal(&error, delay);
                    }
                }
                continue;
            }
            tokio::select! {
                _ = generations.changed() => (failed, not_before) = (0, None),
                () = nap_for(nap) => {}
            }
        }
    }

    /// How long until the renewal is due; `None` when there is nothing to renew.
    fn time_to_renewal(&self, not_before: Option<Instant>) -> Option<Duration> {
        let due = self.current.load().as_ref()?.renew_at?;
        let by_clock = due.duration_since((self.now)()).unwrap_or_default();
        let by_backoff = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        Some(by_clock.max(by_backoff))
    }

    async fn renew(&self) -> Result<(), Arc<CredentialError>> {
        let mut state = self.loading.lock().await;
        // While this waited for the lock, a request may have loaded new ones.
        if self.time_to_renewal(None) == Some(Duration::ZERO) {
            self.load(&mut state).await?;
        }
        Ok(())
    }

    async fn load(&self, state: &mut LoadState) -> Result<Arc<SigningCredentials>, Arc<CredentialError>> {
        let tried = || self.source.describe();
        let limit = self.config.load_timeout;
        let result = match timeout(limit, self.source.load()).await {
            Ok(Ok(credentials)) => match credentials.expiry() {
                Some(at) if at <= (self.now)() => Err(CredentialError::Expired { tried: tried(), at }),
                _ => Ok(credentials),
            },
            Ok(Err(source)) => Err(CredentialError::Failed { tried: tried(), source }),
            Err(_elapsed) => Err(CredentialError::TimedOut { tried: tried(), limit }),
        };
        state.last_load = Some(Instant::now());
        match result {
            Ok(credentials) => {
                state.last_failure = None;
                Ok(self.store(credentials))
            }
            Err(error) => {
                let error = Arc::new(error);
                state.last_failure = Some(error.clone());
                self.standing.send_modify(|standing| standing.fault = Some(error.clone()));
                self.failures.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    fn store(&self, credentials: Credentials) -> Arc<SigningCredentials> {
        let now = (self.now)();
        let generation = *self.generation.borrow() + 1;
        // Somewhere between half and three quarters of the remaining life, so that a fleet does not renew at one instant.
        let renew_at = credentials.expiry().map(|expiry| {
            let life = expiry.duration_since(now).unwrap_or_default();
            now + life.mul_f64(0.5 + 0.25 * draw()).max(MIN_RENEWAL_INTERVAL)
        });
        let loaded = Arc::new(SigningCredentials {
            signer: Signer::new(&credentials),
            expires_at: credentials.expiry(),
            generation,
            renew_at,
        });
        info!(self.log, "aws credentials loaded"; "generation" => generation, "life_s" => self.life_s(&loaded));
        self.current.store(Some(loaded.clone()));
        self.generation.send_replace(generation);
        let standing = CredentialStanding { loaded: Some((now, credentials.expiry())), fault: None };
        self.standing.send_replace(standing);
        loaded
    }

    fn report_failed_renewal(&self, error: &CredentialError, delay: Duration) {
        let life_s = self.current.load().as_ref().and_then(|held| self.life_s(held));
        warn!(
            self.log, "aws credentials not renewed; the present ones stay in use until they expire";
            "error" => chain(error), "retry_in_s" => delay.as_secs(), "life_s" => life_s
        );
    }

    fn life_s(&self, held: &SigningCredentials) -> Option<u64> {
        Some(held.expires_at()?.duration_since((self.now)()).unwrap_or_default().as_secs())
    }
}

fn same_keys(one: &SigningCredentials, other: &SigningCredentials) -> bool {
    one.signer.has_keys_of(&other.signer)
}

/// 5 s, doubling, with jitter down to half.
fn renewal_backoff(failed: u32) -> Duration {
    let bound = Duration::from_secs(5).saturating_mul(1 << failed.min(10)).min(MAX_RENEWAL_BACKOFF);
    bound.mul_f64(0.5 + 0.5 * draw())
}

async fn nap_for(due_in: Option<Duration>) {
    match due_in {
        Some(due_in) => sleep(due_in.min(MAX_NAP)).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
