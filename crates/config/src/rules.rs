//! From a checked tree to the validated configuration, with the rules that lie between fields.
//!
//! Owns what a schema cannot say; the rules of regions and endpoints are in `rules/regions.rs`, those of Consul in `rules/consul.rs`, of Vault in `rules/vault.rs`. Whether files exist and model targets are real is the program's to find.

mod auth;
mod consul;
mod regions;
mod remote;
mod secret;
mod tls;
mod vault;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde_json::Value;

use crate::config::{
    AdminAddress, BootstrapConfig, Config, FailoverConfig, GuardrailConfig, ImageFetchConfig,
    ImageFetchPolicy, LimitsConfig, ModelConfig, RetryConfig, RuntimeConfig, ServerConfig, TimeoutConfig,
};
use crate::environment::Tokens;
use crate::schema::{RawConfig, RawGuardrail, RawModel, RawServer};

pub use remote::RemoteFields;

/// Source: Bedrock API Reference, Converse, `requestMetadata`.
const METADATA_PAIRS_MAX: usize = 16;

/// A rule that is broken: the dotted path of a field, what is wrong, what to do.
pub type Broken = (Cow<'static, str>, String, String);

/// The raw configuration of a tree that fits the schema.
///
/// # Errors
/// The path and the reason, where type and schema disagree.
pub(crate) fn parse(tree: &Value) -> Result<RawConfig, (String, String)> {
    serde_path_to_error::deserialize(tree)
        .map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

/// What a configuration follows from beside the merged tree.
pub(crate) struct Beside {
    /// The labels of `model` that were taken out.
    pub(crate) removed_models: BTreeSet<String>,
    /// What the files say in `bedrock.failover_regions`: they declare regions by it, and documents cannot.
    pub(crate) declared_regions: Vec<String>,
    /// The tokens in the environment.
    pub(crate) tokens: Tokens,
}

/// Applies the rules.
///
/// # Errors
/// Every rule that is broken.
pub(crate) fn validate(raw: RawConfig, beside: Beside) -> Result<Config, Vec<Broken>> {
    let mut broken = Vec::new();
    let listen = address("listen", Some(&raw.listen), &mut broken);
    let metrics = address("metrics", raw.metrics.as_deref(), &mut broken);
    if listen.is_some() && listen == metrics && listen.is_some_and(|address| address.port() != 0) {
        broken.push(rule("metrics", "is the same address as listen", "write another port"));
    }
    let admin = admin(raw.admin.as_deref(), [listen, metrics], &mut broken);
    let secrets = secret::Secrets::check(&raw.secret, raw.vault.is_some(), &mut broken);
    let auth = auth::auth(raw.auth.as_ref(), listen, &secrets, &mut broken);
    let secret_cache = raw
        .secret_cache
        .as_ref()
        .and_then(|cache| secret::cache(cache, raw.data_dir.as_deref(), &mut broken));
    let bedrock = regions::bedrock(&raw.bedrock, &beside.declared_regions, raw.vault.is_some(), &mut broken);
    let consul = raw.consul.as_ref().and_then(|consul| {
        let places = consul::Beside { data_dir: raw.data_dir.as_deref(), has_vault: raw.vault.is_some() };
        consul::consul(consul, places, beside.tokens.consul, &mut broken)
    });
    let vault = raw.vault.as_ref().and_then(|vault| vault::vault(vault, beside.tokens.vault, &mut broken));
    if raw.bedrock.retry.base_delay > raw.bedrock.retry.max_delay {
        let problem = format!("is above bedrock.retry.max_delay, {}", raw.bedrock.retry.max_delay);
        broken.push(rule("bedrock.retry.base_delay", problem, "lower it, or raise max_delay"));
    }
    let beside_tls = tls::Beside { has_metrics: raw.metrics.is_some(), has_vault: raw.vault.is_some() };
    let tls = raw.tls.as_ref().and_then(|tls| tls::tls(tls, beside_tls, &mut broken));
    let server = server(&raw.server, &mut broken);
    if raw.bedrock.breaker.open_for > raw.bedrock.breaker.open_max {
        let problem = format!("is above bedrock.breaker.open_max, {}", raw.bedrock.breaker.open_max);
        broken.push(rule("bedrock.breaker.open_for", problem, "lower it, or raise open_max"));
    }
    too_much_metadata(&raw, &mut broken);
    let (Some(listen), Some(auth), Some(bedrock), true) = (listen, auth, bedrock, broken.is_empty()) else {
        return Err(broken);
    };
    let bootstrap = BootstrapConfig {
        listen,
        metrics,
        admin,
        data_dir: raw.data_dir.as_ref().map(PathBuf::from),
        instance: raw.instance.clone(),
        ring: raw.ring.clone(),
        log_format: raw.log.format,
        server,
        tls,
        bedrock,
        consul,
        vault,
        auth,
        secret_cache,
        body_memory: raw.limits.body_memory.get(),
        image_fetch: ImageFetchPolicy {
            allow_hosts: raw.image_fetch.allow_hosts.clone(),
            allow_private_networks: raw.image_fetch.allow_private_networks,
        },
    };
    let failover = regions::failover(&raw.bedrock);
    Ok(Config { bootstrap, runtime: runtime(raw, beside.removed_models, failover) })
}

fn rule(path: impl Into<Cow<'static, str>>, problem: impl Into<String>, fix: impl Into<String>) -> Broken {
    (path.into(), problem.into(), fix.into())
}

fn address(field: &'static str, text: Option<&str>, broken: &mut Vec<Broken>) -> Option<SocketAddr> {
    let text = text?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let problem = format!("{} is not an IP address and a port", crate::redact::quoted(text));
        broken.push(rule(field, problem, "write an address such as \"0.0.0.0:8080\" or \"[::]:8080\""));
    }
    parsed
}

fn admin(
    text: Option<&str>,
    others: [Option<SocketAddr>; 2],
    broken: &mut Vec<Broken>,
) -> Option<AdminAddress> {
    let text = text?;
    if text.starts_with('/') {
        return Some(AdminAddress::Unix(PathBuf::from(text)));
    }
    let address = address("admin", Some(text), broken)?;
    if !address.ip().is_loopback() {
        let fix = "write a loopback address such as \"127.0.0.1:8081\", or the path of a Unix socket";
        broken.push(rule("admin", "would let other machines operate this instance", fix));
    }
    if address.port() != 0 && others.contains(&Some(address)) {
        broken.push(rule("admin", "is the same address as listen or metrics", "write another port"));
    }
    Some(AdminAddress::Tcp(address))
}

fn server(raw: &RawServer, broken: &mut Vec<Broken>) -> ServerConfig {
    let mut trusted_proxies = Vec::new();
    for text in &raw.trusted_proxies {
        match network(text) {
            Ok(network) => trusted_proxies.push(network),
            Err(problem) => {
                let fix = "write the addresses of your load balancers, such as \"10.0.0.0/8\"";
                broken.push(rule("server.trusted_proxies", problem, fix));
            }
        }
    }
    if raw.proxy_protocol && raw.trusted_proxies.is_empty() {
        let fix = "write server.trusted_proxies, the addresses that send it";
        broken.push(rule("server.proxy_protocol", "is true, and no address is trusted to send it", fix));
    }
    ServerConfig {
        trusted_proxies,
        proxy_protocol: raw.proxy_protocol,
        forwarded_header: raw.forwarded_header,
        max_connections: count(raw.max_connections),
        header_timeout: raw.header_timeout.get(),
        idle_timeout: raw.idle_timeout.get(),
        write_timeout: raw.write_timeout.get(),
        drain_min_delay: raw.drain_min_delay.get(),
        drain_timeout: raw.drain_timeout.get(),
    }
}

/// Bedrock's limit holds for a call, and a call carries the pairs of its model and those at the top.
fn too_much_metadata(raw: &RawConfig, broken: &mut Vec<Broken>) {
    for (name, model) in &raw.model {
        let more = model.request_metadata.keys().filter(|key| !raw.request_metadata.contains_key(*key));
        let pairs = raw.request_metadata.len() + more.count();
        if pairs > METADATA_PAIRS_MAX {
            let problem = format!(
                "would give calls of {name} {pairs} pairs of request_metadata, with those at the top, and Bedrock takes {METADATA_PAIRS_MAX}"
            );
            broken.push(rule("model", problem, "take some out"));
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|error| text.parse().map(IpAddr::into).map_err(|_| error));
    match network {
        Ok(network) if network.prefix_len() == 0 => {
            Err(format!("{} trusts every address to name another", crate::redact::quoted(text)))
        }
        Ok(network) => Ok(network.trunc()),
        Err(_) => Err(format!("{} is neither an IP address nor a network", crate::redact::quoted(text))),
    }
}

fn runtime(raw: RawConfig, removed_models: BTreeSet<String>, failover: FailoverConfig) -> RuntimeConfig {
    RuntimeConfig {
        strict: raw.strict,
        well_known_models: raw.well_known_models,
        request_metadata: raw.request_metadata,
        log_level: raw.log.level,
        timeouts: TimeoutConfig {
            connect: raw.bedrock.connect_timeout.get(),
            first_byte: raw.bedrock.first_byte_timeout.get(),
            stream_idle: raw.bedrock.stream_idle_timeout.get(),
        },
        retry: RetryConfig {
            max_attempts: raw.bedrock.retry.max_attempts,
            base_delay: raw.bedrock.retry.base_delay.get(),
            max_delay: raw.bedrock.retry.max_delay.get(),
        },
        failover,
        breaker: regions::breaker(&raw.bedrock.breaker),
        limits: LimitsConfig {
            body_bytes: raw.limits.body_bytes.get(),
            body_timeout: raw.limits.body_timeout.get(),
            concurrency: count(raw.limits.concurrency),
            queue: count(raw.limits.queue),
            queue_timeout: raw.limits.queue_timeout.get(),
            n: raw.limits.n,
            keep_alive_interval: raw.limits.keep_alive_interval.get(),
        },
        image_fetch: ImageFetchConfig {
            max_bytes: raw.image_fetch.max_bytes.get(),
            timeout: raw.image_fetch.timeout.get(),
        },
        models: raw.model.into_iter().map(|(name, model)| (name, self::model(model))).collect(),
        removed_models,
    }
}

fn model(raw: RawModel) -> ModelConfig {
    ModelConfig {
        target: raw.target,
        base_model: raw.base_model,
        extended_access: raw.extended_access,
        max_tokens: raw.max_tokens,
        reasoning_effort: raw.reasoning_effort,
        service_tier: raw.service_tier,
        prompt_cache: raw.prompt_cache,
        strict: raw.strict,
        first_byte_timeout: raw.first_byte_timeout.map(crate::DurationText::get),
        stream_failover_after: raw.stream_failover_after.map(crate::DurationText::get),
        request_metadata: raw.request_metadata,
        guardrail: raw.guardrail.map(|RawGuardrail { id, version, trace }| GuardrailConfig {
            id,
            version,
            trace,
        }),
    }
}

/// A count of things, which a `usize` holds on every platform that runs this.
fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
