//! What somebody did, or was refused: the audit trail beside the calls.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Body, Rest};
use crate::record::Kind;

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It was allowed, and is about to be done or was done.
    Allowed,
    /// It was refused.
    Refused,
    /// It was allowed, and failed.
    Failed,
    /// A word of a later version.
    Other(String),
}

impl Decision {
    /// The word in the record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Other(word) => word,
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Decision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(match word.as_str() {
            "allowed" => Self::Allowed,
            "refused" => Self::Refused,
            "failed" => Self::Failed,
            _ => Self::Other(word),
        })
    }
}

/// Somebody did something, or was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// Who: a person, a key's id, an instance, the agent.
    pub actor: String,
    /// What: `config.set`, `key.revoke`, `secret.read`.
    pub action: String,
    /// On what.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// What was decided.
    pub decision: Decision,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What else belongs to it. Never a secret, a prompt or a completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Body for Act {
    const KIND: Kind = Kind::ACT;
    const VERSION: u16 = 1;
}
