//! Declared secrets, read from where the configuration says that each is.
//!
//! Whoever uses a secret keeps it in memory; nothing here does. Nothing of it is written anywhere, unless `secret_cache` says so.

mod aws;
mod cache;
mod environment;
mod file;
pub mod sealed;
mod vault;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use nova_config::{SecretConfig, SecretLocation};
use nova_hashistack::{HashistackError, VaultClient};
use secrecy::SecretSlice;

use crate::receipt::SecretPlace;
use crate::upstream::{SecretsManager, SecretsManagerError};
use aws::AwsSecret;
pub use cache::SecretCache;
use environment::EnvironmentSecret;
use file::FileSecret;
use vault::VaultSecret;

/// The largest secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// A place that a secret is read from.
pub trait SecretSource: fmt::Debug + Send + Sync {
    /// Reads the secret as it is now.
    fn read(&self) -> BoxFuture<'_, Result<SecretSlice<u8>, SecretError>>;

    /// The place, for operators.
    fn describe(&self) -> String;
}

/// Why a secret cannot be read. Says nothing of what it is.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Vault gives no answer, or a refusal.
    #[error("the secret at {path} cannot be read from Vault")]
    Vault {
        /// Mount and path.
        path: String,
        /// What Vault says.
        #[source]
        source: Box<HashistackError>,
    },
    /// There is no vault block, which the configuration has checked.
    #[error("the secret at {path} is in Vault, and there is no vault block")]
    NoVault {
        /// Mount and path.
        path: String,
    },
    /// Another engine than the one that is read.
    #[error(
        "{path} is in the engine {engine} of Vault, and only version 2 of kv is read: name a secret there"
    )]
    Engine {
        /// Mount and path.
        path: String,
        /// The engine, with its version where it has one.
        engine: String,
    },
    /// Nothing is there.
    #[error("there is no field {field} at {path} in Vault: write it by `vault kv put {path} {field}=…`")]
    NoField {
        /// Mount and path.
        path: String,
        /// The field.
        field: String,
    },
    /// AWS gives no answer, or a refusal.
    #[error("the secret {id} cannot be read from AWS Secrets Manager")]
    AwsSecretsManager {
        /// Its name or ARN.
        id: String,
        /// What AWS says.
        #[source]
        source: Box<SecretsManagerError>,
    },
    /// It is no JSON with this key.
    #[error(
        "the secret {id} in AWS Secrets Manager is no JSON object with a text under {key}: write it there, or declare it without #{key}"
    )]
    NoKey {
        /// Its name or ARN.
        id: String,
        /// The key.
        key: String,
    },
    /// A file that is not there, or not ours to read.
    #[error("cannot read the secret in {}; check the path and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A variable that is not set.
    #[error("the environment variable {name} is not set, and a secret is declared to be in it")]
    NoVariable {
        /// The variable.
        name: String,
    },
    /// Larger than a secret is.
    #[error("what is at {place} is larger than {SECRET_BYTES_MAX} bytes: name a secret")]
    TooLarge {
        /// The place.
        place: String,
    },
}

/// The place that a declaration names.
///
/// # Errors
/// When it is in Vault, and there is none.
pub fn source(
    config: &SecretConfig,
    vault: Option<&VaultClient>,
    aws: &SecretsManager,
) -> Result<Arc<dyn SecretSource>, SecretError> {
    Ok(match (&config.source, vault) {
        (SecretLocation::Vault { path, field }, Some(client)) => {
            Arc::new(VaultSecret::new(client.clone(), path.clone(), field.clone()))
        }
        (SecretLocation::Vault { path, .. }, None) => {
            return Err(SecretError::NoVault { path: path.clone() });
        }
        (SecretLocation::AwsSecretsManager { id, key }, _) => {
            Arc::new(AwsSecret::new(aws.clone(), id.clone(), key.clone()))
        }
        (SecretLocation::File(path), _) => Arc::new(FileSecret::new(path.clone())),
        (SecretLocation::Environment(name), _) => Arc::new(EnvironmentSecret::new(name.clone())),
    })
}

/// Where it is, as receipts tell it.
pub fn place(config: &SecretConfig) -> SecretPlace {
    match config.source {
        SecretLocation::Vault { .. } => SecretPlace::Vault,
        SecretLocation::AwsSecretsManager { .. } => SecretPlace::AwsSecretsManager,
        SecretLocation::File(_) => SecretPlace::File,
        SecretLocation::Environment(_) => SecretPlace::Environment,
    }
}

/// A secret of a size that secrets have.
fn sized(bytes: Vec<u8>, place: impl FnOnce() -> String) -> Result<SecretSlice<u8>, SecretError> {
    let secret = SecretSlice::from(bytes);
    if secrecy::ExposeSecret::expose_secret(&secret).len() > SECRET_BYTES_MAX {
        return Err(SecretError::TooLarge { place: place() });
    }
    Ok(secret)
}

#[cfg(test)]
mod tests;
