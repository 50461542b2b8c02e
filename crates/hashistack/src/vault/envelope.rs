//! What every answer of Vault is wrapped in.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::transport::{Answer, HashistackError};

/// An answer with content (Vault's API documentation, "HTTP API").
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) data: T,
    #[serde(default)]
    lease_duration: u64,
    /// Empty where there is no lease.
    #[serde(default)]
    lease_id: String,
}

impl<T> Envelope<T> {
    /// How long the content is good for; nothing where it has no lease.
    pub(super) fn lease(&self) -> Option<Duration> {
        lasting(self.lease_duration)
    }

    /// The lease's name, and what it is of.
    pub(super) fn leased(self) -> (Option<String>, T) {
        (Some(self.lease_id).filter(|id| !id.is_empty()), self.data)
    }
}

/// Vault writes zero seconds for what has no end.
pub(super) fn lasting(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Reads an answer whose content may be a secret, so that a fault in it is told by its place alone.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, HashistackError> {
    let mut reader = serde_json::Deserializer::from_slice(&answer.body);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| answer.unexpected(Misshapen { at: error.path().to_string() }))
}

/// Where an answer is not what was promised. What stands there instead is not told: it may be a secret.
#[derive(Debug)]
struct Misshapen {
    at: String,
}

impl fmt::Display for Misshapen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of the answer is absent or of another kind", self.at)
    }
}

impl std::error::Error for Misshapen {}
