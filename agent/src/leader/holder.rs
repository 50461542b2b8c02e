//! Who holds the lock, as its value tells: for others, who send operators there, and for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the value of the lock says. Members that a later version adds are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The name of the instance.
    pub instance: String,
    /// The URL of its API, where others reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The version that it runs.
    pub version: String,
    /// When it took the lock.
    pub since: Timestamp,
}

impl Holder {
    /// Reads a value. Nothing where it is none of ours, such as one that somebody wrote by hand.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }

    /// The value, for a lock that is taken at `since`.
    pub(super) fn value(&self, since: Timestamp) -> Vec<u8> {
        // A struct of strings cannot fail to be written.
        serde_json::to_vec(&Self { since, ..self.clone() }).unwrap_or_default()
    }
}
