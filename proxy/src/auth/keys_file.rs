//! The file of API keys: its format, its checks, and the snapshot that requests look into.
//!
//! The file holds no key, only each key's HMAC. `key.rs` writes it.

mod raw;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::AuthError;
use super::pepper::{KeyDigest, Pepper};
use super::principal::{ModelPatterns, Principal, Source};
pub(super) use raw::{RawKey, RawKeysFile, VERSION};

/// About 50,000 keys. Beyond that a file is the wrong place for them.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// How many faults a message lists. The rest show after these are mended.
const MAX_SHOWN_FAULTS: usize = 20;

/// Why a keys file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// The file cannot be read.
    #[error("cannot read the keys file {}; it must exist and be readable by this program", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is too large.
    #[error("the keys file {} is larger than {} MiB; take out keys that are no longer used", path.display(), MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not JSON of the right shape.
    #[error("the keys file {} does not have the right form at `{at}`: {fault}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The JSON path of the fault.
        at: String,
        /// What is wrong, with line and column, and without the values of the file.
        fault: String,
    },
    /// The form is right, but not what it says.
    #[error("the keys file {} is refused: {faults}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// All that is wrong.
        faults: KeyFaults,
    },
}

/// One thing that is wrong in a keys file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    /// The JSON path, for example `keys[3].hmac_sha256`.
    pub at: String,
    /// What is wrong and what to write.
    pub problem: String,
}

/// All that is wrong in a keys file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFaults(pub Vec<KeyFault>);

impl fmt::Display for KeyFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, KeyFault { at, problem }) in self.0.iter().take(MAX_SHOWN_FAULTS).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{at}` {problem}")?;
        }
        match self.0.len().saturating_sub(MAX_SHOWN_FAULTS) {
            0 => Ok(()),
            more => write!(f, "; and {more} more faults"),
        }
    }
}

/// What one file says about one key.
#[derive(Debug)]
struct KeyRecord {
    principal: Arc<Principal>,
    expires_at: Option<Timestamp>,
    disabled: bool,
}

/// The keys of one file, checked.
///
/// The look-up compares digests, not keys: nobody without the pepper can choose a digest, so that the time of a
/// comparison tells nothing.
#[derive(Debug)]
struct KeySet(HashMap<KeyDigest, KeyRecord>);

/// API keys from a file. Requests look into an immutable snapshot, which [`KeysFile::reload`] replaces whole.
pub struct KeysFile {
    path: PathBuf,
    /// Nothing until somebody has read it; another one takes a restart, since no key fits two.
    pepper: OnceLock<Pepper>,
    snapshot: ArcSwap<KeySet>,
}

impl fmt::Debug for KeysFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeysFile").field("path", &self.path).field("keys", &self.key_count()).finish()
    }
}

impl KeysFile {
    /// Reads and checks the file. Blocks.
    ///
    /// # Errors
    ///
    /// What [`KeysFileError`] lists; all faults of the content at once.
    pub fn load(path: PathBuf, pepper: Pepper) -> Result<Self, KeysFileError> {
        Ok(Self { pepper: OnceLock::from(pepper), ..Self::without_pepper(path)? })
    }

    /// As [`KeysFile::load`], for a pepper that is still to be read: until [`KeysFile::give_pepper`] no key can be checked.
    ///
    /// # Errors
    ///
    /// As [`KeysFile::load`].
    pub fn without_pepper(path: PathBuf) -> Result<Self, KeysFileError> {
        let snapshot = ArcSwap::from_pointee(load_keys(&path)?);
        Ok(Self { path, pepper: OnceLock::new(), snapshot })
    }

    /// Takes the pepper. The first one stays.
    pub fn give_pepper(&self, pepper: Pepper) {
        self.pepper.get_or_init(|| pepper);
    }

    /// Reads the file anew and replaces the snapshot. Blocks. Returns the number of keys.
    ///
    /// # Errors
    ///
    /// As [`KeysFile::load`]; the snapshot then stays as it was.
    pub fn reload(&self) -> Result<usize, KeysFileError> {
        let keys = load_keys(&self.path)?;
        let count = keys.0.len();
        self.snapshot.store(Arc::new(keys));
        Ok(count)
    }

    /// How many keys the snapshot has, usable or not.
    pub fn key_count(&self) -> usize {
        self.snapshot.load().0.len()
    }

    /// Judges the content of a keys file that is not on disk. Returns the number of keys.
    ///
    /// # Errors
    ///
    /// As [`KeysFile::load`], under the name `-`.
    pub fn check(content: &[u8]) -> Result<usize, KeysFileError> {
        let path = Path::new("-");
        let keys = check_keys(parse_raw(path, content)?);
        let keys = keys.map_err(|faults| KeysFileError::Refused { path: path.to_owned(), faults })?;
        Ok(keys.0.len())
    }

    /// The principal of a key, as of `now`. A key expires at its moment, not after it.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotYet`], [`AuthError::Unknown`], [`AuthError::Disabled`] or [`AuthError::Expired`].
    pub fn find(&self, key: &str, now: Timestamp) -> Result<Arc<Principal>, AuthError> {
        let pepper = self.pepper.get().ok_or(AuthError::NotYet)?;
        let snapshot = self.snapshot.load();
        let record = snapshot.0.get(&pepper.digest(key)).ok_or(AuthError::Unknown)?;
        if record.disabled {
            return Err(AuthError::Disabled);
        }
        if record.expires_at.is_some_and(|at| at <= now) {
            return Err(AuthError::Expired);
        }
        Ok(Arc::clone(&record.principal))
    }
}

