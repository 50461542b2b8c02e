//! What this machine and the network around it give.

use jiff::Timestamp;

use super::{Asked, Trouble};

/// A port that the proxy is to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFact {
    /// `host:port`.
    pub address: String,
    /// Whether it could be bound, or why not.
    pub free: Result<(), String>,
}

/// A place that has to be reached. Each step is a fact of its own, and is not asked where the one before it failed.
#[derive(Clone, Debug)]
pub struct EndpointFact {
    /// What it is: `bedrock us-east-1`, `consul`.
    pub name: String,
    /// `host:port`.
    pub place: String,
    /// Its addresses.
    pub resolved: Asked<Vec<String>>,
    /// Whether a connection came about.
    pub connected: Asked<()>,
    /// The certificate, where it speaks TLS.
    pub certificate: Result<CertificateFact, TlsTrouble>,
}

/// A certificate that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFact {
    /// When it ends.
    pub ends_at: Timestamp,
}

/// Why there is no certificate that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsTrouble {
    /// Nothing was shown, for this reason.
    NotAsked(String),
    /// It comes from nobody who is trusted.
    Untrusted(String),
    /// It is for another name.
    OtherName(String),
    /// It has ended, or has not begun.
    OutOfTime(String),
    /// There was no handshake for another reason.
    Other(String),
}

impl EndpointFact {
    /// Of which nothing is known beyond its name.
    #[must_use]
    pub fn new(name: impl Into<String>, place: impl Into<String>) -> Self {
        let not_yet = || "a step before it failed".to_owned();
        Self {
            name: name.into(),
            place: place.into(),
            resolved: Err(Trouble::NotAsked(not_yet())),
            connected: Err(Trouble::NotAsked(not_yet())),
            certificate: Err(TlsTrouble::NotAsked(not_yet())),
        }
    }
}
