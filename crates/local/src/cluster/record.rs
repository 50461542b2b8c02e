//! What a cluster is, as `status` and `down` find it: addresses, versions, and the tokens that may do everything.

use std::net::SocketAddr;

use anyhow::Context as _;
use nova_hashistack::consul::{ConsulClient, ConsulConfig};
use nova_hashistack::nomad::{NomadClient, NomadConfig};
use nova_hashistack::transport::{Address, TokenSource};
use nova_hashistack::vault::{VaultClient, VaultConfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::folder::Folder;
use super::ports::Ports;

/// The name of the record in the folder.
const FILE: &str = "cluster.json";

/// Secrets, which only the record's own file and `env` show.
fn shown<S: Serializer>(secret: &SecretString, writer: S) -> Result<S::Ok, S::Error> {
    writer.serialize_str(secret.expose_secret())
}

/// What is known of a cluster. Written when it has a part more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The version of the release.
    pub version: String,
    /// How many instances of the proxy there are to be.
    pub instances: u32,
    /// Where everything listens.
    pub ports: Ports,
    /// Consul's management token.
    #[serde(serialize_with = "shown")]
    pub consul_token: SecretString,
    /// Nomad's management token.
    #[serde(serialize_with = "shown")]
    pub nomad_token: SecretString,
    /// Vault's root token; empty until Vault has given it.
    #[serde(serialize_with = "shown")]
    pub vault_token: SecretString,
    /// What opens Vault; empty until Vault has given it.
    #[serde(serialize_with = "shown")]
    pub vault_unseal_key: SecretString,
    /// The key that callers of the proxy send; empty until there is one.
    #[serde(serialize_with = "shown")]
    pub api_key: SecretString,
}

impl Record {
    /// A new cluster, with tokens of its own where servers take them from their configuration.
    pub(crate) fn new(version: &str, instances: u32, ports: Ports) -> Self {
        let token = || SecretString::from(uuid::Uuid::new_v4().to_string());
        let none = || SecretString::from("");
        Self {
            version: version.to_owned(),
            instances,
            ports,
            consul_token: token(),
            nomad_token: token(),
            vault_token: none(),
            vault_unseal_key: none(),
            api_key: none(),
        }
    }

    /// Writes it into the folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, folder: &Folder) -> anyhow::Result<()> {
        folder.write(FILE, &serde_json::to_string_pretty(self)?).map(drop)
    }

    /// Reads that of a folder. Nothing where there is no cluster.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(crate) fn read(folder: &Folder) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let record = serde_json::from_str(&text).with_context(|| {
            format!("{} is not what this version writes: `nova-local down` ends the cluster", path.display())
        });
        record.map(Some)
    }

    /// Consul, as its manager.
    ///
    /// # Errors
    /// When no client can be made.
    pub(crate) fn consul(&self) -> anyhow::Result<ConsulClient> {
        let mut config = ConsulConfig::new(address(self.ports.consul())?);
        config.token = TokenSource::Fixed(self.consul_token.clone());
        Ok(ConsulClient::new(config)?)
    }

    /// Vault, as root; without a token until there is one.
    ///
    /// # Errors
    /// When no client can be made.
    pub(crate) fn vault(&self) -> anyhow::Result<VaultClient> {
        let mut config = VaultConfig::new(address(self.ports.vault())?);
        if !self.vault_token.expose_secret().is_empty() {
            config.token = TokenSource::Fixed(self.vault_token.clone());
        }
        Ok(VaultClient::new(config)?)
    }

    /// Nomad, as its manager.
    ///
    /// # Errors
    /// When no client can be made.
    pub(crate) fn nomad(&self) -> anyhow::Result<NomadClient> {
        let mut config = NomadConfig::new(address(self.ports.nomad())?);
        config.token = TokenSource::Fixed(self.nomad_token.clone());
        Ok(NomadClient::new(config)?)
    }

    /// The environment in which the servers' own command lines, and `nova-agent`, speak to this cluster as its manager.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let url = |address: SocketAddr| format!("http://{address}");
        let shown = |secret: &SecretString| secret.expose_secret().to_owned();
        vec![
            ("CONSUL_HTTP_ADDR", url(self.ports.consul())),
            ("CONSUL_HTTP_TOKEN", shown(&self.consul_token)),
            ("VAULT_ADDR", url(self.ports.vault())),
            ("VAULT_TOKEN", shown(&self.vault_token)),
            ("NOMAD_ADDR", url(self.ports.nomad())),
            ("NOMAD_TOKEN", shown(&self.nomad_token)),
        ]
    }
}

fn address(of: SocketAddr) -> anyhow::Result<Address> {
    Ok(format!("http://{of}").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::folder::FolderArgs;

    #[test]
    fn a_record_is_read_as_it_was_written_and_shows_no_token() {
        let home = tempfile::tempdir().unwrap();
        let folder = FolderArgs { folder: Some(home.path().join("cluster")) }.chosen().unwrap();
        assert!(Record::read(&folder).unwrap().is_none());
        folder.create().unwrap();
        let record = Record::new("0.1.0", 2, Ports::usual());
        record.write(&folder).unwrap();
        let read = Record::read(&folder).unwrap().unwrap();
        assert_eq!(read.environment(), record.environment());
        assert!(!format!("{read:?}").contains(record.nomad_token.expose_secret()), "{read:?}");
        folder.write("cluster.json", "{}").unwrap();
        let refused = Record::read(&folder).unwrap_err().to_string();
        assert!(refused.contains("nova-local down"), "{refused}");
    }
}
