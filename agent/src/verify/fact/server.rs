//! What Consul, Nomad, Vault and the agent's keys tell.

use std::time::Duration;

use jiff::Timestamp;

use super::{Asked, Trouble};
use crate::documents::Indexes;

/// The token that calls were sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFact {
    /// Its public name, and what it is for.
    pub name: String,
    /// When it ends, where it has an end.
    pub ends_at: Option<Timestamp>,
}

/// The version of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFact {
    /// The server's name.
    pub server: String,
    /// The version, as it tells it.
    pub version: String,
}

/// Consul.
#[derive(Clone, Debug)]
pub struct ConsulFact {
    /// Where it was asked.
    pub address: String,
    /// The leader's address; empty where there is none.
    pub leader: Asked<String>,
    /// The versions of the agents that are known to it.
    pub versions: Asked<Vec<VersionFact>>,
    /// The token.
    pub token: Asked<TokenFact>,
    /// The documents of the configuration below the prefix.
    pub documents: Asked<Indexes>,
    /// Whether the catalog could be read, and how many it lists.
    pub catalog: Asked<usize>,
}

/// Nomad.
#[derive(Clone, Debug)]
pub struct NomadFact {
    /// Where it was asked.
    pub address: String,
    /// The leader's address; empty where there is none.
    pub leader: Asked<String>,
    /// The versions of the servers.
    pub versions: Asked<Vec<VersionFact>>,
    /// The token.
    pub token: Asked<TokenFact>,
    /// The proxy's job, where there is one.
    pub job: Asked<Option<JobFact>>,
    /// The nodes with what they offer.
    pub nodes: Asked<Vec<NomadNodeFact>>,
    /// The clients on which the job runs, or may run.
    pub clients: Asked<Vec<ClientFact>>,
}

/// The proxy's job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFact {
    /// Its id.
    pub id: String,
    /// Whether somebody has stopped it.
    pub is_stopped: bool,
    /// How many instances there are to be.
    pub wanted: usize,
    /// How many run.
    pub running: usize,
    /// How long a task has between SIGTERM and SIGKILL.
    pub kill_timeout: Duration,
    /// How long an instance drains at most, where the job's own files say it.
    pub drain: Option<Duration>,
    /// Whether a newer version comes into force.
    pub is_deploying: bool,
}

/// A node, and what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NomadNodeFact {
    /// Its name.
    pub name: String,
    /// Whether it is ready and gets tasks.
    pub takes_tasks: bool,
    /// Its healthy task drivers.
    pub drivers: Vec<String>,
    /// Its host volumes; not known where the node itself could not be read.
    pub volumes: Asked<Vec<String>>,
}

/// A client of Nomad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFact {
    /// Its node's name.
    pub node: String,
    /// The longest `kill_timeout` that it grants.
    pub max_kill_timeout: Asked<Duration>,
}

/// Vault.
#[derive(Clone, Debug)]
pub struct VaultFact {
    /// Where it was asked.
    pub address: String,
    /// What it can do: whether it answers calls, in one word, and its version.
    pub health: Asked<(bool, &'static str, String)>,
    /// The token.
    pub token: Asked<TokenFact>,
}

/// Whose clock it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A server's: Consul, Nomad or Vault.
    Server,
    /// An instance's.
    Instance,
    /// AWS's.
    Bedrock,
}

/// How far a clock is ahead of this machine's, or behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Ahead where it is positive, in milliseconds.
    pub ahead_ms: i64,
    /// How far the measurement may be wrong: half a second, since `Date` has whole ones, and half of the way to and fro.
    pub margin_ms: i64,
}

/// One clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockFact {
    /// Whose.
    pub whose: Whose,
    /// The name of its owner.
    pub name: String,
    /// How far it is off.
    pub skew: Asked<Skew>,
}

/// What Consul's keys say of the agent.
#[derive(Clone, Debug)]
pub struct AgentFact {
    /// Who leads; none where nobody holds the lock.
    pub leader: Asked<Option<String>>,
    /// When the leader has written its record last; none where there is no record.
    pub recorded_at: Asked<Option<Timestamp>>,
    /// Jobs whose rollout is under way.
    pub rolling: Asked<Vec<String>>,
}

impl Default for AgentFact {
    fn default() -> Self {
        let not_yet = || Trouble::NotAsked("it was not asked".to_owned());
        Self { leader: Err(not_yet()), recorded_at: Err(not_yet()), rolling: Err(not_yet()) }
    }
}
