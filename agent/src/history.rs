//! The history of the configuration: one record for every state that the documents had.
//!
//! Owns the form of a record, its key, and how many are kept. It is pure: `store` reads and writes records, `change` decides
//! when one is made.

use serde::{Deserialize, Serialize};

use crate::documents::{StoredDocuments, Texts};

/// What the keys of records begin with, below the prefix.
const FOLDER: &str = "history/";

/// Digits of a record's number in its key, so that keys sort as numbers do.
const DIGITS: usize = 10;

/// How many records are kept. With a change every day that is seven weeks of rollback targets, and even records of the
/// largest size that a transaction takes are then 20 MB of Consul's memory.
pub const KEPT: usize = 50;

/// How many old records one transaction deletes at most, so that a history which somebody filled by other means does not
/// make the transaction too long; the next changes delete the rest.
const MOST_DELETED_AT_ONCE: usize = 10;

/// One state of the documents, as `history/<n>` holds it.
///
/// Members that this version does not know are passed over, so that older and newer versions read each other's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1.
    pub n: u64,
    /// When it was written, RFC 3339.
    pub at: String,
    /// Who made the change. Absent where the state was found: it was written by other means.
    #[serde(default)]
    pub author: Option<String>,
    /// What the author said of it.
    #[serde(default)]
    pub message: Option<String>,
    /// The index of the read that the change was based on.
    #[serde(default)]
    pub base_index: u64,
    /// All documents by name.
    #[serde(default)]
    pub documents: Texts,
    /// Names of documents that were not text, and so are not in the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<String>,
}

/// Who makes a change, when, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorship {
    /// Such as `ada@laptop`.
    pub author: String,
    /// What the author says of it.
    pub message: Option<String>,
    /// RFC 3339.
    pub at: String,
}

/// Why a value is not a record that this version reads.
#[derive(Debug, thiserror::Error)]
#[error("{key} is not a history record that this version reads")]
pub struct RecordError {
    key: String,
    #[source]
    source: serde_json::Error,
}

impl Record {
    /// A state that was found, without anybody's word on how it came about.
    #[must_use]
    pub fn found(n: u64, stored: &StoredDocuments, at: &str) -> Self {
        Self {
            n,
            at: at.to_owned(),
            author: None,
            message: Some("found in the store".to_owned()),
            base_index: stored.index(),
            documents: stored.texts(),
            omitted: stored.unreadable(),
        }
    }

    /// Reads the value of `key`.
    ///
    /// # Errors
    /// When it is not a record.
    pub fn parse(key: &str, value: &[u8]) -> Result<Self, RecordError> {
        serde_json::from_slice(value).map_err(|source| RecordError { key: key.to_owned(), source })
    }

    /// The value to store.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Only maps with keys that are no text cannot be written, and there are none here.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether this is the state that `stored` shows: nothing has changed since the record.
    #[must_use]
    pub fn is_of(&self, stored: &StoredDocuments) -> bool {
        self.documents == stored.texts() && self.omitted == stored.unreadable()
    }

    /// The author for people.
    #[must_use]
    pub fn author_or_unknown(&self) -> &str {
        self.author.as_deref().unwrap_or("unknown")
    }
}

/// The folder of the records below `prefix`.
#[must_use]
pub fn folder(prefix: &str) -> String {
    format!("{prefix}/{FOLDER}")
}

/// The key of record number `n`.
#[must_use]
pub fn key(prefix: &str, n: u64) -> String {
    format!("{prefix}/{FOLDER}{n:0DIGITS$}")
}

/// The number in the key of a record; none for keys that are not of records.
#[must_use]
pub fn number(prefix: &str, key: &str) -> Option<u64> {
    let digits = key.strip_prefix(prefix)?.strip_prefix('/')?.strip_prefix(FOLDER)?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// What is known of the past: the numbers of all records, ascending, and the newest record where it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The numbers, ascending.
    pub numbers: Vec<u64>,
    /// The record of the last number, unless it is not one that this version reads.
    pub newest: Option<Record>,
}

