//! AWS credentials: where they come from, and the cache that keeps them ahead of their expiry.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use futures_util::future::BoxFuture;

mod assume_role;
mod cache;
mod default_chain;
mod kept;
mod vault;

pub use assume_role::{AssumedRole, RoleConfig};
pub use cache::{CachedCredentials, CredentialCacheConfig, CredentialStanding, SigningCredentials};
pub use default_chain::DefaultChain;
pub use kept::KeptCredentials;
pub use vault::VaultCredentials;

/// A place that credentials are loaded from: AWS's default chain, Vault's AWS engine, a fixed pair in tests.
///
/// A source does not cache and does not retry; [`CachedCredentials`] does.
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// Loads credentials now. With an expiry when they have one.
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>>;

    /// What is tried, for the operator: `the default chain (environment, profile, ...)`.
    fn describe(&self) -> String;
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The source failed.
    #[error("no aws credentials from {tried}")]
    Failed {
        /// What was tried.
        tried: String,
        /// What the source says.
        #[source]
        source: CredentialsError,
    },
    /// The source did not answer in time.
    #[error("no aws credentials from {tried} within {} s; can this machine reach it?", limit.as_secs_f32())]
    TimedOut {
        /// What was tried.
        tried: String,
        /// The limit that was passed.
        limit: Duration,
    },
    /// The source gave credentials that are of no use any more.
    #[error(
        "the aws credentials from {tried} have expired already; check their source and this machine's clock"
    )]
    Expired {
        /// What was tried.
        tried: String,
        /// When they expired.
        at: SystemTime,
    },
}

pub(super) use nova_telemetry::error_chain as chain;
