//! Credentials that outlive a restart: the last known ones, sealed on disk, for a start while their source gives none.
//!
//! Only those with an end are kept, and only the first load of a process uses them: later ones have the present credentials to go on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use super::CredentialSource;
use crate::secrets::SecretCache;
use crate::secrets::sealed::KeptSecret;

/// A source with the cache behind it.
#[derive(Debug)]
pub struct KeptCredentials {
    source: Arc<dyn CredentialSource>,
    cache: SecretCache,
    has_given: AtomicBool,
}

#[derive(Serialize)]
struct Written<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: Option<&'a str>,
}

#[derive(Deserialize)]
struct Read {
    access_key_id: String,
    secret_access_key: SecretString,
    session_token: Option<SecretString>,
}

impl KeptCredentials {
    /// Keeps what `source` gives in `cache`.
    #[must_use]
    pub fn new(source: Arc<dyn CredentialSource>, cache: SecretCache) -> Self {
        Self { source, cache, has_given: AtomicBool::new(false) }
    }

    async fn any(&self) -> Result<Credentials, CredentialsError> {
        let error = match self.source.load().await {
            Ok(credentials) => {
                self.has_given.store(true, Ordering::Relaxed);
                self.keep(&credentials).await;
                return Ok(credentials);
            }
            Err(error) => error,
        };
        if self.has_given.swap(true, Ordering::Relaxed) {
            return Err(error);
        }
        match self.kept().await {
            Some(credentials) => Ok(credentials),
            None => {
                self.has_given.store(false, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    async fn keep(&self, credentials: &Credentials) {
        let Some(ends_at) = credentials.expiry().and_then(|at| Timestamp::try_from(at).ok()) else { return };
        let written = Written {
            access_key_id: credentials.access_key_id(),
            secret_access_key: credentials.secret_access_key(),
            session_token: credentials.session_token(),
        };
        // Texts alone are always JSON.
        let Ok(json) = serde_json::to_vec(&written).map(Zeroizing::new) else { return };
        let value = SecretSlice::from(json.to_vec());
        self.cache.keep(KeptSecret { value, read_at: Timestamp::now(), ends_at: Some(ends_at) }).await;
    }

    async fn kept(&self) -> Option<Credentials> {
        let KeptSecret { value, ends_at, .. } = self.cache.find().await?;
        let Ok(read) = serde_json::from_slice::<Read>(value.expose_secret()) else {
            self.cache.is_unusable("it holds no credentials");
            return None;
        };
        Some(Credentials::new(
            read.access_key_id,
            read.secret_access_key.expose_secret(),
            read.session_token.map(|token| token.expose_secret().to_owned()),
            ends_at.and_then(system_time),
            "sealed",
        ))
    }
}

fn system_time(at: Timestamp) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(at.as_second()).ok()?))
}

impl CredentialSource for KeptCredentials {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        Box::pin(self.any())
    }

    fn describe(&self) -> String {
        self.source.describe()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::sync::Mutex;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use nova_config::SecretCacheConfig;
    use slog::{Discard, Logger, o};

    use super::*;
    use crate::secrets::sealed::SealedSecrets;

    /// Gives each of these in turn, and nothing after them.
    #[derive(Debug)]
    struct Turns(Mutex<Vec<Option<Credentials>>>);

    impl CredentialSource for Turns {
        fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
            let next = self.0.lock().unwrap().pop().flatten();
            Box::pin(std::future::ready(next.ok_or_else(|| CredentialsError::not_loaded("Vault is sealed"))))
        }

        fn describe(&self) -> String {
            "turns".to_owned()
        }
    }

    fn lasting(seconds: Option<u64>) -> Credentials {
        let ends_at = seconds.map(|seconds| SystemTime::now() + Duration::from_secs(seconds));
        Credentials::new("ASIA1", "secret", Some("token".to_owned()), ends_at, "test")
    }

    /// A process whose source gives these, the first one first.
    fn process(folder: &Path, mut turns: Vec<Option<Credentials>>) -> KeptCredentials {
        let key_file = folder.join("key");
        if !key_file.exists() {
            std::fs::write(&key_file, STANDARD.encode([7; 32])).unwrap();
            std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o400)).unwrap();
        }
        let max_age = Duration::from_secs(3600);
        let config = SecretCacheConfig { folder: folder.join("sealed"), key_file, max_age };
        let sealed = SealedSecrets::open(&config).unwrap();
        let log = Logger::root(Discard, o!());
        let cache = SecretCache::new(Some(sealed), "aws_credentials", "vault".to_owned(), log);
        turns.reverse();
        KeptCredentials::new(Arc::new(Turns(Mutex::new(turns))), cache)
    }

    #[tokio::test]
    async fn the_first_load_of_a_process_has_those_of_the_last_one_and_later_loads_have_not() {
        let folder = tempfile::tempdir().unwrap();
        process(folder.path(), vec![Some(lasting(Some(900)))]).load().await.unwrap();
        let next = process(folder.path(), vec![None, None, Some(lasting(Some(900))), None]);
        let kept = next.load().await.unwrap();
        assert_eq!((kept.access_key_id(), kept.secret_access_key()), ("ASIA1", "secret"));
        assert_eq!(kept.session_token(), Some("token"));
        let left = kept.expiry().unwrap().duration_since(SystemTime::now()).unwrap();
        assert!(left <= Duration::from_secs(900), "{left:?}");
        next.load().await.unwrap_err();
        next.load().await.unwrap();
        next.load().await.unwrap_err();
    }

    #[tokio::test]
    async fn those_without_an_end_are_not_kept_and_those_that_have_ended_not_used() {
        for credentials in [lasting(None), lasting(Some(0))] {
            let folder = tempfile::tempdir().unwrap();
            process(folder.path(), vec![Some(credentials)]).load().await.unwrap();
            let error = process(folder.path(), vec![None]).load().await.unwrap_err();
            assert!(matches!(error, CredentialsError::CredentialsNotLoaded(_)), "{error}");
        }
    }
}
