//! The rules of `consul { … }`: where it is, who asks it, and what it needs beside itself.
//!
//! Whether Consul is there, and whether files can be read, are the program's to find.

use std::net::IpAddr;
use std::path::PathBuf;

use super::remote::RemoteFields;
use super::{Broken, rule, vault};
use crate::config::{ConsulConfig, ConsulLoginConfig, ConsulToken, ServiceConfig, VaultCertificateConfig};
use crate::schema::{RawConsul, RawConsulService};
use secrecy::SecretString;

const PLACES: RemoteFields = RemoteFields {
    product: "Consul",
    example: "http://127.0.0.1:8500",
    address: "consul.address",
    ca_file: "consul.ca_file",
    cert_file: "consul.cert_file",
    key_file: "consul.key_file",
    server_name: "consul.server_name",
};

/// What else the configuration has.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) data_dir: Option<&'a str>,
    pub(super) has_vault: bool,
}

/// Consul, where there is a block. `token` is what the environment holds; a file or a login wins over it.
pub(super) fn consul(
    raw: &RawConsul,
    beside: Beside<'_>,
    token: Option<SecretString>,
    broken: &mut Vec<Broken>,
) -> Option<ConsulConfig> {
    let before = broken.len();
    if beside.data_dir.is_none() {
        let problem = "keeps the last documents that were in force on disk, and there is no data_dir";
        let fix = "write data_dir at the top (the absolute path of a directory, such as \"/var/lib/nova-proxy\"), or leave consul out";
        broken.push(rule("consul", problem, fix));
    }
    let remote =
        PLACES.check(&raw.address, [&raw.ca_file, &raw.cert_file, &raw.key_file, &raw.server_name], broken);
    let client_certificate = client_certificate(raw, beside.has_vault, broken);
    let token = token_of(raw, token, broken);
    let service = service(&raw.service, broken);
    let (address, tls) = remote.filter(|_| broken.len() == before)?;
    Some(ConsulConfig {
        address,
        kv_prefix: raw.kv_prefix.clone(),
        token,
        datacenter: raw.datacenter.clone(),
        namespace: raw.namespace.clone(),
        partition: raw.partition.clone(),
        tls,
        client_certificate,
        max_stale: raw.max_stale.get(),
        service,
    })
}

/// The client certificate that Vault signs, if it is asked for.
fn client_certificate(
    raw: &RawConsul,
    has_vault: bool,
    broken: &mut Vec<Broken>,
) -> Option<VaultCertificateConfig> {
    const PATH: &str = "consul.vault_client_certificate";
    let asked = raw.vault_client_certificate.as_ref()?;
    if raw.cert_file.is_some() || raw.key_file.is_some() {
        let problem = "stands beside files, and a connection has one client certificate";
        broken.push(rule(PATH, problem, "keep it, or cert_file and key_file, of the environment too"));
    }
    if !raw.address.starts_with("https://") {
        let problem = "asks for TLS, and consul.address does not begin with https://";
        broken.push(rule(PATH, problem, "write an https address, or take it out"));
    }
    Some(vault::certificate(PATH, asked, has_vault, broken))
}

fn token_of(raw: &RawConsul, token: Option<SecretString>, broken: &mut Vec<Broken>) -> ConsulToken {
    match (&raw.login, &raw.token_file, token) {
        (Some(_), Some(_), _) => {
            broken.push(rule(
                "consul.token_file",
                "stands beside login, and a call has one token",
                "keep one of the two",
            ));
            ConsulToken::None
        }
        (Some(login), None, _) => ConsulToken::Login(ConsulLoginConfig {
            auth_method: login.auth_method.clone(),
            jwt_file: PathBuf::from(&login.jwt_file),
        }),
        (None, Some(file), _) => ConsulToken::File(PathBuf::from(file)),
        (None, None, Some(token)) => ConsulToken::Fixed(token),
        (None, None, None) => ConsulToken::None,
    }
}

fn service(raw: &RawConsulService, broken: &mut Vec<Broken>) -> ServiceConfig {
    if let Some(address) = &raw.address {
        match address.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => {
                let problem = "is every address of a machine, and none that others can reach";
                let fix = "write the address that callers use, or take it out to have the node's";
                broken.push(rule("consul.service.address", problem, fix));
            }
            Err(_) if address.contains(':') => {
                let problem = "is neither an IP address nor a host name";
                let fix = "write it without a port, which is that of listen";
                broken.push(rule("consul.service.address", problem, fix));
            }
            _ => {}
        }
    }
    ServiceConfig {
        register: raw.register,
        name: raw.name.clone(),
        address: raw.address.clone(),
        tags: raw.tags.clone(),
        check_interval: raw.check_interval.get(),
        deregister_critical_after: raw.deregister_critical_after.get(),
    }
}
