//! What an instance tells about its configuration: `GET /config/receipt`.
//!
//! Owns how receipts are read. They are written by the proxy of the same, an older or a newer version, so that every member may be
//! absent or null, and what is unknown is passed over.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::documents::Indexes;

/// A receipt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// The instance's own name.
    pub instance: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// Its ring: `stable` or `canary`.
    pub ring: Option<String>,
    /// What is in force.
    #[serde(deserialize_with = "or_default")]
    pub config: AppliedConfig,
    /// Why the last documents were refused, if they were.
    pub refusal: Option<Refusal>,
    /// What it does about a candidate for `config`. Absent: it is of a version that tries none; null: there is none.
    #[serde(deserialize_with = "told")]
    pub candidate: Option<Option<CandidateView>>,
    /// How the instance stands with Consul.
    #[serde(deserialize_with = "or_default")]
    pub consul: ConsulView,
    /// How the instance stands with Vault.
    #[serde(deserialize_with = "or_default")]
    pub vault: VaultView,
    /// How old its secrets are.
    #[serde(deserialize_with = "or_default")]
    pub secrets: Vec<SecretView>,
}

/// What an instance does about a candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CandidateView {
    /// The candidate's id; none where the instance cannot read it.
    pub id: Option<String>,
    /// `canary`, `stable` or `unknown`.
    pub ring: Option<String>,
    /// `applied`, `not_mine` or `refused`.
    pub state: Option<String>,
    /// The hash of what is in force without it.
    pub base_hash: Option<String>,
    /// Why it is refused, if it is.
    pub refusal: Option<CandidateRefusal>,
}

/// Why a candidate is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CandidateRefusal {
    /// In one word, such as `invalid`, `expired`, `other_base`.
    pub kind: String,
    /// In a sentence.
    pub problem: String,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AppliedConfig {
    /// A short name of all settings, bootstrap included.
    pub hash: Option<String>,
    /// `files`, `consul` or `last_known_good`.
    pub source: Option<String>,
    /// The `X-Consul-Index` of the read that was applied.
    pub applied_index: Option<u64>,
    /// When it was applied, RFC 3339.
    pub applied_at: Option<String>,
    /// The documents that were applied.
    #[serde(deserialize_with = "or_default")]
    pub documents: Vec<DocumentIndex>,
    /// Fields that the next start changes.
    #[serde(deserialize_with = "or_default")]
    pub waiting_for_restart: Vec<String>,
    /// Why the files on its disk are not in force, if they are not.
    pub files_refused: Option<Refusal>,
    /// Why the documents were not kept for its next start, if they were not.
    pub not_kept: Option<String>,
}

/// A document as an instance saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DocumentIndex {
    /// The full key.
    pub key: String,
    /// Consul's `ModifyIndex`.
    pub modify_index: u64,
}

/// Why documents, or an instance's own files, were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Refusal {
    /// The `X-Consul-Index` of the read that was refused.
    pub index: Option<u64>,
    /// When, RFC 3339.
    pub at: Option<String>,
    /// Such as `invalid` or `needs a newer version`.
    pub kind: Option<String>,
    /// The documents that were refused.
    #[serde(deserialize_with = "or_default")]
    pub documents: Vec<DocumentIndex>,
    /// What is wrong, as far as it is listed.
    #[serde(deserialize_with = "or_default")]
    pub faults: Vec<RefusedPlace>,
    /// How many there are, where not all are listed.
    pub faults_total: Option<usize>,
}

/// One fault of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RefusedPlace {
    /// The full key of a document, or a file of the instance.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// The field, for people.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

/// How an instance stands with Consul.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConsulView {
    /// `in_sync`, `stale`, `unreachable`, `denied`, `empty`, `filtered` or `off`.
    pub state: Option<String>,
    /// The `X-Consul-Index` of its last read.
    pub seen_index: Option<u64>,
    /// Since when the state is what it is, RFC 3339.
    pub since: Option<String>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How an instance stands with Vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VaultView {
    /// `off`, `token_given`, `pending`, `logged_in` or `failing`.
    pub state: Option<String>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How it stands with one secret: by its name, never by what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SecretView {
    /// The name that it was declared under.
    pub name: String,
    /// When it was read; none before it was.
    pub read_at: Option<Timestamp>,
    /// When it ends, where it has an end.
    pub ends_at: Option<Timestamp>,
    /// Why the last attempt to read it failed.
    pub error: Option<String>,
}

impl Receipt {
    /// The documents in force, by full key.
    #[must_use]
    pub fn applied(&self) -> Indexes {
        indexes(&self.config.documents)
    }
}

impl Refusal {
    /// The documents that were refused, by full key.
    #[must_use]
    pub fn refused(&self) -> Indexes {
        indexes(&self.documents)
    }
}

fn indexes(documents: &[DocumentIndex]) -> Indexes {
    documents.iter().map(|document| (document.key.clone(), document.modify_index)).collect()
}

/// Null is told from absent.
fn told<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Null is as good as absent.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_receipt_is_read() {
        let text = r#"{"instance":"a-1","service":"nova-proxy","version":"0.1.0","region":"us-east-1","ring":"stable",
            "config":{"hash":"015abd7f5cc5","source":"consul","applied_index":123,"applied_at":"2026-11-23T12:00:00Z",
              "documents":[{"key":"nova/prod/config","modify_index":120}],"waiting_for_restart":["listen"]},
            "refusal":{"index":130,"at":"2026-11-23T12:01:00Z","kind":"invalid",
              "documents":[{"key":"nova/prod/config","modify_index":130}],
              "faults":[{"file":"nova/prod/config","line":3,"column":7,"path":"limits.concurrency","problem":"is 0","fix":"write 1"}]},
            "consul":{"state":"in_sync","seen_index":130,"since":"2026-11-23T12:00:00Z","last_contact_ms":12,"error":null}}"#;
        let receipt: Receipt = serde_json::from_str(text).unwrap();
        assert_eq!(receipt.applied(), Indexes::from([("nova/prod/config".to_owned(), 120)]));
        let refusal = receipt.refusal.unwrap();
        assert_eq!((refusal.faults[0].line, refusal.refused()["nova/prod/config"]), (3, 130));
        assert_eq!(receipt.config.waiting_for_restart, ["listen"]);
        assert_eq!(receipt.consul.seen_index, Some(130));
    }

    #[test]
    fn a_version_that_tries_no_candidates_is_told_from_one_that_sees_none() {
        let read = |text: &str| serde_json::from_str::<Receipt>(text).unwrap().candidate;
        assert_eq!((read("{}"), read(r#"{"candidate":null}"#)), (None, Some(None)));
        let text = r#"{"candidate":{"id":"c","ring":"canary","state":"refused","modify_index":9,
            "refusal":{"kind":"invalid","problem":"line 1","faults":[]}}}"#;
        let found = read(text).unwrap().unwrap();
        assert_eq!((found.id.as_deref(), found.refusal.unwrap().kind.as_str()), (Some("c"), "invalid"));
    }

    #[test]
    fn older_and_newer_receipts_are_read() {
        for text in [
            "{}",
            r#"{"config":null,"refusal":null,"consul":null}"#,
            r#"{"config":{"documents":null,"hash":null,"color":"blue"},"mood":["good"]}"#,
            r#"{"refusal":{"faults":[{"problem":"bad"}]}}"#,
        ] {
            serde_json::from_str::<Receipt>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}
