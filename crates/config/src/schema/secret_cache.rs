//! `secret_cache { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// Secrets that are kept in data_dir, sealed, so that a start without Vault or AWS has the last ones.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSecretCache {
    /// The path of the file with the key that seals them, 32 bytes in base64, which this program's user alone may read.
    #[schemars(length(min = 1, max = 4096), extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) key_file: String,
    /// The oldest that a kept secret may be when it is used.
    #[serde(default = "max_age")]
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1m", "x-maximum" = "720h"))]
    pub(crate) max_age: DurationText,
}

fn max_age() -> DurationText {
    DurationText::from_secs(24 * 60 * 60)
}
