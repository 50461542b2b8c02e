//! What a snapshot is: a gzip file of a tar file with `meta.json`, `state.bin` and the `SHA256SUMS` of both
//! (`snapshot/archive.go` in Consul's source). Read from anything; nothing of it is kept.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use aws_lc_rs::digest::{Context, SHA256};
use flate2::bufread::GzDecoder;
use serde::Deserialize;

/// What Raft says of the state.
const META_FILE: &str = "meta.json";
/// The state.
const STATE: &str = "state.bin";
/// The sums of the others, as `sha256sum` writes them.
const SUMS: &str = "SHA256SUMS";

/// The sums once more, encrypted by the key that opens Vault. It comes last, so that a snapshot that broke off lacks it.
const SEALED_SUMS: &str = "SHA256SUMS.sealed";

/// The largest `meta.json` or `SHA256SUMS`: they have some hundred bytes.
const MAX_SMALL: u64 = 1 << 20;
/// The most files in an archive. Consul's has three.
const MAX_FILES: usize = 16;

/// What a snapshot is of, by its `meta.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Meta {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) index: u64,
    pub(super) term: u64,
    /// The bytes of the state.
    #[serde(skip)]
    pub(super) state_bytes: u64,
    /// Whether it has the sums once more, as Vault seals them.
    #[serde(skip)]
    pub(super) is_sealed: bool,
}

impl Meta {
    /// The same, where its sums are sealed, as those of Vault have to be.
    pub(super) fn sealed(self) -> Result<Self, ArchiveError> {
        if self.is_sealed { Ok(self) } else { Err(ArchiveError::Missing(SEALED_SUMS)) }
    }
}

/// Why something is no whole snapshot.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is no gzip, or no tar within it, or breaks off.
    #[error("it is no archive, or breaks off")]
    Archive(#[source] io::Error),
    /// There is something behind its end.
    #[error("something follows its end")]
    Trailing,
    /// It has more files than any snapshot.
    #[error("it has more than {MAX_FILES} files")]
    ManyFiles,
    /// A file is not there.
    #[error("it lacks {0}")]
    Missing(&'static str),
    /// A file is larger than it can be.
    #[error("its {0} is too large")]
    Large(&'static str),
    /// The sums cannot be read.
    #[error("its SHA256SUMS cannot be read at {line:?}")]
    Sums {
        /// The line.
        line: String,
    },
    /// A file is not the one that was summed.
    #[error("its {name} has another sum than SHA256SUMS says")]
    Sum {
        /// The file.
        name: String,
    },
    /// `meta.json` cannot be read.
    #[error("its meta.json cannot be read")]
    Meta(#[source] serde_json::Error),
}

/// What was read of an archive.
#[derive(Default)]
struct Found {
    /// The sum of each file but that of the sums.
    sums: BTreeMap<String, String>,
    state_bytes: u64,
    is_sealed: bool,
    meta: Option<Vec<u8>>,
    listed: Option<Vec<u8>>,
}

/// Reads an archive to its end.
pub(super) fn verify(reader: impl BufRead) -> Result<Meta, ArchiveError> {
    let mut packed = GzDecoder::new(reader);
    let found = unpack(&mut packed)?;
    // Only the last bytes tell whether all before them are right.
    io::copy(&mut packed, &mut io::sink()).map_err(ArchiveError::Archive)?;
    if !packed.into_inner().fill_buf().map_err(ArchiveError::Archive)?.is_empty() {
        return Err(ArchiveError::Trailing);
    }
    judge(&found)
}

fn unpack(packed: &mut impl Read) -> Result<Found, ArchiveError> {
    let mut found = Found::default();
    let mut archive = tar::Archive::new(packed);
    for (position, entry) in archive.entries().map_err(ArchiveError::Archive)?.enumerate() {
        if position == MAX_FILES {
            return Err(ArchiveError::ManyFiles);
        }
        let mut entry = entry.map_err(ArchiveError::Archive)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match name.as_str() {
            SUMS => found.listed = Some(small(&mut entry, SUMS)?),
            META_FILE => {
                let meta = small(&mut entry, META_FILE)?;
                found.sums.insert(name, sum(meta.as_slice())?);
                found.meta = Some(meta);
            }
            _ => {
                if name == STATE {
                    found.state_bytes = entry.size();
                }
                found.is_sealed |= name == SEALED_SUMS && entry.size() > 0;
                let sum = sum(&mut entry)?;
                found.sums.insert(name, sum);
            }
        }
    }
    Ok(found)
}

fn small(entry: &mut impl Read, name: &'static str) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    let length = entry.take(MAX_SMALL + 1).read_to_end(&mut content).map_err(ArchiveError::Archive)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_SMALL) {
        Ok(content)
    } else {
        Err(ArchiveError::Large(name))
    }
}

/// The SHA-256 of all that can be read, in hexadecimal.
fn sum(mut reader: impl Read) -> Result<String, ArchiveError> {
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = reader.read(&mut piece).map_err(ArchiveError::Archive)?;
        match piece.get(..length) {
            Some(bytes) if !bytes.is_empty() => context.update(bytes),
            _ => break,
        }
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn judge(found: &Found) -> Result<Meta, ArchiveError> {
    let listed = found.listed.as_deref().ok_or(ArchiveError::Missing(SUMS))?;
    let listed = String::from_utf8_lossy(listed);
    let mut promised = BTreeMap::new();
    for line in listed.lines() {
        let (sum, name) =
            line.split_once("  ").ok_or_else(|| ArchiveError::Sums { line: line.to_owned() })?;
        promised.insert(name, sum);
    }
    let meta = found.meta.as_deref().ok_or(ArchiveError::Missing(META_FILE))?;
    for name in [META_FILE, STATE] {
        if !found.sums.contains_key(name) || !promised.contains_key(name) {
            return Err(ArchiveError::Missing(name));
        }
    }
    for (name, promised) in promised {
        if found.sums.get(name).map(String::as_str) != Some(promised) {
            return Err(ArchiveError::Sum { name: name.to_owned() });
        }
    }
    let meta: Meta = serde_json::from_slice(meta).map_err(ArchiveError::Meta)?;
    Ok(Meta { state_bytes: found.state_bytes, is_sealed: found.is_sealed, ..meta })
}

#[cfg(test)]
pub(super) mod tests;
