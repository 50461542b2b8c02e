//! What an instance tells of its configuration: which one is in force, why the last one was refused, how it stands with Consul and Vault,
//! and how old its secrets are.
//!
//! Owns the form of the receipt and its latest state. The reloader, the watch, the registration and what reads secrets write to it; the
//! pages `/config/receipt` and `/health` read it. It holds no secret: faults quote values under the rules of `nova-config`.

mod candidate;
mod refusal;
mod secrets;
mod standing;

use std::sync::Arc;

use jiff::{Timestamp, Unit};
use nova_config::Loaded;
use serde::{Serialize, Serializer};
use tokio::sync::watch;

pub use candidate::{CandidateRefusal, CandidateRing, CandidateStanding, CandidateState};
pub use refusal::{FaultEntry, Refusal, RefusedFiles};
pub use secrets::{SecretPlace, SecretStanding, VaultStanding, VaultState};
pub use standing::{ConsulStanding, ConsulState, RegistrationState};

/// Where the documents of the configuration in force come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigSource {
    /// There are none: the files alone are in force.
    Files,
    /// Consul gave them to this process.
    Consul,
    /// An earlier process kept them in `data_dir`; Consul has not given any yet.
    LastKnownGood,
}

impl ConfigSource {
    /// The word in receipts, health and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Consul => "consul",
            Self::LastKnownGood => "last_known_good",
        }
    }
}

/// One document by its version, as Consul tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentVersion {
    /// The whole key.
    pub key: String,
    /// Its `ModifyIndex`.
    pub modify_index: u64,
}

/// The configuration in force.
#[derive(Clone, Debug, Serialize)]
pub struct AppliedConfig {
    /// Its short hash, equal wherever the settings are equal.
    pub hash: Arc<str>,
    /// Where its documents come from.
    pub source: ConfigSource,
    /// The index of the read that gave the documents; none for files alone.
    pub applied_index: Option<u64>,
    /// When it was put into force.
    #[serde(serialize_with = "rfc3339")]
    pub applied_at: Timestamp,
    /// Its documents in the order of their layers.
    pub documents: Vec<DocumentVersion>,
    /// Fields of the files that differ from what is in force until the next start.
    pub waiting_for_restart: Vec<String>,
    /// Why the files as they are now are not in force; none when they are.
    pub files_refused: Option<RefusedFiles>,
    /// Why the documents could not be kept for the next start; none when they are, or when nothing is to be kept.
    pub not_kept: Option<String>,
}

impl AppliedConfig {
    /// Files alone, put into force at `applied_at`.
    #[must_use]
    pub fn new(hash: Arc<str>, applied_at: Timestamp) -> Self {
        Self {
            hash,
            source: ConfigSource::Files,
            applied_index: None,
            applied_at,
            documents: Vec::new(),
            waiting_for_restart: Vec::new(),
            files_refused: None,
            not_kept: None,
        }
    }
}

/// Who this instance is.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// Unique among the instances: the configured name, the allocation's id, or host and port.
    pub instance: String,
    /// The name of the service that it is registered under.
    pub service: String,
    /// The program's version.
    pub version: &'static str,
    /// The home region of its calls to Bedrock.
    pub region: String,
    /// The rollout ring.
    pub ring: String,
}

impl Identity {
    /// The instance called `instance` that runs this configuration.
    #[must_use]
    pub fn new(instance: String, loaded: &Loaded) -> Self {
        let bootstrap = &loaded.config.bootstrap;
        let service = bootstrap.consul.as_ref().map_or("nova-proxy", |consul| &consul.service.name);
        Self {
            instance,
            service: service.to_owned(),
            version: nova_config::running_version(),
            region: bootstrap.bedrock.region.clone(),
            ring: bootstrap.ring.clone(),
        }
    }
}

/// The page. Members may be added: whoever reads it passes over those that it does not know.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    /// Who tells.
    #[serde(flatten)]
    pub identity: Arc<Identity>,
    /// What is in force.
    pub config: AppliedConfig,
    /// Why the documents that were seen last are not in force; none when they are.
    pub refusal: Option<Refusal>,
    /// The candidate for `config` that is being tried, and what this instance does about it; none where there is none. The member is
    /// there all the same: an instance without it is of a version that tries none.
    pub candidate: Option<CandidateStanding>,
    /// How the instance stands with Consul.
    pub consul: ConsulStanding,
    /// How the instance stands with Vault.
    pub vault: VaultStanding,
    /// Its secrets by name.
    pub secrets: Vec<SecretStanding>,
}

/// The latest receipt, shared by those who change it and those who read it.
#[derive(Clone, Debug)]
pub struct ReceiptStore(Arc<watch::Sender<Receipt>>);

impl ReceiptStore {
    /// Begins with what a process begins with.
    #[must_use]
    pub fn new(first: Receipt) -> Self {
        Self(Arc::new(watch::Sender::new(first)))
    }

    /// The receipt at this moment.
    #[must_use]
    pub fn current(&self) -> Receipt {
        self.0.borrow().clone()
    }

    /// Changes the receipt in one step, which no reader sees in part.
    pub fn change(&self, change: impl FnOnce(&mut Receipt)) {
        self.0.send_modify(change);
    }
}

/// RFC 3339 in UTC with milliseconds.
fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.round(Unit::Millisecond).unwrap_or(*at))
}

#[cfg(test)]
mod tests;