fn load_keys(path: &Path) -> Result<KeySet, KeysFileError> {
    check_keys(read_raw(path)?).map_err(|faults| KeysFileError::Refused { path: path.to_owned(), faults })
}

/// Reads a file into its form, without judging what it says.
fn read_raw(path: &Path) -> Result<RawKeysFile, KeysFileError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| KeysFileError::Read { path: path.to_owned(), source })?;
    parse_raw(path, &bytes)
}

fn parse_raw(path: &Path, bytes: &[u8]) -> Result<RawKeysFile, KeysFileError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(KeysFileError::TooLarge { path: path.to_owned() });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let raw = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let at = error.path().to_string();
        KeysFileError::Form { path: path.to_owned(), at, fault: form_fault(&error.into_inner()) }
    })?;
    reader.end().map_err(|error| KeysFileError::Form {
        path: path.to_owned(),
        at: ".".to_owned(),
        fault: form_fault(&error),
    })?;
    Ok(raw)
}

/// serde_json's message without the value it found: who puts a key in the wrong place must not find it in a log.
fn form_fault(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => {
            format!("invalid type or value, expected {expected}")
        }
        _ => message,
    }
}

/// Reads a file and checks it whole, for those who change it.
pub(super) fn load_raw(path: &Path) -> Result<RawKeysFile, KeysFileError> {
    let raw = read_raw(path)?;
    check_keys(raw.clone()).map_err(|faults| KeysFileError::Refused { path: path.to_owned(), faults })?;
    Ok(raw)
}

/// Judges all of a file and finds every fault.
fn check_keys(raw: RawKeysFile) -> Result<KeySet, KeyFaults> {
    let mut faults = Vec::new();
    if raw.version != VERSION {
        let problem = format!("is {}, but this program reads version {VERSION}; write that", raw.version);
        faults.push(KeyFault { at: "version".to_owned(), problem });
    }
    let mut keys = HashMap::with_capacity(raw.keys.len());
    let mut digest_owners: HashMap<KeyDigest, usize> = HashMap::new();
    let mut id_owners: HashMap<String, usize> = HashMap::new();
    for (index, raw) in raw.keys.into_iter().enumerate() {
        let mut fault = |field: &str, problem: String| {
            faults.push(KeyFault { at: format!("keys[{index}].{field}"), problem });
        };
        if let Some(first) = id_owners.insert(raw.id.clone(), index) {
            fault("id", format!("is also that of keys[{first}]; give each key an id of its own"));
        }
        let Some((digest, record)) = check_key(raw, &mut fault) else { continue };
        if let Some(first) = digest_owners.insert(digest, index) {
            fault(
                "hmac_sha256",
                format!("is also that of keys[{first}]; one key cannot be two callers: take one out"),
            );
        }
        keys.insert(digest, record);
    }
    if faults.is_empty() { Ok(KeySet(keys)) } else { Err(KeyFaults(faults)) }
}

/// Judges one key and reports its faults; gives a record only where there are none.
fn check_key(raw: RawKey, fault: &mut impl FnMut(&str, String)) -> Option<(KeyDigest, KeyRecord)> {
    let mut whole = true;
    let mut report = |field: &str, problem: String| {
        whole = false;
        fault(field, problem);
    };
    for (field, text) in [("id", Some(&raw.id)), ("name", Some(&raw.name)), ("team", raw.team.as_ref())] {
        if let Some(problem) = text.and_then(|text| label_problem(text)) {
            report(field, problem);
        }
    }
    let mut digest = KeyDigest::default();
    if hex::decode_to_slice(&raw.hmac_sha256, &mut digest).is_err() {
        report(
            "hmac_sha256",
            "is not 64 hexadecimal digits; write the HMAC-SHA-256 of the key under the pepper".to_owned(),
        );
    }
    let allowed_models = match raw.models.map(ModelPatterns::new) {
        None => Some(ModelPatterns::all()),
        Some(Ok(patterns)) => Some(patterns),
        Some(Err(error)) => {
            report("models", error.to_string());
            None
        }
    };
    let mut date = |field: &str, text: Option<&String>| match text.map(|text| text.parse::<Timestamp>()) {
        Some(Ok(at)) => Some(at),
        Some(Err(_)) => {
            let problem = "is not a date of RFC 3339; write for example \"2027-01-31T00:00:00Z\"";
            report(field, problem.to_owned());
            None
        }
        None => None,
    };
    let expires_at = date("expires_at", raw.expires_at.as_ref());
    date("created_at", raw.created_at.as_ref());
    let principal = Principal {
        id: raw.id,
        name: raw.name,
        team: raw.team,
        source: Source::ApiKey,
        allowed_models: allowed_models?,
    };
    whole.then(|| (digest, KeyRecord { principal: Arc::new(principal), expires_at, disabled: raw.disabled }))
}

/// What is wrong with a text that goes into logs, metrics and records.
pub(super) fn label_problem(text: &str) -> Option<String> {
    const MAX_CHARS: usize = 128;
    let count = text.chars().count();
    if (1..=MAX_CHARS).contains(&count) && !text.chars().any(char::is_control) {
        return None;
    }
    Some(format!("has {count} characters or control characters; write 1 to {MAX_CHARS} plain ones"))
}

#[cfg(test)]
mod tests;
