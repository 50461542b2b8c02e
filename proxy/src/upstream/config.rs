//! The settings of the Bedrock client, as validated values. Reading them from a file is the configuration's business.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::https_proxy::HttpsProxy;

/// How the Bedrock client connects, waits and retries.
#[derive(Debug, Clone)]
pub struct UpstreamConfig {
    /// The home region, such as `us-east-1`: where the credential chain talks to STS. A [`Call`](super::Call) names its own.
    pub region: String,
    /// The other regions that calls may name.
    pub failover_regions: Vec<String>,
    /// Replaces the regional endpoint of every region that has none in `endpoints`.
    pub endpoint: Option<Uri>,
    /// Replaces the endpoint of a region, such as by a PrivateLink name or a simulator. `http` is accepted in overrides only.
    pub endpoints: BTreeMap<String, Uri>,
    /// A bundle of PEM certificates that are trusted in place of the machine's own.
    pub ca_file: Option<PathBuf>,
    /// The proxies that calls over TLS go through.
    pub proxy: Option<HttpsProxy>,
    /// Use the FIPS 140 validated endpoints. Not together with an override.
    pub use_fips: bool,
    /// Use the endpoints that answer on IPv6 too. Not together with an override.
    pub use_dual_stack: bool,
    /// Limit for name resolution, TCP and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Limit from the start of an attempt to the answer's head, for a stream to its first event. AWS lets Nova infer for 60 minutes.
    pub first_byte_timeout: Duration,
    /// Limit for the silence between two events of a stream, or between two pieces of a whole answer.
    pub stream_idle_timeout: Duration,
    /// Most bytes of a whole answer.
    pub max_reply_bytes: usize,
    /// Most idle connections kept for one host.
    pub pool_max_idle_per_host: usize,
    /// How long an idle connection is kept. Below the 60 seconds after which load balancers commonly drop one silently.
    pub pool_idle_timeout: Duration,
    /// What is tried again.
    pub retry: RetryConfig,
}

impl UpstreamConfig {
    /// The defaults for a home region.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            failover_regions: Vec::new(),
            endpoint: None,
            endpoints: BTreeMap::new(),
            ca_file: None,
            proxy: None,
            use_fips: false,
            use_dual_stack: false,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_mins(10),
            stream_idle_timeout: Duration::from_mins(2),
            max_reply_bytes: 32 * 1024 * 1024,
            pool_max_idle_per_host: 256,
            pool_idle_timeout: Duration::from_secs(50),
            retry: RetryConfig::default(),
        }
    }
}

/// How often and how patiently a call is tried again before its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryConfig {
    /// Attempts of one call, the first included. One attempt with freshly loaded credentials, or with a corrected clock, may be added.
    pub max_attempts: u32,
    /// Upper bound of the first delay; it doubles with each attempt. The delay is drawn evenly from zero to the bound.
    pub base_delay: Duration,
    /// Upper bound of any delay. When Bedrock asks for a longer one the call ends and the caller is told how long.
    pub max_delay: Duration,
    /// No attempt starts later than this after the call began.
    pub total_budget: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            total_budget: Duration::from_secs(20),
        }
    }
}
