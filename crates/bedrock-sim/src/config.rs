//! What a simulator is started with: regions, credentials, limits.
//!
//! Faults and scripts are not configuration: tests set them while the simulator runs (`faults`, `script`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The access key that the default configuration accepts.
pub const DEFAULT_ACCESS_KEY_ID: &str = "AKIDSIMULATOR";
/// The secret of [`DEFAULT_ACCESS_KEY_ID`]. It protects nothing: the simulator listens on loopback only.
pub const DEFAULT_SECRET_ACCESS_KEY: &str = "simulator-secret-access-key";
/// An application inference profile id that the default configuration knows; it stands for Nova Lite.
pub const DEFAULT_APPLICATION_PROFILE: &str = "simulated0001";

/// A validated start configuration. [`SimulatorConfig::default`] serves `us-east-1` and `us-west-2` on free
/// ports and accepts [`DEFAULT_ACCESS_KEY_ID`].
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// One listener for each. At least one; names are unique.
    pub regions: Vec<RegionConfig>,
    /// Keys that may sign. An unknown key is refused as AWS refuses it.
    pub credentials: Vec<Credential>,
    /// Bedrock API keys, accepted as `Authorization: Bearer <key>`. None by default.
    pub bearer_tokens: Vec<String>,
    /// Accepts every request, signed or not, without looking. For a person's experiments, never for tests.
    pub any_credential: bool,
    /// Application inference profiles and provisioned models: resource id to model or profile id.
    pub application_profiles: BTreeMap<String, String>,
    /// How far the simulator's clock is ahead, in seconds, or behind if negative. Signatures are judged by it and
    /// the `Date` header shows it, so that a client's correction of clock skew can be tested.
    pub clock_ahead_seconds: i64,
    /// How much the simulator takes and keeps.
    pub limits: Limits,
}

/// One region and the address it is served on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionConfig {
    /// An AWS region name, such as `us-east-1`.
    pub name: String,
    /// A loopback address; port 0 takes a free port.
    pub address: SocketAddr,
}

impl RegionConfig {
    /// That region on a free port of 127.0.0.1.
    pub fn on_free_port(name: impl Into<String>) -> Self {
        Self { name: name.into(), address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0) }
    }
}

/// A key pair that may sign requests.
#[derive(Clone)]
pub struct Credential {
    /// The access key id.
    pub access_key_id: String,
    /// The secret that belongs to it.
    pub secret_access_key: String,
    /// When set, the request must carry exactly this session token.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Limits. Every buffer of the simulator has one.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections for each region; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Bytes of a request body. Bedrock's is 25 MB.
    pub body_bytes: usize,
    /// Invocations kept for `/_sim/invocations` and `/_sim/bill`; the oldest fall out. Totals stay.
    pub invocations: usize,
    /// Captured requests kept for `/_sim/requests`; the oldest fall out.
    pub captured_requests: usize,
    /// Bytes that captured bodies may hold together; the oldest fall out.
    pub captured_bytes: usize,
    /// Prompt-cache checkpoints kept; the least recently used fall out.
    pub cache_checkpoints: usize,
    /// Script keys (`times` with `key`) that are counted; the oldest fall out.
    pub script_keys: usize,
    /// How long `stop` waits for open responses before it cuts them off.
    pub stop_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            body_bytes: 25_000_000,
            invocations: 20_000,
            captured_requests: 1_000,
            captured_bytes: 64 * 1024 * 1024,
            cache_checkpoints: 4096,
            script_keys: 4096,
            stop_grace: Duration::from_secs(2),
        }
    }
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            regions: vec![RegionConfig::on_free_port("us-east-1"), RegionConfig::on_free_port("us-west-2")],
            credentials: vec![Credential {
                access_key_id: DEFAULT_ACCESS_KEY_ID.to_owned(),
                secret_access_key: DEFAULT_SECRET_ACCESS_KEY.to_owned(),
                session_token: None,
            }],
            bearer_tokens: Vec::new(),
            any_credential: false,
            application_profiles: BTreeMap::from([(
                DEFAULT_APPLICATION_PROFILE.to_owned(),
                "amazon.nova-lite-v1:0".to_owned(),
            )]),
            clock_ahead_seconds: 0,
            limits: Limits::default(),
        }
    }
}
