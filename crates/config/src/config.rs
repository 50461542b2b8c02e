//! The validated configuration: what the program reads. Every value is of its own type and within its range.
//!
//! Owns the validated types. They can only be made by `rules`, from a checked document.

mod consul;
mod remote;
mod secret;
mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::schema::{
    ForwardedHeader, GuardrailTrace, LogFormat, LogLevel, PromptCachePoint, ReasoningEffort, Residency,
    ServiceTier, TlsVersion,
};

pub use consul::{ConsulConfig, ConsulLoginConfig, ConsulToken, ServiceConfig};
pub use remote::{RemoteAddress, RemoteTlsConfig};
pub use secret::{SecretCacheConfig, SecretConfig, SecretLocation};
pub use vault::{
    VaultAppRoleConfig, VaultCertificateConfig, VaultConfig, VaultCredentialsConfig, VaultJwtConfig,
    VaultToken,
};

/// A whole configuration in its two tiers.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What is fixed for the life of the process.
    pub bootstrap: BootstrapConfig,
    /// What a reload may change.
    pub runtime: RuntimeConfig,
}

/// What is fixed for the life of the process.
#[derive(Clone, Debug, PartialEq)]
pub struct BootstrapConfig {
    /// The address that serves the OpenAI API.
    pub listen: SocketAddr,
    /// The address that serves metrics and health.
    pub metrics: Option<SocketAddr>,
    /// Where operators reach this instance.
    pub admin: Option<AdminAddress>,
    /// The directory in which the instance keeps what must outlive it; there is one where there is [`Self::consul`].
    pub data_dir: Option<PathBuf>,
    /// The name of the instance, where it is written.
    pub instance: Option<String>,
    /// The rollout ring.
    pub ring: String,
    /// The form of a log line.
    pub log_format: LogFormat,
    /// The listener's limits and the drain.
    pub server: ServerConfig,
    /// The certificate of the listeners; plain HTTP without it.
    pub tls: Option<TlsConfig>,
    /// Where Bedrock is.
    pub bedrock: BedrockConfig,
    /// Where Consul is, if it is used.
    pub consul: Option<ConsulConfig>,
    /// Where Vault is, if it is used.
    pub vault: Option<VaultConfig>,
    /// Who may call.
    pub auth: AuthConfig,
    /// How the last known secrets are kept, if they are.
    pub secret_cache: Option<SecretCacheConfig>,
    /// The memory of all bodies together that are being read, in bytes.
    pub body_memory: u64,
    /// Where images may be fetched from.
    pub image_fetch: ImageFetchPolicy,
}

/// The listener's limits and the drain.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerConfig {
    /// How many connections are open at most.
    pub max_connections: usize,
    /// How long the headers of a request may take.
    pub header_timeout: Duration,
    /// How long a connection may be open without a request.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// How long a stopping instance still accepts.
    pub drain_min_delay: Duration,
    /// How long open requests may go on after that.
    pub drain_timeout: Duration,
    /// Whose word on a client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether their connections to the API listener begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// The header in which they tell the client's address.
    pub forwarded_header: ForwardedHeader,
}

/// Where Bedrock is.
#[derive(Clone, Debug, PartialEq)]
pub struct BedrockConfig {
    /// The home region: the first that is asked.
    pub region: String,
    /// The regions beside it that may be asked at all.
    pub regions: Vec<String>,
    /// The base URL of Bedrock Runtime by region, where it is not AWS's own.
    pub endpoints: BTreeMap<String, Url>,
    /// The geography that no call leaves.
    pub residency: Option<Residency>,
    /// The certificates that are trusted in place of the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Whether FIPS 140 validated endpoints are called.
    pub use_fips: bool,
    /// Whether endpoints that answer on IPv6 too are called.
    pub use_dual_stack: bool,
    /// The role that calls are made as.
    pub assume_role: Option<AssumeRoleConfig>,
    /// The credentials of Vault, where they come from there; there is [`BootstrapConfig::vault`] then.
    pub vault_credentials: Option<VaultCredentialsConfig>,
}

/// A role that is assumed.
#[derive(Clone, Debug, PartialEq)]
pub struct AssumeRoleConfig {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks of callers from another account.
    pub external_id: Option<String>,
    /// The session's name.
    pub session_name: Option<String>,
    /// The session's tags.
    pub session_tags: BTreeMap<String, String>,
}

/// Who may call.
#[derive(Clone, Debug, PartialEq)]
pub enum AuthConfig {
    /// The holders of the keys in a file.
    Keys {
        /// The file with the hashes of API keys.
        keys_file: PathBuf,
        /// The secret that they are hashed with.
        pepper: PepperConfig,
    },
    /// Everybody who reaches the loopback address.
    None,
}

/// The secret that keys are hashed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PepperConfig {
    /// A file, beside the keys or elsewhere.
    File(PathBuf),
    /// A declared secret.
    Secret(SecretConfig),
}

/// Where operators reach an instance: never over a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// The certificate of the listeners, and whose client certificates they want.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsConfig {
    /// Where the certificate comes from.
    pub certificate: CertificateConfig,
    /// The authorities of client certificates, in PEM. With it, every client needs one.
    pub client_ca_file: Option<PathBuf>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether the metrics listener speaks TLS too.
    pub metrics: bool,
}

