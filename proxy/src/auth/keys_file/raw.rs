//! The keys file as written. What it means is judged in `keys_file.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The only version there is.
pub(in crate::auth) const VERSION: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct RawKeysFile {
    pub(in crate::auth) version: u32,
    pub(in crate::auth) keys: Vec<RawKey>,
}

/// One key. A field unknown to this program is refused: it might be a restriction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct RawKey {
    pub(in crate::auth) id: String,
    pub(in crate::auth) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::auth) team: Option<String>,
    pub(in crate::auth) hmac_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::auth) models: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::auth) expires_at: Option<String>,
    #[serde(default)]
    pub(in crate::auth) disabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::auth) created_at: Option<String>,
}

impl fmt::Debug for RawKey {
    /// The id is enough to find it; a hash has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawKey").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}
