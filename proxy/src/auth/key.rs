//! API keys: made, listed and turned off.
//!
//! Every change reads the file, checks it whole and replaces it in one step, so that a proxy that reads at the
//! same time sees the old file or the new one. A lock beside the file keeps writers apart. All functions
//! block.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

use super::keys_file::{self, KeysFileError, RawKey, RawKeysFile, VERSION};
use super::pepper::Pepper;
use super::principal::{ModelPatterns, ModelPatternsError};

/// What every key begins with, so that people and secret scanners know one when they see it.
pub const KEY_PREFIX: &str = "sk-nova-";

/// A key that is asked for.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// For people to read; 1 to 128 characters.
    pub name: String,
    /// The team that pays.
    pub team: Option<String>,
    /// The models it may use; `None` for all.
    pub models: Option<Vec<String>>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made. This is the only moment at which the key itself exists here.
#[derive(Debug)]
pub struct NewKey {
    /// The key, to be handed to its user.
    pub key: SecretString,
    /// What the file says about it.
    pub listing: KeyListing,
}

/// What may be told about a key: all of its record but the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyListing {
    /// Its id, by which it is disabled.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The team that pays.
    pub team: Option<String>,
    /// The models it may use; `None` for all.
    pub models: Option<Vec<String>>,
    /// When it stops working, in RFC 3339.
    pub expires_at: Option<String>,
    /// Whether it was turned off.
    pub disabled: bool,
    /// When it was made, in RFC 3339.
    pub created_at: Option<String>,
}

/// Why keys cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// The file as it is cannot be taken; nothing was changed.
    #[error("the keys file was left as it is, because it cannot be taken")]
    File(#[from] KeysFileError),
    /// The request cannot be meant.
    #[error("the {field} of the new key {problem}")]
    Request {
        /// Which part.
        field: &'static str,
        /// What is wrong and what to give.
        problem: String,
    },
    /// No key has this id.
    #[error("no key has the id `{id}`; list the keys to see which there are")]
    UnknownId {
        /// The id asked for.
        id: String,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers, so no safe key can be made; try again")]
    Random,
    /// The file cannot be written.
    #[error("cannot write the keys file {}; check space and permissions of its directory", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl From<ModelPatternsError> for KeyChangeError {
    fn from(error: ModelPatternsError) -> Self {
        Self::Request { field: "list of models", problem: error.to_string() }
    }
}

/// Makes a key: the prefix and 32 random bytes in base64url, 51 characters.
///
/// # Errors
///
/// [`KeyChangeError::Random`].
pub fn generate_key() -> Result<SecretString, KeyChangeError> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| KeyChangeError::Random)?;
    // With room for all from the start, the text never moves and leaves no copy behind.
    let mut key = String::with_capacity(KEY_PREFIX.len() + 43);
    key.push_str(KEY_PREFIX);
    URL_SAFE_NO_PAD.encode_string(bytes, &mut key);
    bytes.zeroize();
    Ok(SecretString::from(key))
}

/// Makes a key, appends its record to the file and returns it. A missing file is created.
///
/// # Errors
///
/// What [`KeyChangeError`] lists; the file then is as it was.
pub fn add_key(
    path: &Path,
    pepper: &Pepper,
    request: KeyRequest,
    now: Timestamp,
) -> Result<NewKey, KeyChangeError> {
    check_request(&request, now)?;
    let key = generate_key()?;
    let mut id = [0_u8; 12];
    rand::fill(&mut id).map_err(|_| KeyChangeError::Random)?;
    let record = RawKey {
        id: format!("key_{}", hex::encode(id)),
        name: request.name,
        team: request.team,
        hmac_sha256: hex::encode(pepper.digest(key.expose_secret())),
        models: request.models,
        expires_at: request.expires_at.map(|at| at.to_string()),
        disabled: false,
        created_at: Some(now.to_string()),
    };
    let listing = KeyListing::from(&record);
    change(path, |file| {
        file.keys.push(record);
        Ok(())
    })?;
    Ok(NewKey { key, listing })
}

/// Lists all keys in the order of the file.
///
/// # Errors
///
/// [`KeyChangeError::File`].
pub fn list_keys(path: &Path) -> Result<Vec<KeyListing>, KeyChangeError> {
    Ok(keys_file::load_raw(path)?.keys.iter().map(KeyListing::from).collect())
}

/// Turns a key off for good. The record stays, so that its usage keeps a name. A second time changes nothing.
///
/// # Errors
///
/// [`KeyChangeError::UnknownId`], and what else [`KeyChangeError`] lists; the file then is as it was.
pub fn disable_key(path: &Path, id: &str) -> Result<KeyListing, KeyChangeError> {
    change(path, |file| {
        let key = file
            .keys
            .iter_mut()
            .find(|key| key.id == id)
            .ok_or_else(|| KeyChangeError::UnknownId { id: id.to_owned() })?;
        key.disabled = true;
        Ok(KeyListing::from(&*key))
    })
}

fn check_request(request: &KeyRequest, now: Timestamp) -> Result<(), KeyChangeError> {
    for (field, text) in [("name", Some(&request.name)), ("team", request.team.as_ref())] {
        if let Some(problem) = text.and_then(|text| keys_file::label_problem(text)) {
            return Err(KeyChangeError::Request { field, problem });
        }
    }
    if request.expires_at.is_some_and(|at| at <= now) {
        let problem = "is in the past; give a later one".to_owned();
        return Err(KeyChangeError::Request { field: "expiry date", problem });
    }
    if let Some(models) = &request.models {
        ModelPatterns::new(models.clone())?;
    }
    Ok(())
}

/// Reads, changes and replaces the file while no other writer does.
fn change<T>(
    path: &Path,
    edit: impl FnOnce(&mut RawKeysFile) -> Result<T, KeyChangeError>,
) -> Result<T, KeyChangeError> {
    let cannot_write = |source| KeyChangeError::Write { path: path.to_owned(), source };
    // A link stays a link: what it points to is replaced.
    let target = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        resolved => resolved.map_err(cannot_write)?,
    };
    // Released when dropped, and by the system if this process dies.
    let _lock = lock(&target).map_err(cannot_write)?;
    let mut file = match keys_file::load_raw(&target) {
        Err(KeysFileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            RawKeysFile { version: VERSION, keys: Vec::new() }
        }
        loaded => loaded?,
    };
    let result = edit(&mut file)?;
    replace(&target, &file).map_err(cannot_write)?;
    Ok(result)
}

/// Waits for the lock beside the file. The file itself cannot be the lock, since each change replaces it.
fn lock(path: &Path) -> io::Result<File> {
    let mut name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
    name.push(".lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path.with_file_name(name))?;
    lock.lock()?;
    Ok(lock)
}

/// Puts the new content in place of the old in one step that survives a crash.
fn replace(path: &Path, file: &RawKeysFile) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Created with mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    // The proxy must still be able to read a file that another user, such as root, has changed.
    match fs::metadata(path) {
        Ok(old) => {
            let ours = new.as_file().metadata()?;
            if (old.uid(), old.gid()) != (ours.uid(), ours.gid()) {
                fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    serde_json::to_writer_pretty(&mut new, file)?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

impl From<&RawKey> for KeyListing {
    fn from(key: &RawKey) -> Self {
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            team: key.team.clone(),
            models: key.models.clone(),
            expires_at: key.expires_at.clone(),
            disabled: key.disabled,
            created_at: key.created_at.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
