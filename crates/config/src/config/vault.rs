//! The validated types of `vault { … }` and of what is taken from it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::{RemoteAddress, RemoteTlsConfig};

/// Where Vault is, and as whom it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct VaultConfig {
    /// Where a server, an agent or a proxy of it listens.
    pub address: RemoteAddress,
    /// The namespace; the root one without it.
    pub namespace: Option<String>,
    /// The certificates of an https address.
    pub tls: RemoteTlsConfig,
    /// Where the token of calls comes from.
    pub token: VaultToken,
}

/// Where the token of calls to Vault comes from.
#[derive(Clone, Debug)]
pub enum VaultToken {
    /// `VAULT_TOKEN`. It is nowhere else in a configuration.
    Fixed(SecretString),
    /// A file, to be read again when it changes.
    File(PathBuf),
    /// A login with a JWT.
    Jwt(VaultJwtConfig),
    /// A login with a role id and a secret id.
    AppRole(VaultAppRoleConfig),
}

impl PartialEq for VaultToken {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(one), Self::Fixed(two)) => one.expose_secret() == two.expose_secret(),
            (Self::File(one), Self::File(two)) => one == two,
            (Self::Jwt(one), Self::Jwt(two)) => one == two,
            (Self::AppRole(one), Self::AppRole(two)) => one == two,
            _ => false,
        }
    }
}

/// A login with a JWT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultJwtConfig {
    /// Where the auth method is mounted.
    pub mount: String,
    /// The role; the default one of the mount without it.
    pub role: Option<String>,
    /// The file with the JWT, to be read again at each login.
    pub jwt_file: PathBuf,
}

/// A login with a role id and a secret id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultAppRoleConfig {
    /// Where the auth method is mounted.
    pub mount: String,
    /// The role's id.
    pub role_id: String,
    /// The file with the secret id, or with the wrapping token around it.
    pub secret_id_file: PathBuf,
    /// The name of the role that a wrapped secret id has to be of; without it the secret id is not wrapped.
    pub wrapped_for_role: Option<String>,
}

/// AWS credentials of Vault's AWS engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultCredentialsConfig {
    /// Where the engine is mounted.
    pub mount: String,
    /// The engine's role.
    pub role: String,
    /// The role of AWS, where the engine's allows several.
    pub role_arn: Option<String>,
    /// The session's name, in AWS's records.
    pub session_name: Option<String>,
    /// How long the credentials are to last, in whole seconds; as the engine says without it.
    pub ttl: Option<Duration>,
}

/// A certificate of Vault's PKI engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultCertificateConfig {
    /// Where the engine is mounted.
    pub mount: String,
    /// The engine's role.
    pub role: String,
    /// The subject's common name, a DNS name too.
    pub common_name: String,
    /// Further DNS names.
    pub alt_names: Vec<String>,
    /// IP addresses.
    pub ip_sans: Vec<IpAddr>,
    /// URIs, such as SPIFFE ids.
    pub uri_sans: Vec<String>,
    /// How long it is to last, in whole seconds; as the role says without it.
    pub ttl: Option<Duration>,
}
