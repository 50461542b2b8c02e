//! The rules of `vault { … }`: where it is, as whom it is asked, and what is taken from it.
//!
//! Whether Vault is there, and whether files can be read, are the program's to find.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::remote::RemoteFields;
use super::{Broken, rule};
use crate::config::{
    VaultAppRoleConfig, VaultCertificateConfig, VaultConfig, VaultCredentialsConfig, VaultJwtConfig,
    VaultToken,
};
use crate::redact::quoted;
use crate::schema::{RawVault, RawVaultAppRole, RawVaultCertificate, RawVaultCredentials, RawVaultJwt};

const PLACES: RemoteFields = RemoteFields {
    product: "Vault",
    example: "https://vault.example.com:8200",
    address: "vault.address",
    ca_file: "vault.ca_file",
    cert_file: "vault.cert_file",
    key_file: "vault.key_file",
    server_name: "vault.server_name",
};

/// Vault, where there is a block. `token` is what the environment holds; a file or a login wins over it.
pub(super) fn vault(
    raw: &RawVault,
    token: Option<SecretString>,
    broken: &mut Vec<Broken>,
) -> Option<VaultConfig> {
    let tls = [&raw.ca_file, &raw.cert_file, &raw.key_file, &raw.server_name];
    let remote = PLACES.check(&raw.address, tls, broken);
    let token = token_of(raw, token, broken);
    let (address, tls) = remote?;
    Some(VaultConfig { address, namespace: raw.namespace.clone(), tls, token: token? })
}

/// The credentials of AWS that come from Vault.
pub(super) fn credentials(
    raw: &RawVaultCredentials,
    has_vault: bool,
    broken: &mut Vec<Broken>,
) -> VaultCredentialsConfig {
    if !has_vault {
        let fix = "write a vault block (where Vault is, and how to log in), or take vault_credentials out";
        broken.push(rule(
            "bedrock.vault_credentials",
            "is taken from Vault, and there is no vault block",
            fix,
        ));
    }
    VaultCredentialsConfig {
        mount: raw.mount.clone(),
        role: raw.role.clone(),
        role_arn: raw.role_arn.clone(),
        session_name: raw.session_name.clone(),
        ttl: raw.ttl.map(|ttl| ttl.get()),
    }
}

/// A certificate that Vault signs; `path` is where it is asked for.
pub(super) fn certificate(
    path: &'static str,
    raw: &RawVaultCertificate,
    has_vault: bool,
    broken: &mut Vec<Broken>,
) -> VaultCertificateConfig {
    if !has_vault {
        let block = path.rsplit('.').next().unwrap_or(path);
        let fix = format!("write a vault block (where Vault is, and how to log in), or take {block} out");
        broken.push(rule(path, "is taken from Vault, and there is no vault block", fix));
    }
    let mut ip_sans = Vec::with_capacity(raw.ip_sans.len());
    for address in &raw.ip_sans {
        match address.parse::<IpAddr>() {
            Ok(address) => ip_sans.push(address),
            Err(_) => {
                let problem = format!("{} is no IP address", quoted(address));
                let fix = "write addresses such as \"10.0.0.7\", and names in alt_names";
                broken.push(rule(format!("{path}.ip_sans"), problem, fix));
            }
        }
    }
    VaultCertificateConfig {
        mount: raw.mount.clone(),
        role: raw.role.clone(),
        common_name: raw.common_name.clone(),
        alt_names: raw.alt_names.clone(),
        ip_sans,
        uri_sans: raw.uri_sans.clone(),
        ttl: raw.ttl.map(|ttl| ttl.get()),
    }
}

fn token_of(raw: &RawVault, token: Option<SecretString>, broken: &mut Vec<Broken>) -> Option<VaultToken> {
    let ways = [raw.jwt.is_some(), raw.approle.is_some(), raw.token_file.is_some()];
    if ways.into_iter().filter(|is_there| *is_there).count() > 1 {
        let problem = "names more than one of jwt, approle and token_file, and a call has one token";
        broken.push(rule("vault", problem, "keep one of them"));
        return None;
    }
    if let Some(raw) = &raw.jwt {
        return jwt(raw, broken).map(VaultToken::Jwt);
    }
    if let Some(raw) = &raw.approle {
        return Some(VaultToken::AppRole(app_role(raw)));
    }
    let file = raw.token_file.as_ref().map(|path| VaultToken::File(PathBuf::from(path)));
    let found = file.or_else(|| token.map(VaultToken::Fixed));
    if found.is_none() {
        let problem = "names no way to a token, and Vault answers nothing without one";
        let fix = "write jwt { role = … } (a workload identity), approle, token_file, or set VAULT_TOKEN";
        broken.push(rule("vault", problem, fix));
    }
    found
}

fn jwt(raw: &RawVaultJwt, broken: &mut Vec<Broken>) -> Option<VaultJwtConfig> {
    let Some(file) = &raw.jwt_file else {
        let problem = "is not written, and NOMAD_SECRETS_DIR, below which Nomad keeps it, is not set";
        broken.push(rule("vault.jwt.jwt_file", problem, "write the path of the file with the JWT"));
        return None;
    };
    Some(VaultJwtConfig { mount: raw.mount.clone(), role: raw.role.clone(), jwt_file: PathBuf::from(file) })
}

fn app_role(raw: &RawVaultAppRole) -> VaultAppRoleConfig {
    VaultAppRoleConfig {
        mount: raw.mount.clone(),
        role_id: raw.role_id.clone(),
        secret_id_file: PathBuf::from(&raw.secret_id_file),
        wrapped_for_role: raw.wrapped_for_role.clone(),
    }
}
