//! The configuration of the daemon: HCL files to one validated structure, every fault with its line and what to write.
//!
//! Owns its shape and its rules; the steps are those of `nova-config`. Whether files can be read and servers answer is found by the
//! daemon. A block `rollout "<job>"` is not looked into here: it is handed on as text.

mod raw;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use nova_config::{
    DocumentSchema, Environment, Fault, FaultKind, Faults, Layer, LogFormat, LogLevel, Position, RawBlock,
    RemoteAddress, RemoteTlsConfig, StandardBlock, read_layers,
};
use secrecy::SecretString;
use serde_json::Value;

use crate::api::AccessRules;
use crate::api::server::ApiTlsFiles;
use crate::leader::LeaderConfig;
use crate::rollout::policy::{self, PolicyText};
use crate::seams::webhook::Destinations;

use raw::RawAgent;

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The prefix of the keys.
    pub kv_prefix: String,
    /// The service under which the proxies are in Consul's catalog.
    pub service: String,
    /// The name of this instance, where it is written.
    pub instance: Option<String>,
    /// Where this instance keeps what must outlive it.
    pub data_dir: Option<PathBuf>,
    /// Where Consul is, and as whom it is asked.
    pub consul: ConsulConfig,
    /// Where Nomad is, and as whom it is asked. Without it nothing is rolled out, and there can be no TCP listener.
    pub nomad: Option<NomadConfig>,
    /// The Unix socket of the API.
    pub socket: Option<PathBuf>,
    /// The TCP listener of the API.
    pub listen: Option<ListenConfig>,
    /// How long this instance goes on answering when it stops.
    pub drain_timeout: Duration,
    /// How the lock of the leader is held.
    pub leader: LeaderConfig,
    /// The least severe level that is logged.
    pub log_level: LogLevel,
    /// The form of a log line.
    pub log_format: LogFormat,
    /// How often rollouts are looked at when nothing wakes the agent.
    pub rollouts_interval: Duration,
    /// What policies of rollouts may call, and how.
    pub webhooks: WebhookConfig,
    /// How the metrics listeners of instances are verified.
    pub instances_tls: RemoteTlsConfig,
    /// Policies of rollouts, as text, by their labels.
    pub rollouts: BTreeMap<String, RawBlock>,
}

/// What policies of rollouts may call, and how.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Which addresses.
    pub destinations: Destinations,
    /// The file with the secret that every call is signed with.
    pub secret_file: Option<PathBuf>,
    /// Certificates.
    pub tls: RemoteTlsConfig,
}

/// Where Consul is, and as whom it is asked.
#[derive(Clone, Debug)]
pub struct ConsulConfig {
    /// Its agent.
    pub address: RemoteAddress,
    /// As whom.
    pub token: ConsulToken,
    /// The datacenter; that of the agent where absent.
    pub datacenter: Option<String>,
    /// The namespace, in the enterprise edition.
    pub namespace: Option<String>,
    /// The admin partition, in the enterprise edition.
    pub partition: Option<String>,
    /// Certificates.
    pub tls: RemoteTlsConfig,
}

/// As whom Consul is asked.
#[derive(Clone, Debug)]
pub enum ConsulToken {
    /// As nobody.
    None,
    /// By the token of the environment.
    Fixed(SecretString),
    /// By the token in a file.
    File(PathBuf),
    /// By a login with a JWT.
    Login {
        /// The auth method.
        auth_method: String,
        /// The file with the JWT.
        jwt_file: PathBuf,
    },
}

/// Where Nomad is, and as whom it is asked.
#[derive(Clone, Debug)]
pub struct NomadConfig {
    /// Its agent, or the socket of the task API.
    pub address: RemoteAddress,
    /// As whom.
    pub token: NomadToken,
    /// The namespaces whose deployments are followed.
    pub namespaces: Vec<String>,
    /// The region; that of the agent where absent.
    pub region: Option<String>,
    /// Certificates.
    pub tls: RemoteTlsConfig,
}

/// As whom Nomad is asked.
#[derive(Clone, Debug)]
pub enum NomadToken {
    /// As nobody.
    None,
    /// By the token of the environment.
    Fixed(SecretString),
    /// By the token, or the workload identity, in a file.
    File(PathBuf),
}

