//! How an instance stands with Consul.

use jiff::Timestamp;
use serde::Serialize;

use super::rfc3339;

/// What is known of the documents in Consul.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsulState {
    /// There is no `consul` block.
    Off,
    /// The last answer is up to date; whether its documents are in force is told by the refusal.
    InSync,
    /// Consul answers, but its servers have no leader, or lag behind it by more than `max_stale`.
    Stale,
    /// Consul does not answer, or only with errors of its own.
    Unreachable,
    /// Consul refuses the token, or what the token asks for.
    Denied,
    /// There is no document `config` under the prefix, or none that the token may see.
    Empty,
    /// Consul says that it left out of its answer what the token may not see.
    Filtered,
}

impl ConsulState {
    /// The word in receipts, health and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::InSync => "in_sync",
            Self::Stale => "stale",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::Empty => "empty",
            Self::Filtered => "filtered",
        }
    }
}

/// Whether the instance is in Consul's catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationState {
    /// The configuration says that it is not to be.
    Off,
    /// Not yet.
    Pending,
    /// It is.
    Registered,
    /// Another service of the local agent has the same address and port, such as Nomad's for this allocation: that one counts.
    ByAnother,
    /// The local agent refuses, or does not answer; it is tried again.
    Failed,
    /// The instance drains, and callers are told to look elsewhere.
    Maintenance,
    /// Taken out, because the instance has ended its work.
    Deregistered,
}

impl RegistrationState {
    /// The word in receipts, health and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Pending => "pending",
            Self::Registered => "registered",
            Self::ByAnother => "by_another",
            Self::Failed => "failed",
            Self::Maintenance => "maintenance",
            Self::Deregistered => "deregistered",
        }
    }
}

/// How an instance stands with Consul, with reasons for operators.
#[derive(Clone, Debug, Serialize)]
pub struct ConsulStanding {
    /// In one word.
    pub state: ConsulState,
    /// The index of the last answer.
    pub seen_index: Option<u64>,
    /// Since when the state is what it is.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// How far the server that answered last was behind its leader.
    pub last_contact_ms: Option<u64>,
    /// What is wrong and what to do about it.
    pub error: Option<String>,
    /// Whether the instance is in the catalog.
    pub registration: RegistrationState,
    /// Why it is not, and what to do about it.
    pub registration_error: Option<String>,
}

impl ConsulStanding {
    /// Without Consul, or before it was asked.
    #[must_use]
    pub fn off(since: Timestamp) -> Self {
        Self {
            state: ConsulState::Off,
            seen_index: None,
            since,
            last_contact_ms: None,
            error: None,
            registration: RegistrationState::Off,
            registration_error: None,
        }
    }
}
