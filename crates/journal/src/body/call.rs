//! A call of a model: what is meant before it, and what came of it.
//!
//! One record each for every attempt that goes out, joined by `call`. An intent without an end is a call of which nothing is known: it may
//! have been billed. What a call costs is not said here, because prices are dated and usage is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Body, Rest};
use crate::record::Kind;

/// A call of a model is about to be made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallIntended {
    /// The id of this attempt, unique for all time.
    pub call: String,
    /// The id of the caller's request, which may need several attempts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// Who asks: the id of a key, never the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The team of the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub team: String,
    /// The model's name as it was asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// The id that Bedrock is called with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The region that is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Bedrock's service tier, where one is asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tier: String,
    /// The most tokens that the answer may have, for an estimate when nothing is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
    /// The size of the prompt, for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_bytes: Option<u64>,
    /// The customer's own words for the breakdown of costs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CallEnd {
    /// The whole answer came.
    Completed,
    /// Bedrock refused.
    Refused,
    /// The caller went away before the end.
    Cancelled,
    /// The answer broke off, or none came.
    #[default]
    Broken,
    /// It was never sent.
    NotSent,
    /// A word of a later version.
    Other(String),
}

impl CallEnd {
    /// The word in the record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Broken => "broken",
            Self::NotSent => "not_sent",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for CallEnd {
    fn from(word: String) -> Self {
        match word.as_str() {
            "completed" => Self::Completed,
            "refused" => Self::Refused,
            "cancelled" => Self::Cancelled,
            "broken" => Self::Broken,
            "not_sent" => Self::NotSent,
            _ => Self::Other(word),
        }
    }
}

impl Serialize for CallEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CallEnd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// A call of a model has ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallEnded {
    /// The id of the attempt, as its intent has it.
    pub call: String,
    /// How it ended.
    pub end: CallEnd,
    /// The usage as Bedrock reported it, member by member; nothing where it reported none, and the ledger has to estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Value>,
    /// The tier that served, where Bedrock said so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tier: String,
    /// Bytes of the answer that had come, for the estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_bytes: Option<u64>,
    /// AWS's id of the call, by which its invocation log has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub aws_request_id: String,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Body for CallIntended {
    const KIND: Kind = Kind::CALL_INTENDED;
    const VERSION: u16 = 1;
}

impl Body for CallEnded {
    const KIND: Kind = Kind::CALL_ENDED;
    const VERSION: u16 = 1;
}