/// The TCP listener of the API.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// The address.
    pub address: SocketAddr,
    /// The URL by which others reach it, if it is known.
    pub advertise: Option<String>,
    /// The certificate; without one it speaks plain HTTP.
    pub tls: Option<ApiTlsFiles>,
    /// Who may do what.
    pub rules: AccessRules,
    /// How long an answer of Nomad's about a token is remembered.
    pub remembered_for: Duration,
}

/// A configuration, and what it was made of.
#[derive(Clone, Debug)]
pub struct LoadedAgent {
    /// The configuration.
    pub config: AgentConfig,
    /// Every value, defaults included, without secrets.
    effective: Value,
}

impl LoadedAgent {
    /// A short name of the configuration, equal wherever the settings are equal.
    #[must_use]
    pub fn hash(&self) -> String {
        nova_config::short_hash(&self.effective)
    }

    /// This configuration with the runtime tier of `new`: what a process that runs this one comes to by a reload.
    #[must_use]
    pub fn with_runtime_of(mut self, new: Self) -> Self {
        self.config.log_level = new.config.log_level;
        self.config.rollouts = new.config.rollouts;
        if let (Some(own), Some(new)) = (self.effective.as_object_mut(), new.effective.as_object()) {
            if let Some(level) = new.get("log").and_then(|log| log.get("level")) {
                own.entry("log").or_insert_with(|| serde_json::json!({}))["level"] = level.clone();
            }
            own.insert("rollout".to_owned(), new.get("rollout").cloned().unwrap_or_default());
        }
        self
    }

    /// The fields in which `new` differs from this one and that wait for a restart.
    #[must_use]
    pub fn waiting_for_restart(&self, new: &Self) -> Vec<String> {
        schema().map(|schema| schema.bootstrap_changes(&self.effective, &new.effective)).unwrap_or_default()
    }
}

/// The JSON Schema of the configuration.
///
/// # Errors
/// When it is broken, which only a defect of this version can bring about.
pub fn json_schema() -> Result<Value, Faults> {
    schema().map(|schema| schema.json().clone())
}

/// Reads the files in order and judges them; the later wins.
///
/// # Errors
/// Every fault of every file, or of the reading.
pub fn load(files: &[PathBuf], environment: &dyn Environment) -> Result<LoadedAgent, Faults> {
    load_layers(read_layers(files)?, environment)
}

/// Judges texts that have been read already; the later wins.
///
/// # Errors
/// Every fault of every layer.
pub fn load_layers(layers: Vec<Layer>, environment: &dyn Environment) -> Result<LoadedAgent, Faults> {
    let fitting = schema()?.read(layers, environment, &[StandardBlock::Consul, StandardBlock::Nomad])?;
    let raw: RawAgent = fitting.parse()?;
    let mut effective = serde_json::to_value(&raw).unwrap_or_default();
    let config = rules::validate(&raw, &fitting, environment).map_err(|broken| fitting.faults(broken))?;
    policy::of_files(&policy_texts(&config.rollouts))?;
    if let Some(rollouts) = effective.get_mut("rollout").and_then(Value::as_object_mut) {
        // Their schema is another one's; their text is what the configuration is told apart by.
        rollouts.extend(config.rollouts.iter().map(|(job, block)| (job.clone(), block.text.trim().into())));
    }
    Ok(LoadedAgent { config, effective })
}

/// The blocks as documents of their own, whose lines are those of their files.
#[must_use]
pub fn policy_texts(blocks: &BTreeMap<String, RawBlock>) -> Vec<PolicyText> {
    let text = |(label, block): (&String, &RawBlock)| PolicyText {
        name: block.file.clone(),
        text: format!("rollout {} {{{}\n}}\n", Value::from(label.as_str()), block.text),
    };
    blocks.iter().map(text).collect()
}

fn schema() -> Result<&'static DocumentSchema, Faults> {
    static SCHEMA: OnceLock<Result<DocumentSchema, String>> = OnceLock::new();
    let made = SCHEMA.get_or_init(|| DocumentSchema::of::<RawAgent>("Bedrock Nova agent configuration"));
    made.as_ref().map_err(|error| {
        let position = Position { file: "configuration".to_owned(), line: 1, column: 1 };
        let problem = format!("this version's own schema is broken: {error}");
        Faults::new(FaultKind::Invalid, vec![Fault::new(position, "", problem, "report this as a defect")])
    })
}
