//! A change of the documents: what is put and removed, and the one transaction that does it.
//!
//! Pure: from what was read and what is wanted to a list of operations, each conditional on what was read. It is the store that
//! finds out whether somebody else was quicker; nothing here reads twice.

mod diff;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::documents::{StoredDocuments, Texts};
use crate::history::{self, Authorship, Past, Record};

pub use diff::{DocumentDiff, Labels, diff};

/// What is wanted of the documents. All others stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Texts to write, by document name.
    pub put: Texts,
    /// Documents to delete.
    pub remove: BTreeSet<String>,
}

impl Edit {
    /// The edit that makes the documents exactly those of `record`.
    #[must_use]
    pub fn restore(stored: &StoredDocuments, record: &Record) -> Self {
        let is_gone = |name: &&String| !record.documents.contains_key(*name);
        Self {
            put: record.documents.clone(),
            remove: stored.documents().keys().filter(is_gone).cloned().collect(),
        }
    }

    /// The documents as they are after the edit, by name; also those that are not text.
    #[must_use]
    pub fn applied(&self, stored: &StoredDocuments) -> BTreeMap<String, Bytes> {
        let mut after: BTreeMap<String, Bytes> = stored
            .documents()
            .iter()
            .filter(|(name, _)| !self.remove.contains(*name))
            .map(|(name, document)| (name.clone(), document.value.clone()))
            .collect();
        after.extend(self.put.iter().map(|(name, text)| (name.clone(), Bytes::from(text.clone()))));
        after
    }

    /// What the edit does to each document that it really changes.
    #[must_use]
    pub fn changes(&self, stored: &StoredDocuments) -> BTreeMap<String, ChangeKind> {
        let put = self.put.iter().filter_map(|(name, text)| match stored.documents().get(name) {
            None => Some((name.clone(), ChangeKind::Added)),
            Some(found) if found.value != text.as_bytes() => Some((name.clone(), ChangeKind::Changed)),
            Some(_) => None,
        });
        let removed = self.remove.iter().filter(|name| stored.documents().contains_key(*name));
        put.chain(removed.map(|name| (name.clone(), ChangeKind::Removed))).collect()
    }
}

/// What happens to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It was there with another text.
    Changed,
    /// It is deleted.
    Removed,
}

impl ChangeKind {
    /// The word for people and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }

    /// The sign before a name in a table.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Changed => '~',
            Self::Removed => '-',
        }
    }
}

/// What has changed from one set of documents to another.
#[must_use]
pub fn changes_between(before: &Texts, after: &Texts) -> BTreeMap<String, ChangeKind> {
    let now = after.iter().filter_map(|(name, text)| match before.get(name) {
        None => Some((name.clone(), ChangeKind::Added)),
        Some(old) if old != text => Some((name.clone(), ChangeKind::Changed)),
        Some(_) => None,
    });
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    now.chain(gone.map(|name| (name.clone(), ChangeKind::Removed))).collect()
}

/// One step of a transaction. A step that does not find what it is conditional on undoes all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes a value where the key's modify index is this one; 0 where there is no such key.
    Put {
        /// The full key.
        key: String,
        /// The value.
        value: Bytes,
        /// The modify index that was read.
        modify_index: u64,
    },
    /// Nobody has changed this key since it was read.
    Unchanged {
        /// The full key.
        key: String,
        /// The modify index that was read.
        modify_index: u64,
    },
    /// Deletes a key that nobody has changed since it was read.
    Remove {
        /// The full key.
        key: String,
        /// The modify index that was read.
        modify_index: u64,
    },
    /// Deletes a key whatever its value is.
    Forget {
        /// The full key.
        key: String,
    },
}

impl Operation {
    /// The key that the step is about.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. }
            | Self::Unchanged { key, .. }
            | Self::Remove { key, .. }
            | Self::Forget { key } => key,
        }
    }
}

/// A change that is ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in order: documents, then history.
    pub operations: Vec<Operation>,
    /// What happens to which document.
    pub changes: BTreeMap<String, ChangeKind>,
    /// The record of the new state.
    pub record: Record,
    /// The number under which the state before is recorded, where it was not yet.
    pub found: Option<u64>,
}

/// Plans `edit` on top of `stored`; none where it changes nothing.
#[must_use]
pub fn plan(stored: &StoredDocuments, edit: &Edit, past: &Past, authorship: &Authorship) -> Option<Plan> {
    let changes = edit.changes(stored);
    if changes.is_empty() {
        return None;
    }
    let after = edit.applied(stored);
    let mut operations = document_steps(stored, &after);
    let mut next = past.next();
    let mut recorded = Vec::new();
    let found = (!past.has(stored)).then_some(next);
    if let Some(n) = found {
        recorded.push(Record::found(n, stored, &authorship.at));
        next = next.saturating_add(1);
    }
    let record = Record {
        n: next,
        at: authorship.at.clone(),
        author: Some(authorship.author.clone()),
        message: authorship.message.clone(),
        base_index: stored.index(),
        ..texts_of(&after)
    };
    recorded.push(record.clone());
    operations.extend(recorded.iter().map(|record| Operation::Put {
        key: history::key(stored.prefix(), record.n),
        value: Bytes::from(record.to_json()),
        // Only ever created: two changes at once cannot get the same number, so one of them fails.
        modify_index: 0,
    }));
    let outdated = past.outdated(recorded.len());
    operations
        .extend(outdated.into_iter().map(|n| Operation::Forget { key: history::key(stored.prefix(), n) }));
    Some(Plan { operations, changes, record, found })
}

/// Every document that was read is a condition, also those that stay: the change was judged together with them.
fn document_steps(stored: &StoredDocuments, after: &BTreeMap<String, Bytes>) -> Vec<Operation> {
    let mut steps = Vec::new();
    for (name, document) in stored.documents() {
        let (key, modify_index) = (stored.key(name), document.modify_index);
        steps.push(match after.get(name) {
            None => Operation::Remove { key, modify_index },
            Some(value) if *value == document.value => Operation::Unchanged { key, modify_index },
            Some(value) => Operation::Put { key, value: value.clone(), modify_index },
        });
    }
    let added = after.iter().filter(|(name, _)| !stored.documents().contains_key(*name));
    steps.extend(added.map(|(name, value)| Operation::Put {
        key: stored.key(name),
        value: value.clone(),
        modify_index: 0,
    }));
    steps
}

/// A record with the documents alone.
fn texts_of(documents: &BTreeMap<String, Bytes>) -> Record {
    let mut texts = Texts::new();
    let mut omitted = Vec::new();
    for (name, value) in documents {
        match std::str::from_utf8(value) {
            Ok(text) => drop(texts.insert(name.clone(), text.to_owned())),
            Err(_) => omitted.push(name.clone()),
        }
    }
    Record { n: 0, at: String::new(), author: None, message: None, base_index: 0, documents: texts, omitted }
}

#[cfg(test)]
mod tests;
