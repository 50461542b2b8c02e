//! The validated type of a declared secret: where it is, never what it is.

use std::path::PathBuf;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretConfig {
    /// The name that it was declared under.
    pub name: String,
    /// Where it is.
    pub source: SecretLocation,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretLocation {
    /// In Vault's key-value engine.
    Vault {
        /// Mount and path, as `vault kv get` takes them: which part is the mount is for Vault to say.
        path: String,
        /// The field.
        field: String,
    },
    /// The content of a file, without one line end at its end.
    File(PathBuf),
    /// The value of an environment variable.
    Environment(String),
}
