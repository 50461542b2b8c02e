//! The ports of a cluster, all on loopback.
//!
//! The servers cannot be given port 0 and asked afterwards: each has to tell the others where it is before it starts.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// Where ports are looked for that nobody expects anything at: below those that the system gives to connections.
const FREE: std::ops::Range<u16> = 12_000..20_000;

/// How many ports tasks of Nomad have.
const TASK_PORTS: u16 = 64;

/// Where everything of a cluster listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub consul: u16,
    pub consul_rpc: u16,
    pub consul_gossip: u16,
    pub vault: u16,
    pub vault_cluster: u16,
    pub nomad: u16,
    pub nomad_rpc: u16,
    pub nomad_gossip: u16,
    /// Where Nomad fetches releases from.
    pub releases: u16,
    /// The simulator, whose STS Vault has to find at the same place after each of its starts.
    pub simulator: u16,
    /// The first of those that Nomad gives to tasks.
    pub first_of_tasks: u16,
}

impl Ports {
    /// Those that the servers' manuals name, so that their command lines need no address.
    pub(crate) const fn usual() -> Self {
        Self {
            consul: 8500,
            consul_rpc: 8300,
            consul_gossip: 8301,
            vault: 8200,
            vault_cluster: 8201,
            nomad: 4646,
            nomad_rpc: 4647,
            nomad_gossip: 4648,
            releases: 4650,
            simulator: 4651,
            first_of_tasks: 20_000,
        }
    }

    /// Ports at which nothing listens now.
    ///
    /// # Errors
    /// When there are not enough.
    pub(crate) fn free() -> anyhow::Result<Self> {
        let span = FREE.end - FREE.start;
        // Two clusters that start at the same time begin to look at different places.
        let start = (RandomState::new().hash_one(0) % u64::from(span)) as u16;
        let mut left = (0..span).map(|step| FREE.start + (start + step) % span).filter(|port| is_free(*port));
        let mut next = || left.next().ok_or_else(|| anyhow::anyhow!("there are no free ports from {FREE:?}"));
        Ok(Self {
            consul: next()?,
            consul_rpc: next()?,
            consul_gossip: next()?,
            vault: next()?,
            vault_cluster: next()?,
            nomad: next()?,
            nomad_rpc: next()?,
            nomad_gossip: next()?,
            releases: next()?,
            simulator: next()?,
            // Nomad tries another one where a port is taken; a place of its own makes that rare.
            first_of_tasks: 20_000 + start % (12_000 / TASK_PORTS) * TASK_PORTS,
        })
    }

    /// Checks that nothing listens at any.
    ///
    /// # Errors
    /// When something does: which, and what to do.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let taken: Vec<String> = self
            .all()
            .into_iter()
            .filter(|(_, port)| !is_free(*port))
            .map(|(name, port)| format!("{port} ({name})"))
            .collect();
        if !taken.is_empty() {
            bail!("something listens at port {} already: --free-ports chooses others", taken.join(", "));
        }
        Ok(())
    }

    /// Each with what it is for.
    pub(crate) fn all(&self) -> [(&'static str, u16); 10] {
        [
            ("consul", self.consul),
            ("consul's servers", self.consul_rpc),
            ("consul's gossip", self.consul_gossip),
            ("vault", self.vault),
            ("vault's servers", self.vault_cluster),
            ("nomad", self.nomad),
            ("nomad's servers", self.nomad_rpc),
            ("nomad's gossip", self.nomad_gossip),
            ("releases", self.releases),
            ("the simulator", self.simulator),
        ]
    }

    /// Consul's API.
    pub(crate) fn consul(&self) -> SocketAddr {
        local(self.consul)
    }

    /// Vault's API.
    pub(crate) fn vault(&self) -> SocketAddr {
        local(self.vault)
    }

    /// Nomad's API.
    pub(crate) fn nomad(&self) -> SocketAddr {
        local(self.nomad)
    }

    /// Where releases are fetched from.
    pub(crate) fn releases(&self) -> SocketAddr {
        local(self.releases)
    }

    /// The ports of tasks, first and last.
    pub(crate) fn of_tasks(&self) -> (u16, u16) {
        (self.first_of_tasks, self.first_of_tasks + TASK_PORTS - 1)
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Whether neither TCP nor UDP, which gossip uses too, is taken.
fn is_free(port: u16) -> bool {
    TcpListener::bind(local(port)).is_ok() && UdpSocket::bind(local(port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn free_ports_are_all_different_and_apart_from_those_of_tasks() {
        let ports = Ports::free().unwrap();
        let all: BTreeSet<u16> = ports.all().into_iter().map(|(_, port)| port).collect();
        assert_eq!(all.len(), ports.all().len());
        let (first, last) = ports.of_tasks();
        assert!(first >= FREE.end && last < 32_768 && !all.contains(&first), "{ports:?}");
        ports.check().unwrap();
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut ports = Ports::free().unwrap();
        ports.vault = port;
        let refused = ports.check().unwrap_err().to_string();
        assert!(
            refused.contains(&format!("{port} (vault)")) && refused.contains("--free-ports"),
            "{refused}"
        );
    }
}