impl TlsConfig {
    /// The files that are named, which may change while the process runs.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let pair = match &self.certificate {
            CertificateConfig::Files { cert_file, key_file } => Some([cert_file, key_file]),
            CertificateConfig::Vault(_) => None,
        };
        pair.into_iter().flatten().chain(&self.client_ca_file)
    }
}

/// Where the certificate of the listeners comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateConfig {
    /// Files, to be read again when they change.
    Files {
        /// The certificate and its chain, in PEM.
        cert_file: PathBuf,
        /// Its private key, in PEM.
        key_file: PathBuf,
    },
    /// Vault's PKI engine.
    Vault(VaultCertificateConfig),
}

/// Where images may be fetched from.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFetchPolicy {
    /// The allowed hosts as written; empty means that no image is fetched. The program reads the patterns.
    pub allow_hosts: Vec<String>,
    /// Whether an allowed host may have a private, loopback or link-local address.
    pub allow_private_networks: bool,
}

/// What a reload may change.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeConfig {
    /// Whether a parameter that Nova cannot honor is refused.
    pub strict: bool,
    /// Whether well-known OpenAI model names are mapped without a model block.
    pub well_known_models: bool,
    /// Pairs that every call carries into the invocation log, with placeholders as written.
    pub request_metadata: BTreeMap<String, String>,
    /// The least severe level that is logged.
    pub log_level: LogLevel,
    /// How patiently Bedrock is called.
    pub timeouts: TimeoutConfig,
    /// How a failed call is tried again.
    pub retry: RetryConfig,
    /// Where it goes on when a region cannot answer.
    pub failover: FailoverConfig,
    /// When a region counts as failed for a model.
    pub breaker: BreakerConfig,
    /// What one instance takes on at once.
    pub limits: LimitsConfig,
    /// The limits of one image fetch.
    pub image_fetch: ImageFetchConfig,
    /// Model names and what they stand for.
    pub models: BTreeMap<String, ModelConfig>,
    /// Model names taken out by `remove = true`; the program takes them out of its well-known names too.
    pub removed_models: BTreeSet<String>,
}

/// How patiently Bedrock is called.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeoutConfig {
    /// For making a connection.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two events of a stream.
    pub stream_idle: Duration,
}

/// How a failed call is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryConfig {
    /// Calls at most, the first included.
    pub max_attempts: u32,
    /// The wait before the first retry.
    pub base_delay: Duration,
    /// The longest wait between two tries.
    pub max_delay: Duration,
}

/// Where a call goes on when a region cannot answer.
#[derive(Clone, Debug, PartialEq)]
pub struct FailoverConfig {
    /// The regions after the home region, in order. Each was declared when this was loaded; the one that counts is the
    /// declaration at the start of the process, [`BedrockConfig::regions`].
    pub regions: Vec<String>,
    /// Whether throttling is a reason to go on.
    pub spill_on_throttle: bool,
    /// How long a streamed call waits for its first event where another region stands ready.
    pub stream_after: Duration,
}

/// When a region counts as failed for a model, and how it is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerConfig {
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// The percentage of failed calls within half a minute.
    pub failure_percent: u32,
    /// How many calls must have ended before their percentage counts.
    pub min_calls: u32,
    /// How long it is not called the first time.
    pub open_for: Duration,
    /// The longest that it is not called.
    pub open_max: Duration,
    /// Calls that probe it at once, and that must succeed.
    pub probes: u32,
}

/// What one instance takes on at once.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitsConfig {
    /// The largest request body, in bytes.
    pub body_bytes: u64,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Requests that are worked on at once.
    pub concurrency: usize,
    /// Requests that wait for one.
    pub queue: usize,
    /// How long a request waits.
    pub queue_timeout: Duration,
    /// Choices of one request.
    pub n: u32,
    /// The longest silence of a stream to a client.
    pub keep_alive_interval: Duration,
}

/// The limits of one image fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFetchConfig {
    /// The largest image, in bytes.
    pub max_bytes: u64,
    /// How long one image may take, redirects included.
    pub timeout: Duration,
}

/// What a model name stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// As written: the program's catalogue resolves it.
    pub target: String,
    /// Which model an opaque target serves.
    pub base_model: Option<String>,
    /// Whether it is served past its end of life.
    pub extended_access: bool,
    /// The most tokens of an answer where the request does not say.
    pub max_tokens: Option<u32>,
    /// The reasoning effort where the request does not say.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// The Bedrock service tier.
    pub service_tier: Option<ServiceTier>,
    /// Where cache points are set.
    pub prompt_cache: Vec<PromptCachePoint>,
    /// Overrides [`RuntimeConfig::strict`].
    pub strict: Option<bool>,
    /// Overrides [`TimeoutConfig::first_byte`].
    pub first_byte_timeout: Option<Duration>,
    /// Overrides [`FailoverConfig::stream_after`].
    pub stream_failover_after: Option<Duration>,
    /// Overrides [`RuntimeConfig::request_metadata`] pair by pair.
    pub request_metadata: BTreeMap<String, String>,
    /// The guardrail of the calls.
    pub guardrail: Option<GuardrailConfig>,
}

/// A Bedrock guardrail.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardrailConfig {
    /// Id or ARN.
    pub id: String,
    /// A number, or `DRAFT`.
    pub version: String,
    /// How much of the assessment is reported.
    pub trace: GuardrailTrace,
}
