//! The last known secrets, kept sealed on disk, so that a start without Vault or AWS has them.
//!
//! Off unless the configuration turns it on. Owns the key, the form of a sealed secret and its file; which secret is kept, and when a kept
//! one is used, is for those who read secrets. Whoever has the files alone has nothing; whoever has the key's file too has the secrets.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use nova_config::SecretCacheConfig;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use super::SECRET_BYTES_MAX;

/// What every file begins with: what it is, and the version of its form.
const MAGIC: &[u8] = b"nova-sealed-secret 1\n";
/// The key of AES-256.
const KEY_BYTES: usize = 32;
/// The largest key file: the key in base64, and a line end.
const KEY_FILE_BYTES_MAX: u64 = 256;
/// The largest file: a secret in base64, its times, and what seals it.
const FILE_BYTES_MAX: u64 = 4 * SECRET_BYTES_MAX as u64;

/// Why a secret is not kept, or a kept one not used.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The key cannot be read.
    #[error("the key of secret_cache cannot be read from {}; check the path and its permissions", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others may read the key.
    #[error("the key of secret_cache in {} has mode {mode:04o}, so that others may read it; run `chmod 400` on it", path.display())]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no key.
    #[error("{} holds no key of {KEY_BYTES} bytes in base64; make one with `openssl rand -base64 {KEY_BYTES}`", path.display())]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the sealed secret in {} cannot be read; check its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("a secret cannot be kept in {}; check that its folder has space and may be written to by this program", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It cannot be opened: changed, sealed by another key, or declared to come from another place.
    #[error("the sealed secret in {} cannot be opened: it was changed, sealed by another key, or is of another place than is declared", path.display())]
    Unopened {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no randomness.
    #[error("a secret cannot be sealed; does the system give random bytes?")]
    Seal,
}

/// A secret that was kept.
#[derive(Debug)]
pub struct KeptSecret {
    /// The secret.
    pub value: SecretSlice<u8>,
    /// When it was read from its own place.
    pub read_at: Timestamp,
    /// When it ends, where it has an end.
    pub ends_at: Option<Timestamp>,
}

/// The cache. Clones share the key.
#[derive(Debug, Clone)]
pub struct SealedSecrets {
    folder: PathBuf,
    max_age: Duration,
    key: Arc<RandomizedNonceKey>,
}

/// What is sealed.
#[derive(Serialize)]
struct Written<'a> {
    value: &'a str,
    read_at_seconds: i64,
    ends_at_seconds: Option<i64>,
}

/// What was sealed.
#[derive(Deserialize)]
struct Content {
    value: SecretString,
    read_at_seconds: i64,
    ends_at_seconds: Option<i64>,
}

