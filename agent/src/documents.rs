//! The configuration documents under a prefix, as Consul's key-value store holds them at one moment.
//!
//! Owns which keys are documents and what they are called. What is written in them is judged in `judgment`, and how they
//! are read and changed is in `store` and `change`.

use std::collections::BTreeMap;

use bytes::Bytes;
// The candidate on the canary ring is no document of its own: it stands in for `config` for a while.
use nova_config::CANDIDATE;

/// The name of the document that comes first, and without which nothing is applied.
pub const CONFIG: &str = "config";

/// What the names of all other documents begin with.
pub const FRAGMENTS: &str = "config.d/";

/// The longest name of a fragment: it is part of a key and of every fault's place.
const MAX_FRAGMENT_NAME: usize = 128;

/// Texts by the name of their document: `config`, `config.d/limits`.
pub type Texts = BTreeMap<String, String>;

/// The index of the last change of each document, by full key: what instances tell in their receipts.
pub type Indexes = BTreeMap<String, u64>;

/// One value of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// The value, which is text unless somebody wrote something else.
    pub value: Bytes,
    /// Consul's `ModifyIndex`: what a change of this value is conditional on.
    pub modify_index: u64,
}

/// All documents under a prefix, from one read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredDocuments {
    prefix: String,
    documents: BTreeMap<String, StoredDocument>,
    index: u64,
    canary: Option<StoredDocument>,
}

impl StoredDocuments {
    /// Sorts out what a recursive read of `<prefix>/config` gave: `entries` are full keys with value and modify index,
    /// `index` is the `X-Consul-Index` of the read.
    ///
    /// Keys that are no documents are passed over, such as the empty one that Consul's UI makes of a folder.
    pub fn new(
        prefix: impl Into<String>,
        entries: impl IntoIterator<Item = (String, Bytes, u64)>,
        index: u64,
    ) -> Self {
        let mut stored = Self { prefix: prefix.into(), index, ..Self::default() };
        for (key, value, modify_index) in entries {
            let below = key.strip_prefix(&stored.prefix).and_then(|rest| rest.strip_prefix('/'));
            match below {
                Some(CANDIDATE) => stored.canary = Some(StoredDocument { value, modify_index }),
                Some(name) if is_document(name, &value) => {
                    stored.documents.insert(name.to_owned(), StoredDocument { value, modify_index });
                }
                _ => {}
            }
        }
        stored
    }

    /// The prefix, without a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The full key of a document.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// The `X-Consul-Index` of the read.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The documents by name.
    #[must_use]
    pub fn documents(&self) -> &BTreeMap<String, StoredDocument> {
        &self.documents
    }

    /// The candidate on the canary ring, if there is one.
    #[must_use]
    pub fn canary(&self) -> Option<&StoredDocument> {
        self.canary.as_ref()
    }

    /// Whether there is no document at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The documents that are text.
    #[must_use]
    pub fn texts(&self) -> Texts {
        let text = |document: &StoredDocument| std::str::from_utf8(&document.value).map(str::to_owned).ok();
        self.documents.iter().filter_map(|(name, document)| Some((name.clone(), text(document)?))).collect()
    }

    /// The names of the documents that are not text.
    #[must_use]
    pub fn unreadable(&self) -> Vec<String> {
        self.documents
            .iter()
            .filter(|(_, document)| std::str::from_utf8(&document.value).is_err())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The modify index of each document by full key.
    #[must_use]
    pub fn indexes(&self) -> Indexes {
        self.documents.iter().map(|(name, document)| (self.key(name), document.modify_index)).collect()
    }
}

/// As [`nova_config::Documents`] has it: a name that no document may have is one all the same, and is refused by it.
fn is_document(name: &str, value: &Bytes) -> bool {
    let is_folder = name == FRAGMENTS && value.is_empty();
    name == CONFIG || (name.starts_with(FRAGMENTS) && !is_folder)
}

/// The document name of the fragment `name`: `limits` becomes `config.d/limits`.
///
/// # Errors
/// When a fragment cannot be called so, with what to write instead.
pub fn fragment(name: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let begins_well = name.chars().next().is_some_and(|letter| letter.is_ascii_alphanumeric());
    if begins_well && name.chars().all(is_plain) && name.len() <= MAX_FRAGMENT_NAME {
        return Ok(format!("{FRAGMENTS}{name}"));
    }
    Err(format!(
        "{name:?} cannot be the name of a fragment: write 1 to {MAX_FRAGMENT_NAME} letters, digits, '-', '_' or '.', the first \
         one a letter or a digit"
    ))
}

/// Checks a prefix of keys, as a flag or variable gave it.
///
/// # Errors
/// When it cannot be one, with what to write instead.
pub fn prefix(text: &str) -> Result<String, String> {
    let is_sound = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.chars().any(|letter| letter.is_control())
    };
    if text.split('/').all(is_sound) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} cannot be the prefix of keys: write names with one slash between them, such as nova/prod"
    ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn stored(entries: &[(&str, &[u8], u64)]) -> StoredDocuments {
        let entries = entries
            .iter()
            .map(|(key, value, index)| ((*key).to_owned(), Bytes::copy_from_slice(value), *index));
        StoredDocuments::new("nova/prod", entries, 99)
    }

    #[test]
    fn documents_are_told_from_their_neighbors() {
        let found = stored(&[
            ("nova/prod/config", b"a", 1),
            ("nova/prod/config.canary", b"b", 2),
            ("nova/prod/config.d/", b"", 3),
            ("nova/prod/config.d/limits", b"c", 4),
            ("nova/prod/config.d/old/limits", b"d", 5),
            ("nova/prod/configuration", b"e", 6),
            ("nova/production/config", b"f", 7),
        ]);
        // A name with a slash is a document, and a faulty one: who judges the documents says so.
        let names: Vec<_> = found.documents().keys().map(String::as_str).collect();
        assert_eq!(names, ["config", "config.d/limits", "config.d/old/limits"]);
        assert_eq!((found.canary().map(|canary| canary.modify_index), found.index()), (Some(2), 99));
        assert_eq!(found.indexes()["nova/prod/config.d/limits"], 4);
    }

    #[test]
    fn what_is_not_text_is_named_and_not_passed_off_as_text() {
        let found = stored(&[("nova/prod/config", b"a", 1), ("nova/prod/config.d/x", &[0xff], 2)]);
        assert_eq!(found.texts(), Texts::from([("config".to_owned(), "a".to_owned())]));
        assert_eq!(found.unreadable(), ["config.d/x"]);
    }

    #[rstest]
    #[case("limits", true)]
    #[case("10-limits.hcl", true)]
    #[case("", false)]
    #[case("a/b", false)]
    #[case("../config", false)]
    #[case(".hidden", false)]
    #[case("grün", false)]
    fn a_fragment_has_a_flat_plain_name(#[case] name: &str, #[case] is_good: bool) {
        assert_eq!(fragment(name).is_ok(), is_good, "{name:?}");
    }

    #[rstest]
    #[case("nova/default", true)]
    #[case("nova", true)]
    #[case("", false)]
    #[case("/nova", false)]
    #[case("nova/", false)]
    #[case("nova//prod", false)]
    #[case("nova/../other", false)]
    fn a_prefix_has_no_slash_at_its_ends(#[case] text: &str, #[case] is_good: bool) {
        assert_eq!(prefix(text).is_ok(), is_good, "{text:?}");
    }
}
