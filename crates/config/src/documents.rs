//! The documents of a key-value store that are laid over the files: `config`, and `config.d/<name>` in the order of names.
//!
//! Owns which of them there must be and how they become layers, and what a candidate for `config` is. How they are read, followed and kept
//! is the program's.

mod candidate;
mod judge;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::fault::{Fault, FaultKind, Faults};
use crate::load::{Layer, MAX_TEXT_BYTES};
use crate::source::{Position, line_and_column};

pub use candidate::{
    CANDIDATE, CANDIDATE_FORMAT, Candidate, CandidateError, CandidatePlace, LONGEST_MAX_AGE,
};
pub use judge::judge_documents;

/// The document without which there are none.
const CONFIG: &str = "config";

/// What stands before the names of the others.
const FRAGMENTS: &str = "config.d/";

/// The longest name below `config.d/`, in characters.
const MAX_NAME_CHARS: usize = 128;

/// The documents below one prefix, as one read of the store has shown them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    prefix: String,
    entries: BTreeMap<String, Document>,
    index: u64,
    /// What stands in `config.canary`, which is none of the documents.
    candidate: Option<Document>,
    /// Whether the text of `config` is a candidate's.
    is_tried: bool,
}

/// One document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What the store holds, which is HCL where all is well.
    pub value: Bytes,
    /// The index at which it was last changed.
    pub modify_index: u64,
}

impl Documents {
    /// The documents among `entries`, each with its name below `prefix`, its value and the index of its last change.
    ///
    /// `prefix` has no slash at its end; `index` is that of the read. Names other than `config` and those below `config.d/` are
    /// passed over, and so is the empty entry `config.d/` that Consul's console makes of a folder. `config.canary` is kept beside them.
    #[must_use]
    pub fn new(
        prefix: impl Into<String>,
        entries: impl IntoIterator<Item = (String, Bytes, u64)>,
        index: u64,
    ) -> Self {
        let is_document = |name: &str, value: &Bytes| {
            name == CONFIG || (name.starts_with(FRAGMENTS) && !(name == FRAGMENTS && value.is_empty()))
        };
        let mut candidate = None;
        let mut documents = BTreeMap::new();
        for (name, value, modify_index) in entries {
            if name == CANDIDATE {
                candidate = Some(Document { value, modify_index });
            } else if is_document(&name, &value) {
                documents.insert(name, Document { value, modify_index });
            }
        }
        Self { prefix: prefix.into(), entries: documents, index, candidate, is_tried: false }
    }

    /// What stands in `config.canary`, if anything does. It is no document: nothing of it is in [`Self::layers`].
    #[must_use]
    pub fn candidate(&self) -> Option<&Document> {
        self.candidate.as_ref()
    }

    /// The modify index of `config`, if there is one.
    #[must_use]
    pub fn config_index(&self) -> Option<u64> {
        self.entries.get(CONFIG).map(|document| document.modify_index)
    }

    /// These documents with the candidate's text in place of that of `config`. Faults in it are at the key of the candidate.
    #[must_use]
    pub fn tried(&self, candidate: &Candidate) -> Self {
        let mut tried = Self { is_tried: true, ..self.clone() };
        if let Some(config) = tried.entries.get_mut(CONFIG) {
            config.value = Bytes::from(candidate.config.clone());
        }
        tried
    }

    /// The prefix, without a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The index of the read that showed them.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Each document by its name, such as `config.d/limits`, in the order of the layers.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.entries.iter().map(|(name, document)| (name.as_str(), document))
    }

    /// The key of the document with this name, such as `nova/prod/config.d/limits`: where its text is.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        let name = if self.is_tried && name == CONFIG { CANDIDATE } else { name };
        format!("{}/{name}", self.prefix)
    }

    /// Whether both have the same texts under the same keys, whatever their indexes.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let texts = |documents: &'_ Self| -> Vec<(String, Bytes)> {
            let entries = documents.entries.iter();
            entries.map(|(name, document)| (name.clone(), document.value.clone())).collect()
        };
        self.prefix == other.prefix && texts(self) == texts(other)
    }

    /// The layers that they are, `config` first, to be put behind those of the files. A layer has the name of its whole key.
    ///
    /// # Errors
    /// [`FaultKind::DocumentsMissing`] where there is no `config`: nothing of the others may be applied then, and it does not
    /// mean an empty configuration. [`FaultKind::Invalid`] where a document is not text or has no proper name.
    pub fn layers(&self) -> Result<Vec<Layer>, Faults> {
        if !self.entries.contains_key(CONFIG) {
            let fix = format!("write it: consul kv put {} @FILE", self.key(CONFIG));
            let problem = "is not there, and without it no document is applied";
            let fault = Fault::new(self.start(CONFIG), "", problem, fix);
            return Err(Faults::new(FaultKind::DocumentsMissing, vec![fault]));
        }
        let fragments: BTreeSet<String> =
            self.entries.keys().filter_map(|name| name.strip_prefix(FRAGMENTS)).map(str::to_owned).collect();
        let mut faults = Vec::new();
        let mut layers = Vec::new();
        for (name, document) in self.entries() {
            if name.strip_prefix(FRAGMENTS).is_some_and(|below| !is_name(below)) {
                let problem = "has no name that a document can have";
                let fix = "name it config.d/ and at most 128 letters, digits, ., - and _, or delete the key";
                faults.push(Fault::new(self.start(name), "", problem, fix));
            }
            match self.text(name, document) {
                Ok(text) if name == CONFIG => {
                    layers.push(Layer::listing(self.key(name), text, fragments.clone()));
                }
                Ok(text) => layers.push(Layer::runtime(self.key(name), text)),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(layers) } else { Err(Faults::new(FaultKind::Invalid, faults)) }
    }

    fn text<'a>(&self, name: &str, document: &'a Document) -> Result<&'a str, Fault> {
        if u64::try_from(document.value.len()).is_ok_and(|length| length > MAX_TEXT_BYTES) {
            let problem = format!("is larger than {MAX_TEXT_BYTES} bytes");
            return Err(Fault::new(self.start(name), "", problem, "put parts of it under config.d/"));
        }
        let text = std::str::from_utf8(&document.value).map_err(|error| {
            let sound = document.value.get(..error.valid_up_to()).unwrap_or_default();
            let sound = String::from_utf8_lossy(sound);
            let (line, column) = line_and_column(&sound, sound.len());
            let position = Position { file: self.key(name), line, column };
            Fault::new(position, "", "is not UTF-8", "write it as UTF-8 text")
        })?;
        if name == CONFIG && text.trim().is_empty() {
            // A command that got no input writes this; nobody takes all limits back in such a way.
            let problem = "is empty, which would take back all that it said";
            let fix = "write what it is to say, or a comment where that is nothing";
            return Err(Fault::new(self.start(name), "", problem, fix));
        }
        Ok(text)
    }

    fn start(&self, name: &str) -> Position {
        Position { file: self.key(name), line: 1, column: 1 }
    }
}

/// Whether `name` can stand below `config.d/`; as `items` of `fragments` in the schema has it.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() <= MAX_NAME_CHARS
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

#[cfg(test)]
mod tests;
