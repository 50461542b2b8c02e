//! The rules of the daemon's configuration that lie between fields.
//!
//! The first of them: a TCP listener that does not ask who is there is refused.

use std::net::SocketAddr;
use std::path::PathBuf;

use nova_config::{Broken, Environment, Fitting, RemoteFields, RemoteTlsConfig};
use secrecy::SecretString;

use super::raw::{RawAgent, RawConsul, RawInstances, RawNomad, RawWebhooks};
use super::{AgentConfig, ConsulConfig, ConsulToken, ListenConfig, NomadConfig, NomadToken, WebhookConfig};
use crate::api::AccessRules;
use crate::api::server::ApiTlsFiles;
use crate::leader::LeaderConfig;
use crate::seams::webhook::Destinations;

const CONSUL: RemoteFields = RemoteFields {
    product: "Consul",
    example: "http://127.0.0.1:8500",
    address: "consul.address",
    ca_file: "consul.ca_file",
    cert_file: "consul.cert_file",
    key_file: "consul.key_file",
    server_name: "consul.server_name",
};

const NOMAD: RemoteFields = RemoteFields {
    product: "Nomad",
    example: "http://127.0.0.1:4646",
    address: "nomad.address",
    ca_file: "nomad.ca_file",
    cert_file: "nomad.cert_file",
    key_file: "nomad.key_file",
    server_name: "nomad.server_name",
};

/// Applies the rules.
///
/// # Errors
/// Every rule that is broken.
pub(super) fn validate(
    raw: &RawAgent,
    fitting: &Fitting,
    environment: &dyn Environment,
) -> Result<AgentConfig, Vec<Broken>> {
    let mut broken = Vec::new();
    let consul = consul(&raw.consul, token(environment, "CONSUL_HTTP_TOKEN"), &mut broken);
    let nomad =
        raw.nomad.as_ref().map(|nomad| self::nomad(nomad, token(environment, "NOMAD_TOKEN"), &mut broken));
    let listen = listen(raw, &mut broken);
    let leader = leader(raw, &mut broken);
    let webhooks = webhooks(&raw.webhooks, &mut broken);
    let instances_tls = instances(&raw.instances, &mut broken);
    if raw.socket.is_empty() && raw.listen.is_none() {
        let fix = "write socket (the path of a Unix socket), or listen (an address) with access.nomad";
        broken.push(rule("socket", "is empty, and there is no listen: nobody could operate the agent", fix));
    }
    let rollouts = raw
        .rollout
        .keys()
        .filter_map(|job| Some((job.clone(), fitting.raw_block(&format!("rollout.{job}"))?.clone())));
    let (Some(consul), true) = (consul, broken.is_empty()) else { return Err(broken) };
    Ok(AgentConfig {
        kv_prefix: raw.kv_prefix.clone(),
        service: raw.service.clone(),
        instance: raw.instance.clone(),
        data_dir: raw.data_dir.as_ref().map(PathBuf::from),
        consul,
        nomad: nomad.flatten(),
        socket: (!raw.socket.is_empty()).then(|| PathBuf::from(&raw.socket)),
        listen,
        drain_timeout: raw.drain_timeout.get(),
        leader,
        log_level: raw.log.level,
        log_format: raw.log.format,
        rollouts_interval: raw.rollouts.interval.get(),
        webhooks,
        instances_tls,
        rollouts: rollouts.collect(),
    })
}

fn rule(path: &'static str, problem: impl Into<String>, fix: impl Into<String>) -> Broken {
    (path.into(), problem.into(), fix.into())
}

/// A token of the environment; an empty variable counts as unset, as everywhere in HashiCorp's tools.
fn token(environment: &dyn Environment, name: &str) -> Option<SecretString> {
    environment.var(name).filter(|token| !token.is_empty()).map(SecretString::from)
}

fn consul(raw: &RawConsul, token: Option<SecretString>, broken: &mut Vec<Broken>) -> Option<ConsulConfig> {
    let certificates = [&raw.ca_file, &raw.cert_file, &raw.key_file, &raw.server_name];
    let remote = CONSUL.check(&raw.address, certificates, broken);
    let token = match (&raw.login, &raw.token_file, token) {
        (Some(_), Some(_), _) => {
            let problem = "stands beside login, and a call has one token";
            broken.push(rule("consul.token_file", problem, "keep one of the two"));
            ConsulToken::None
        }
        (Some(login), None, _) => ConsulToken::Login {
            auth_method: login.auth_method.clone(),
            jwt_file: PathBuf::from(&login.jwt_file),
        },
        (None, Some(file), _) => ConsulToken::File(PathBuf::from(file)),
        (None, None, Some(token)) => ConsulToken::Fixed(token),
        (None, None, None) => ConsulToken::None,
    };
    let (address, tls) = remote?;
    Some(ConsulConfig {
        address,
        token,
        datacenter: raw.datacenter.clone(),
        namespace: raw.namespace.clone(),
        partition: raw.partition.clone(),
        tls,
    })
}

