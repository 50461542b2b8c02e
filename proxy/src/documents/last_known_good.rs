//! The documents that were in force last, kept on disk, so that a restart while Consul is gone comes up with them.
//!
//! The file is written only after its documents were put into force, replaced in one step, readable by this user alone, and believed only
//! when it is whole and of the prefix that is asked for. It is the proxy's own: nobody edits it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use nova_config::Documents;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The name of the file within `data_dir`.
const FILE_NAME: &str = "last-known-good.json";

/// While it is being written. The name is fixed, so that a process that is killed again and again leaves one file and not many.
const UNFINISHED_NAME: &str = "last-known-good.json.unfinished";

/// The largest file that is read: documents are limited to a few MiB, and JSON may write a character in six.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Why the kept documents are not used, or could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum LastKnownGoodError {
    /// The file cannot be read.
    #[error("cannot read the last known good documents in {}; check that it is readable by this program", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is too large to be one of ours.
    #[error("the last known good documents in {} are larger than {} MiB; delete the file", path.display(), MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged: not JSON, or not what its checksum was made of.
    #[error("the last known good documents in {} are damaged ({problem}) and not used; they are written anew when Consul answers", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The file has the documents of another prefix.
    #[error("the last known good documents in {} are those of {kept}, not of {wanted}, and not used", path.display())]
    OtherPrefix {
        /// The file.
        path: PathBuf,
        /// The prefix of the file.
        kept: String,
        /// The prefix of the configuration.
        wanted: String,
    },
    /// The file cannot be written.
    #[error("cannot keep the documents in {}; check that its folder exists, has space and may be written to by this program", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// The file as it is written. The checksum is that of the body's bytes, so that members of later versions are covered too.
#[derive(Serialize, Deserialize)]
struct Kept {
    checksum: String,
    body: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    prefix: String,
    index: u64,
    /// RFC 3339, for people.
    saved_at: String,
    documents: BTreeMap<String, KeptDocument>,
}

#[derive(Serialize, Deserialize)]
struct KeptDocument {
    modify_index: u64,
    text: String,
}

/// The file in one `data_dir`.
#[derive(Clone, Debug)]
pub struct LastKnownGood {
    folder: PathBuf,
}

impl LastKnownGood {
    /// The file in this folder, which need not exist yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// Reads the documents of this prefix; none when there is no file. Blocks on the file system.
    ///
    /// # Errors
    /// When there is a file that cannot be believed.
    pub fn read(&self, prefix: &str) -> Result<Option<Documents>, LastKnownGoodError> {
        let path = self.path();
        let Some(text) = read(&path)? else { return Ok(None) };
        let damaged = |problem: String| LastKnownGoodError::Damaged { path: path.clone(), problem };
        let kept: Kept = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if kept.checksum != checksum(kept.body.get()) {
            return Err(damaged("its checksum is another".to_owned()));
        }
        let body: Body = serde_json::from_str(kept.body.get()).map_err(|error| damaged(error.to_string()))?;
        if body.prefix != prefix {
            return Err(LastKnownGoodError::OtherPrefix {
                path,
                kept: body.prefix,
                wanted: prefix.to_owned(),
            });
        }
        Ok(Some(documents(body)))
    }

    /// Replaces what was kept, in one step and for good: after this, a loss of power leaves the old or the new. Blocks on the file system.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is still there then.
    pub fn write(&self, documents: &Documents, saved_at: Timestamp) -> Result<(), LastKnownGoodError> {
        self.replace(documents, saved_at)
            .map_err(|source| LastKnownGoodError::Write { path: self.path(), source })
    }

    fn replace(&self, documents: &Documents, saved_at: Timestamp) -> io::Result<()> {
        let body = RawValue::from_string(serde_json::to_string(&body(documents, saved_at))?)?;
        let kept = Kept { checksum: checksum(body.get()), body };
        let unfinished = self.folder.join(UNFINISHED_NAME);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let written = file
            .write_all(&serde_json::to_vec(&kept)?)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&unfinished, self.path()));
        if written.is_err() {
            // On a full disk the half of a file must not stay in the way; why it was not finished is told.
            drop(fs::remove_file(&unfinished));
        }
        written?;
        File::open(&self.folder)?.sync_all()
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, LastKnownGoodError> {
    let unreadable = |source| LastKnownGoodError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(LastKnownGoodError::TooLarge { path: path.to_owned() });
    }
    Ok(Some(bytes))
}

fn checksum(body: &str) -> String {
    let mut text = String::from("sha256:");
    for byte in digest(&SHA256, body.as_bytes()).as_ref() {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

fn body(documents: &Documents, saved_at: Timestamp) -> Body {
    let kept = documents.entries().filter_map(|(name, entry)| {
        // What was put into force was text.
        let text = std::str::from_utf8(&entry.value).ok()?.to_owned();
        Some((name.to_owned(), KeptDocument { modify_index: entry.modify_index, text }))
    });
    Body {
        prefix: documents.prefix().to_owned(),
        index: documents.index(),
        saved_at: saved_at.to_string(),
        documents: kept.collect(),
    }
}

fn documents(body: Body) -> Documents {
    let entries = body.documents.into_iter();
    let entries = entries.map(|(name, kept)| (name, kept.text.into_bytes().into(), kept.modify_index));
    Documents::new(body.prefix, entries, body.index)
}

#[cfg(test)]
mod tests;