impl SealedSecrets {
    /// Reads the key. Blocks on the file system.
    ///
    /// # Errors
    /// When there is no key there, or others may read it.
    pub fn open(config: &SecretCacheConfig) -> Result<Self, SealedError> {
        let key = key(&config.key_file)?;
        Ok(Self { folder: config.folder.clone(), max_age: config.max_age, key: Arc::new(key) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sealed"))
    }

    /// Keeps a secret under this name, in place of the one before. `origin` is where it is declared to come from: a configuration that
    /// declares another place cannot open it. Blocks on the file system.
    ///
    /// # Errors
    /// When it cannot be written; the one before is still there then.
    pub fn keep(&self, name: &str, origin: &str, secret: &KeptSecret) -> Result<(), SealedError> {
        let path = self.path(name);
        let value = Zeroizing::new(STANDARD.encode(secret.value.expose_secret()));
        let content = Written {
            value: &value,
            read_at_seconds: secret.read_at.as_second(),
            ends_at_seconds: secret.ends_at.map(Timestamp::as_second),
        };
        // With room for all from the start, the vector never moves and leaves no copy behind.
        let mut sealed = Vec::with_capacity(value.len() + 512);
        serde_json::to_writer(&mut sealed, &content).map_err(|_io| SealedError::Seal)?;
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(bound(name, origin)), &mut sealed)
            .map_err(|_unspecified| SealedError::Seal)?;
        let file = [MAGIC, nonce.as_ref().as_slice(), &sealed].concat();
        replace(&self.folder, &path, &file).map_err(|source| SealedError::Write { path, source })
    }

    /// The secret under this name that comes from `origin`; nothing where there is none, or it is too old or has ended at `now`. Blocks on
    /// the file system.
    ///
    /// # Errors
    /// When there is one that cannot be read or opened.
    pub fn find(&self, name: &str, origin: &str, now: Timestamp) -> Result<Option<KeptSecret>, SealedError> {
        let path = self.path(name);
        let file = match read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SealedError::Read { path, source }),
        };
        let kept = self.opened(name, origin, &file).ok_or(SealedError::Unopened { path })?;
        let age = Duration::try_from(now.duration_since(kept.read_at));
        // One of the future is as old as can be: the clock it was kept by, or this one, is wrong.
        let is_fresh = age.is_ok_and(|age| age <= self.max_age);
        Ok(Some(kept).filter(|kept| is_fresh && kept.ends_at.is_none_or(|ends_at| ends_at > now)))
    }

    /// As [`Self::keep`], away from the tasks that serve.
    pub async fn keep_soon(&self, name: &str, origin: &str, secret: KeptSecret) -> Result<(), SealedError> {
        let (cache, owned, origin) = (self.clone(), name.to_owned(), origin.to_owned());
        let kept = tokio::task::spawn_blocking(move || cache.keep(&owned, &origin, &secret)).await;
        kept.unwrap_or_else(|panicked| Err(self.panicked(name, panicked)))
    }

    /// As [`Self::find`] for this moment, away from the tasks that serve.
    pub async fn find_soon(&self, name: &str, origin: &str) -> Result<Option<KeptSecret>, SealedError> {
        let (cache, owned, origin) = (self.clone(), name.to_owned(), origin.to_owned());
        let found = tokio::task::spawn_blocking(move || cache.find(&owned, &origin, Timestamp::now())).await;
        found.unwrap_or_else(|panicked| Err(self.panicked(name, panicked)))
    }

    fn panicked(&self, name: &str, panicked: tokio::task::JoinError) -> SealedError {
        SealedError::Read { path: self.path(name), source: io::Error::other(panicked) }
    }

    fn opened(&self, name: &str, origin: &str, file: &[u8]) -> Option<KeptSecret> {
        let (nonce, sealed) = file.strip_prefix(MAGIC)?.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let content = self.key.open_in_place(nonce, Aad::from(bound(name, origin)), &mut sealed).ok()?;
        let Content { value, read_at_seconds, ends_at_seconds } = serde_json::from_slice(content).ok()?;
        let value = SecretSlice::from(STANDARD.decode(value.expose_secret()).ok()?);
        let read_at = Timestamp::from_second(read_at_seconds).ok()?;
        let ends_at = ends_at_seconds.map(Timestamp::from_second).transpose().ok()?;
        Some(KeptSecret { value, read_at, ends_at })
    }
}

/// What a sealed secret is good for, and for nothing else. Neither part has the byte that parts them.
fn bound(name: &str, origin: &str) -> Vec<u8> {
    [MAGIC, name.as_bytes(), b"\0", origin.as_bytes()].concat()
}

fn key(path: &Path) -> Result<RandomizedNonceKey, SealedError> {
    let fault = |source| SealedError::KeyFile { path: path.to_owned(), source };
    let file = File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SealedError::KeyMode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(512));
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(fault)?;
    let no_key = || SealedError::Key { path: path.to_owned() };
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_content| no_key())?);
    RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_length| no_key())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces the file in one step and for good: after this, a loss of power leaves the old or the new.
fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // The name is fixed, so that a process that is killed again and again leaves one file and not many.
    let unfinished = path.with_extension("unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // On a full disk the half of a file must not stay in the way; why it was not finished is told.
        drop(fs::remove_file(&unfinished));
    }
    written?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
