//! What the journal says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Body, Rest};
use crate::id::RecordHash;
use crate::record::Kind;

macro_rules! body {
    ($name:ident, $kind:ident) => {
        impl Body for $name {
            const KIND: Kind = Kind::$kind;
            const VERSION: u16 = 1;
        }
    };
}

/// The journal begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Started {
    /// Which program writes, with its version and instance, in the caller's words.
    #[serde(default)]
    pub by: String,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The journal is written on after its writer went away without an end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reopened {
    /// Who writes on.
    #[serde(default)]
    pub by: String,
    /// Bytes of a torn tail that were cut off: no record that was told to be on disk was among them.
    #[serde(default)]
    pub cut_bytes: u64,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A segment ends. The record before the seal has the number `last` and the hash `head`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The segment's first record.
    pub first: u64,
    /// Its last before the seal; one less than `first` when there is none.
    pub last: u64,
    /// How many they are.
    pub records: u64,
    /// The hash of the last.
    pub head: RecordHash,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The journal ends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ended {
    /// Who ended it.
    #[serde(default)]
    pub by: String,
    /// Why: `closed` by its own writer, or `adopted`.
    #[serde(default)]
    pub reason: String,
    /// Bytes of a torn tail that were cut off when it was adopted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_bytes: u64,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Records that were to stand here, and do not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lost {
    /// How many.
    pub records: u64,
    /// The same by the number of their kind.
    #[serde(default)]
    pub kinds: BTreeMap<u16, u64>,
    /// When the first was lost, in microseconds since 1970.
    #[serde(default)]
    pub first_us: u64,
    /// When the last was lost.
    #[serde(default)]
    pub last_us: u64,
    /// Why, in words.
    #[serde(default)]
    pub cause: String,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What is up to `through` was acknowledged elsewhere, and its segments may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The last record of the last segment that was removed.
    pub through: u64,
    /// Its hash, from which what is left goes on.
    pub head: RecordHash,
    /// Fields of later versions.
    #[serde(flatten)]
    pub rest: Rest,
}

body!(Started, STARTED);
body!(Reopened, REOPENED);
body!(Sealed, SEALED);
body!(Ended, ENDED);
body!(Lost, LOST);
body!(Removed, REMOVED);
