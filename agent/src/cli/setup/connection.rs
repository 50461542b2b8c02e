//! How Vault and Nomad are reached: flags and variables as their own programs have them.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use nova_hashistack::nomad::{NomadClient, NomadConfig};
use nova_hashistack::transport::{Address, Retries, TlsConfig, TokenSource};
use nova_hashistack::vault::{VaultClient, VaultConfig};
use secrecy::SecretString;

use super::super::connection::{Variables, filled, named, path};
use crate::setup::names::IdentityKeys;

/// Where Vault listens where nothing says otherwise, as its own program has it.
const VAULT: &str = "https://127.0.0.1:8200";
/// Where Nomad does.
const NOMAD: &str = "http://127.0.0.1:4646";

/// The connection to Vault.
#[derive(Debug, Args)]
#[command(next_help_heading = "Vault (a token comes from VAULT_TOKEN or a file)")]
pub(in crate::cli) struct VaultArgs {
    /// Address of a server, an agent or a proxy of Vault.
    #[arg(long, value_name = "ADDRESS", env = "VAULT_ADDR")]
    address: Option<String>,
    /// A file with the token; it wins over VAULT_TOKEN.
    #[arg(long, value_name = "FILE", value_parser = path())]
    token_file: Option<PathBuf>,
    /// Certificates of the authorities that Vault's certificate may come from, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "VAULT_CACERT")]
    ca_file: Option<PathBuf>,
    /// A client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "VAULT_CLIENT_CERT")]
    client_cert: Option<PathBuf>,
    /// The key of the client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "VAULT_CLIENT_KEY")]
    client_key: Option<PathBuf>,
    /// The name in Vault's certificate, where it is not that of the address.
    #[arg(long, value_name = "NAME", env = "VAULT_TLS_SERVER_NAME")]
    tls_server_name: Option<String>,
    /// The namespace (Enterprise and OpenBao).
    #[arg(long, value_name = "NAME", env = "VAULT_NAMESPACE")]
    namespace: Option<String>,
}

/// The connection to Nomad.
#[derive(Debug, Args)]
#[command(next_help_heading = "Nomad (a token comes from NOMAD_TOKEN or a file)")]
pub(in crate::cli) struct NomadArgs {
    /// Address of a server or a client of Nomad.
    #[arg(long, value_name = "ADDRESS", env = "NOMAD_ADDR")]
    address: Option<String>,
    /// A file with the token; it wins over NOMAD_TOKEN.
    #[arg(long, value_name = "FILE", value_parser = path())]
    token_file: Option<PathBuf>,
    /// Certificates of the authorities that Nomad's certificate may come from, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOMAD_CACERT")]
    ca_file: Option<PathBuf>,
    /// A client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOMAD_CLIENT_CERT")]
    client_cert: Option<PathBuf>,
    /// The key of the client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOMAD_CLIENT_KEY")]
    client_key: Option<PathBuf>,
    /// The name in Nomad's certificate, where it is not that of the address.
    #[arg(long, value_name = "NAME", env = "NOMAD_TLS_SERVER_NAME")]
    tls_server_name: Option<String>,
    /// The region; without it that of the agent.
    #[arg(long, value_name = "NAME", env = "NOMAD_REGION")]
    region: Option<String>,
}

/// Where Nomad's public keys are, by which the identities of tasks are verified.
#[derive(Debug, Args)]
#[command(next_help_heading = "Nomad's public keys")]
pub(super) struct KeysArgs {
    /// Their address, as the server reaches it.
    #[arg(long, value_name = "URL", default_value = crate::setup::names::JWKS_URL)]
    jwks_url: String,
    /// Certificates of the authorities that its certificate may come from, PEM; they become a part of the auth method.
    #[arg(long, value_name = "FILE", value_parser = path())]
    jwks_ca_file: Option<PathBuf>,
}

impl KeysArgs {
    /// Reads the certificates.
    pub(super) fn read(&self) -> anyhow::Result<IdentityKeys> {
        let authorities = self.jwks_ca_file.as_ref().map(|file| {
            std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
        });
        Ok(IdentityKeys { url: self.jwks_url.clone(), authorities: authorities.transpose()? })
    }
}

/// As the servers' own clients have it: a file wins.
fn token(file: Option<&PathBuf>, variable: &str, variables: &dyn Variables) -> TokenSource {
    match (filled(file), variables.get(variable)) {
        (Some(file), _) => TokenSource::file(file),
        (None, Some(token)) => TokenSource::Fixed(SecretString::from(token)),
        (None, None) => TokenSource::None,
    }
}

impl VaultArgs {
    /// The address, given or usual.
    pub(in crate::cli) fn address(&self) -> &str {
        self.address.as_deref().filter(|address| !address.is_empty()).unwrap_or(VAULT)
    }

    /// Prepares a client; nothing is sent yet.
    pub(in crate::cli) fn client(&self, variables: &dyn Variables) -> anyhow::Result<VaultClient> {
        let mut config = VaultConfig::new(address(self.address(), "VAULT_ADDR")?);
        config.token = token(self.token_file.as_ref(), "VAULT_TOKEN", variables);
        config.namespace = named(self.namespace.as_ref());
        config.tls = TlsConfig {
            ca_file: filled(self.ca_file.as_ref()),
            cert_file: filled(self.client_cert.as_ref()),
            key_file: filled(self.client_key.as_ref()),
            server_name: named(self.tls_server_name.as_ref()),
            ..TlsConfig::default()
        };
        Ok(VaultClient::new(config)?.retrying(Retries::default()))
    }
}

impl NomadArgs {
    /// The address, given or usual.
    pub(in crate::cli) fn address(&self) -> &str {
        self.address.as_deref().filter(|address| !address.is_empty()).unwrap_or(NOMAD)
    }

    /// Prepares a client; nothing is sent yet.
    pub(in crate::cli) fn client(&self, variables: &dyn Variables) -> anyhow::Result<NomadClient> {
        Ok(NomadClient::new(self.config(variables)?)?.retrying(Retries::default()))
    }

    /// How Nomad is reached, and as whom.
    pub(in crate::cli) fn config(&self, variables: &dyn Variables) -> anyhow::Result<NomadConfig> {
        let mut config = NomadConfig::new(address(self.address(), "NOMAD_ADDR")?);
        config.token = token(self.token_file.as_ref(), "NOMAD_TOKEN", variables);
        config.region = named(self.region.as_ref());
        config.tls = TlsConfig {
            ca_file: filled(self.ca_file.as_ref()),
            cert_file: filled(self.client_cert.as_ref()),
            key_file: filled(self.client_key.as_ref()),
            server_name: named(self.tls_server_name.as_ref()),
            ..TlsConfig::default()
        };
        Ok(config)
    }
}

fn address(text: &str, variable: &str) -> anyhow::Result<Address> {
    text.parse().with_context(|| format!("the address in {variable} or --address cannot be used"))
}
