//! The rules of `consul { … }`: where it is, who asks it, and what it needs beside itself.
//!
//! Whether Consul is there, and whether files can be read, are the program's to find.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::{Broken, rule};
use crate::config::{
    ConsulAddress, ConsulConfig, ConsulLoginConfig, ConsulTlsConfig, ConsulToken, ServiceConfig,
};
use crate::schema::{RawConsul, RawConsulService};

/// Consul, where there is a block. `token` is what the environment holds; a file or a login wins over it.
pub(super) fn consul(
    raw: &RawConsul,
    data_dir: Option<&str>,
    token: Option<SecretString>,
    broken: &mut Vec<Broken>,
) -> Option<ConsulConfig> {
    let before = broken.len();
    if data_dir.is_none() {
        let problem = "keeps the last documents that were in force on disk, and there is no data_dir";
        let fix = "write data_dir at the top (the absolute path of a directory, such as \"/var/lib/nova-proxy\"), or leave consul out";
        broken.push(rule("consul", problem, fix));
    }
    let address = address(&raw.address, broken);
    let tls = tls(raw, broken);
    let token = token_of(raw, token, broken);
    let service = service(&raw.service, broken);
    let address = address.filter(|_| broken.len() == before)?;
    Some(ConsulConfig {
        address,
        kv_prefix: raw.kv_prefix.clone(),
        token,
        datacenter: raw.datacenter.clone(),
        namespace: raw.namespace.clone(),
        partition: raw.partition.clone(),
        tls,
        max_stale: raw.max_stale.get(),
        service,
    })
}

fn address(text: &str, broken: &mut Vec<Broken>) -> Option<ConsulAddress> {
    if let Some(path) = text.strip_prefix("unix://") {
        return Some(ConsulAddress::Unix(PathBuf::from(path)));
    }
    let problem = match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "holds a user name, and Consul wants a token".to_owned()
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            "has a query or a fragment, which a base URL cannot have".to_owned()
        }
        Ok(url) => return Some(ConsulAddress::Url(url)),
        Err(error) => format!("is not a URL ({error})"),
    };
    let fix = "write scheme, host and port, such as \"http://127.0.0.1:8500\"";
    broken.push(rule("consul.address", problem, fix));
    None
}

fn tls(raw: &RawConsul, broken: &mut Vec<Broken>) -> ConsulTlsConfig {
    if !raw.address.starts_with("https://") {
        // Who names certificates believes that the token travels encrypted.
        let asked = [
            ("consul.ca_file", &raw.ca_file),
            ("consul.cert_file", &raw.cert_file),
            ("consul.key_file", &raw.key_file),
            ("consul.server_name", &raw.server_name),
        ];
        for (field, _) in asked.into_iter().filter(|(_, value)| value.is_some()) {
            let problem = "asks for TLS, and consul.address does not begin with https://";
            broken.push(rule(
                field,
                problem,
                "write an https address, or take it out, of the environment too",
            ));
        }
    }
    match (&raw.cert_file, &raw.key_file) {
        (Some(_), None) => {
            let fix = "write key_file (the path of the file with the certificate's private key)";
            broken.push(rule("consul.cert_file", "stands without key_file", fix));
        }
        (None, Some(_)) => {
            let fix = "write cert_file (the path of the file with the client certificate)";
            broken.push(rule("consul.key_file", "stands without cert_file", fix));
        }
        _ => {}
    }
    ConsulTlsConfig {
        ca_file: raw.ca_file.as_ref().map(PathBuf::from),
        cert_file: raw.cert_file.as_ref().map(PathBuf::from),
        key_file: raw.key_file.as_ref().map(PathBuf::from),
        server_name: raw.server_name.clone(),
    }
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