impl Past {
    /// The number that the next record gets.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.numbers.last().map_or(1, |last| last.saturating_add(1))
    }

    /// Whether the newest record is the state that `stored` shows. A store without documents needs no record.
    #[must_use]
    pub fn has(&self, stored: &StoredDocuments) -> bool {
        stored.is_empty() || self.newest.as_ref().is_some_and(|record| record.is_of(stored))
    }

    /// The oldest records, which go when `added` new ones come.
    #[must_use]
    pub fn outdated(&self, added: usize) -> Vec<u64> {
        let surplus = (self.numbers.len() + added).saturating_sub(KEPT).min(MOST_DELETED_AT_ONCE);
        self.numbers.iter().copied().take(surplus).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn stored(value: &'static [u8]) -> StoredDocuments {
        StoredDocuments::new("p", [("p/config".to_owned(), Bytes::from_static(value), 5)], 7)
    }

    #[test]
    fn keys_sort_as_numbers_do_and_lead_back_to_them() {
        assert_eq!(key("nova/prod", 9), "nova/prod/history/0000000009");
        assert!(key("p", 9) < key("p", 10));
        assert_eq!(number("p", &key("p", 123)), Some(123));
        for other in
            ["p/history/", "p/history/12", "p/history/00000000xx", "p/config", "q/history/0000000001"]
        {
            assert_eq!(number("p", other), None, "{other}");
        }
    }

    #[test]
    fn a_state_is_recorded_once_and_a_change_by_hand_shows() {
        let mut past = Past::default();
        assert!(past.has(&StoredDocuments::default()) && !past.has(&stored(b"a")));
        assert_eq!(past.next(), 1);
        past.numbers = vec![3, 4];
        past.newest = Some(Record::found(4, &stored(b"a"), "2026-11-24T00:00:00Z"));
        assert!(past.has(&stored(b"a")) && !past.has(&stored(b"b")));
        assert_eq!(past.next(), 5);
    }

    #[test]
    fn the_oldest_go_when_there_are_more_than_are_kept() {
        let past = |count: u64| Past { numbers: (1..=count).collect(), newest: None };
        assert_eq!(past(48).outdated(2), Vec::<u64>::new());
        assert_eq!(past(49).outdated(2), [1]);
        assert_eq!(past(50).outdated(2), [1, 2]);
        assert_eq!(past(500).outdated(1).len(), MOST_DELETED_AT_ONCE);
    }

    #[test]
    fn what_is_not_text_is_omitted_by_name() {
        let record = Record::found(1, &stored(&[0xff]), "2026-11-24T00:00:00Z");
        assert_eq!(record.omitted, ["config"]);
        assert!(record.is_of(&stored(&[0xff])) && !record.is_of(&stored(b"a")));
    }

    #[test]
    fn records_of_other_versions_are_read() {
        let old = br#"{"n": 3, "at": "2026-11-24T00:00:00Z"}"#;
        let record = Record::parse("k", old).unwrap();
        assert_eq!((record.n, record.author_or_unknown()), (3, "unknown"));
        let newer =
            br#"{"n": 3, "at": "x", "author": "ada", "documents": {"config": "a"}, "approved_by": ["bob"]}"#;
        assert_eq!(Record::parse("k", newer).unwrap().documents["config"], "a");
        assert!(Record::parse("k", b"{}").unwrap_err().to_string().starts_with("k is not"));
    }

    proptest! {
        #[test]
        fn a_record_survives_its_text(
            n in any::<u64>(),
            author in any::<Option<String>>(),
            message in any::<Option<String>>(),
            base_index in any::<u64>(),
            documents in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        ) {
            let record = Record {
                n, at: "2026-11-24T00:00:00Z".to_owned(), author, message, base_index, documents, omitted: Vec::new(),
            };
            prop_assert_eq!(Record::parse("k", record.to_json().as_bytes()).unwrap(), record);
        }
    }
}
