//! What was found out, before anybody judges it. Pure: plain values, which tests write by hand.

mod bedrock;
mod host;
mod instance;
mod request;
mod server;

use jiff::Timestamp;

use super::rules::Rules;

pub use bedrock::{BedrockAnswer, BedrockCall, BedrockCredentials};
pub use host::{CertificateFact, EndpointFact, PortFact, TlsTrouble};
pub use instance::{HealthPage, InstanceFact, ReadinessCondition};
pub use request::{KeyFact, ModelFact, Tried};
pub use server::{
    AgentFact, ClientFact, ClockFact, ConsulFact, JobFact, NomadFact, NomadNodeFact, Skew, TokenFact,
    VaultFact, VersionFact, Whose,
};

/// An answer, or why there is none.
pub type Asked<T> = Result<T, Trouble>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody was asked, for this reason.
    NotAsked(String),
    /// No connection, or no whole answer in time.
    Unreachable(String),
    /// A refusal.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What was said, in a whole sentence.
        told: String,
    },
    /// Something else than what was asked for.
    Odd(String),
}

impl Trouble {
    /// The reason.
    #[must_use]
    pub fn told(&self) -> &str {
        match self {
            Self::NotAsked(told) | Self::Unreachable(told) | Self::Refused { told, .. } | Self::Odd(told) => {
                told
            }
        }
    }

    /// Whether nobody answered.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// Whether the server has no access control. Consul and Nomad say so in the same words.
    #[must_use]
    pub fn is_acl_disabled(&self) -> bool {
        matches!(self, Self::Refused { told, .. } if told.to_lowercase().contains("acl support disabled"))
    }

    /// Whether the token may not do this, or is unknown.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Refused { status, told } => {
                matches!(status, 401 | 403) || told.contains("Permission denied")
            }
            _ => false,
        }
    }
}

/// Everything that was found out, in one look.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the look began.
    pub at: Timestamp,
    /// What is expected.
    pub rules: Rules,
    /// Consul, or why it is not looked at.
    pub consul: Result<ConsulFact, String>,
    /// Nomad, likewise.
    pub nomad: Result<NomadFact, String>,
    /// Vault, likewise.
    pub vault: Result<VaultFact, String>,
    /// How far clocks are off this machine's.
    pub clocks: Vec<ClockFact>,
    /// The instances in the catalog.
    pub instances: Vec<InstanceFact>,
    /// By region, what became of the key.
    pub keys: Vec<KeyFact>,
    /// By region and model, what became of synthetic requests.
    pub models: Vec<ModelFact>,
    /// What Consul's keys say of the agent.
    pub agent: AgentFact,
    /// Ports of this machine.
    pub ports: Vec<PortFact>,
    /// Places that have to be reached.
    pub endpoints: Vec<EndpointFact>,
    /// With what Bedrock would be called.
    pub credentials: Asked<BedrockCredentials>,
    /// By region and model, what Bedrock answered.
    pub bedrock: Vec<BedrockCall>,
}

impl Facts {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(at: Timestamp, rules: Rules) -> Self {
        let not_yet = || "it was not asked".to_owned();
        Self {
            at,
            rules,
            consul: Err(not_yet()),
            nomad: Err(not_yet()),
            vault: Err(not_yet()),
            clocks: Vec::new(),
            instances: Vec::new(),
            keys: Vec::new(),
            models: Vec::new(),
            agent: AgentFact::default(),
            ports: Vec::new(),
            endpoints: Vec::new(),
            credentials: Err(Trouble::NotAsked(not_yet())),
            bedrock: Vec::new(),
        }
    }
}
