//! The validated type of a declared secret: where it is, never what it is.

use std::path::PathBuf;
use std::time::Duration;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretConfig {
    /// The name that it was declared under.
    pub name: String,
    /// Where it is.
    pub source: SecretLocation,
}

/// How the last known secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretCacheConfig {
    /// The directory that they are in.
    pub folder: PathBuf,
    /// The file with the key that seals them.
    pub key_file: PathBuf,
    /// How old one may be when it is used.
    pub max_age: Duration,
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
    /// In AWS Secrets Manager.
    AwsSecretsManager {
        /// Its name or ARN.
        id: String,
        /// The key in its JSON; the whole text where there is none.
        key: Option<String>,
    },
    /// The content of a file, without one line end at its end.
    File(PathBuf),
    /// The value of an environment variable.
    Environment(String),
}