fn nomad(raw: &RawNomad, token: Option<SecretString>, broken: &mut Vec<Broken>) -> Option<NomadConfig> {
    let certificates = [&raw.ca_file, &raw.cert_file, &raw.key_file, &raw.server_name];
    let (address, tls) = NOMAD.check(&raw.address, certificates, broken)?;
    let token = match (&raw.token_file, token) {
        (Some(file), _) => NomadToken::File(PathBuf::from(file)),
        (None, Some(token)) => NomadToken::Fixed(token),
        (None, None) => NomadToken::None,
    };
    Some(NomadConfig { address, token, namespaces: raw.namespaces.clone(), region: raw.region.clone(), tls })
}

fn webhooks(raw: &RawWebhooks, broken: &mut Vec<Broken>) -> WebhookConfig {
    let pair = [("webhooks.cert_file", &raw.cert_file), ("webhooks.key_file", &raw.key_file)];
    WebhookConfig {
        destinations: Destinations { allow_plain_http: raw.allow_plain_http, hosts: raw.hosts.clone() },
        secret_file: raw.secret_file.as_ref().map(PathBuf::from),
        tls: certificates(&raw.ca_file, pair, None, broken),
    }
}

fn instances(raw: &RawInstances, broken: &mut Vec<Broken>) -> RemoteTlsConfig {
    let pair = [("instances.cert_file", &raw.cert_file), ("instances.key_file", &raw.key_file)];
    certificates(&raw.ca_file, pair, raw.server_name.clone(), broken)
}

/// Certificate and key go together.
fn certificates(
    ca_file: &Option<String>,
    [(cert_field, cert_file), (key_field, key_file)]: [(&'static str, &Option<String>); 2],
    server_name: Option<String>,
    broken: &mut Vec<Broken>,
) -> RemoteTlsConfig {
    match (cert_file, key_file) {
        (Some(_), None) => {
            let fix = "write key_file (the path of the file with the certificate's private key)";
            broken.push(rule(cert_field, "stands without key_file", fix));
        }
        (None, Some(_)) => {
            let fix = "write cert_file (the path of the file with the client certificate)";
            broken.push(rule(key_field, "stands without cert_file", fix));
        }
        _ => {}
    }
    RemoteTlsConfig {
        ca_file: ca_file.as_ref().map(PathBuf::from),
        cert_file: cert_file.as_ref().map(PathBuf::from),
        key_file: key_file.as_ref().map(PathBuf::from),
        server_name,
    }
}

fn listen(raw: &RawAgent, broken: &mut Vec<Broken>) -> Option<ListenConfig> {
    let Some(text) = &raw.listen else {
        for (field, is_written) in [("tls", raw.tls.is_some()), ("advertise", raw.advertise.is_some())] {
            if is_written {
                broken.push(rule(
                    field,
                    "is of the TCP listener, and there is no listen",
                    "write listen, or take it out",
                ));
            }
        }
        return None;
    };
    let Ok(address) = text.parse::<SocketAddr>() else {
        let problem = format!("{text:?} is not an IP address and a port");
        broken.push(rule("listen", problem, "write an address such as \"0.0.0.0:9210\" or \"[::]:9210\""));
        return None;
    };
    let access =
        raw.access.nomad.as_ref().filter(|access| !access.operator.is_empty() || !access.viewer.is_empty());
    let Some(access) = access else {
        let fix = "write access { nomad { viewer = […] operator = […] } } with names of Nomad's policies, or leave listen out \
                   and use the Unix socket";
        broken.push(rule(
            "listen",
            "would let everybody operate the agent: no policy of Nomad's is named",
            fix,
        ));
        return None;
    };
    if raw.nomad.is_none() {
        let fix = "write nomad { address = … }, or leave access and listen out";
        broken.push(rule("access.nomad", "asks Nomad whose a token is, and there is no nomad block", fix));
    }
    let scheme = if raw.tls.is_some() { "https" } else { "http" };
    let own =
        || (!address.ip().is_unspecified() && address.port() != 0).then(|| format!("{scheme}://{address}"));
    Some(ListenConfig {
        address,
        advertise: raw.advertise.clone().or_else(own),
        tls: raw.tls.as_ref().map(|tls| ApiTlsFiles {
            cert: PathBuf::from(&tls.cert_file),
            key: PathBuf::from(&tls.key_file),
            client_ca: tls.client_ca_file.as_ref().map(PathBuf::from),
        }),
        rules: AccessRules {
            viewer: access.viewer.iter().cloned().collect(),
            operator: access.operator.iter().cloned().collect(),
        },
        remembered_for: access.remembered_for.get(),
    })
}

fn leader(raw: &RawAgent, broken: &mut Vec<Broken>) -> LeaderConfig {
    let (ttl, margin) = (raw.leader.ttl, raw.leader.margin);
    // After a third of its time the lock is renewed; what is left of it has to hold a renewal that fails and one that succeeds.
    if margin.get() > ttl.get() / 2 {
        let problem = format!("is above half of leader.ttl, {ttl}: little time would be left to act in");
        broken.push(rule("leader.margin", problem, "lower it, or raise ttl"));
    }
    LeaderConfig {
        key: format!("{}/leader", raw.kv_prefix),
        ttl: ttl.get(),
        lock_delay: raw.leader.lock_delay.get(),
        margin: margin.get(),
    }
}
