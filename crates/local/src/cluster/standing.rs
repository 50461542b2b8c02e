//! How a cluster stands: which of its servers answer, which instances of the proxy serve, and whether an agent does.

use nova_hashistack::vault::VaultState;
use serde::Serialize;

use super::folder::Folder;
use super::record::Record;
use super::{jobs, marked};

/// How a part stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// Whether it does what it is there for.
    pub is_well: bool,
    /// In words.
    pub state: String,
}

/// How all of it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Standing {
    /// The folder.
    pub folder: String,
    /// The version of the release that it was made of.
    pub version: String,
    /// How many processes there are.
    pub processes: usize,
    /// Servers and instances.
    pub parts: Vec<Part>,
}

impl Standing {
    /// Whether everything does what it is there for.
    pub(crate) fn is_well(&self) -> bool {
        self.parts.iter().all(|part| part.is_well)
    }
}

/// Looks. Nothing where there is no cluster.
///
/// # Errors
/// When its record cannot be read, or the system tells nothing of its processes.
pub(crate) async fn look(folder: &Folder) -> anyhow::Result<Option<Standing>> {
    let Some(record) = Record::read(folder)? else { return Ok(None) };
    let (consul, vault, nomad) = (record.consul()?, record.vault()?, record.nomad()?);
    let server = |name: &str, address: std::net::SocketAddr, state: Result<String, String>| Part {
        name: name.to_owned(),
        address: format!("http://{address}"),
        is_well: state.is_ok(),
        state: state.unwrap_or_else(|state| state),
    };
    let found = jobs::instances(&consul, "nova-proxy").await;
    let consul_state = found.as_ref().map(|_| "answers".to_owned()).map_err(|error| format!("{error:#}"));
    let vault_state = match vault.health().await {
        Ok(health) if health.state == VaultState::Active => Ok("unsealed".to_owned()),
        Ok(health) if health.state == VaultState::Sealed => {
            Err("sealed: `vault operator unseal` with the vault_unseal_key in cluster.json".to_owned())
        }
        Ok(health) => Err(format!("{:?}", health.state).to_lowercase()),
        Err(error) => Err(error.to_string()),
    };
    let nomad_state = match nomad.nodes().await {
        Ok(nodes) if nodes.iter().any(|node| node.takes_tasks("raw_exec")) => Ok("takes tasks".to_owned()),
        Ok(_) => Err("its client takes no tasks".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let mut parts = vec![
        server("consul", record.ports.consul(), consul_state),
        server("vault", record.ports.vault(), vault_state),
        server("nomad", record.ports.nomad(), nomad_state),
    ];
    let found = found.unwrap_or_default();
    for instance in &found {
        let version = instance.meta.get("version").map_or("?", String::as_str);
        parts.push(Part {
            name: "nova-proxy".to_owned(),
            address: format!("http://{}:{}/v1", instance.address, instance.port),
            is_well: true,
            state: format!("version {version}"),
        });
    }
    if found.len() < record.instances as usize {
        let missing = record.instances as usize - found.len();
        parts.push(Part {
            name: "nova-proxy".to_owned(),
            address: String::new(),
            is_well: false,
            state: format!("{missing} of {} instances pass no checks", record.instances),
        });
    }
    let agent = jobs::instances(&consul, "nova-agent").await.unwrap_or_default().into_iter().next();
    parts.push(match agent {
        Some(agent) => Part {
            name: "nova-agent".to_owned(),
            address: format!("http://{}:{}", agent.address, agent.port),
            is_well: true,
            state: format!("version {}", agent.meta.get("version").map_or("?", String::as_str)),
        },
        None => Part {
            name: "nova-agent".to_owned(),
            address: String::new(),
            is_well: false,
            state: "passes no checks".to_owned(),
        },
    });
    Ok(Some(Standing {
        folder: folder.path().display().to_string(),
        version: record.version,
        processes: marked::processes(folder)?.len(),
        parts,
    }))
}
