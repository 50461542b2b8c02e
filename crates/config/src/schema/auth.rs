//! `auth { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may call: a file of keys, or, on loopback alone, everybody.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAuth {
    /// The path of the file with the hashes of API keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) keys_file: Option<String>,
    /// The path of the file with the secret that the keys are hashed with; by default keys_file with .pepper behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) pepper_file: Option<String>,
    /// The name of a declared secret that the keys are hashed with, in place of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,63}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of a secret block in quotes, such as \"pepper\""))]
    pub(crate) pepper_secret: Option<String>,
    /// Whether everybody may call; only where listen is a loopback address.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) none: bool,
}
