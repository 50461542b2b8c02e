//! Nomad: one agent that is server and client, with ACLs. Its own token registers services; tasks show Consul and Vault
//! the identity that Nomad has signed for them.

use nova_hashistack::nomad::NomadClient;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::folder::Folder;
use super::process::{Started, start};
use super::programs::Programs;
use super::record::Record;

/// Starts it. `consul_token` is what it registers services with.
///
/// # Errors
/// When it cannot be started.
pub(super) fn launch(
    folder: &Folder,
    programs: &Programs,
    record: &Record,
    consul_token: &SecretString,
) -> anyhow::Result<Started> {
    let ports = record.ports;
    let (first, last) = ports.of_tasks();
    let agent = json!({
        "name": "nova-local",
        "data_dir": folder.make("nomad")?,
        "bind_addr": "127.0.0.1",
        // Loopback has to be said twice.
        "advertise": { "http": "127.0.0.1", "rpc": "127.0.0.1", "serf": "127.0.0.1" },
        "ports": { "http": ports.nomad, "rpc": ports.nomad_rpc, "serf": ports.nomad_gossip },
        "acl": { "enabled": true },
        "server": { "enabled": true, "bootstrap_expect": 1, "raft_multiplier": 1 },
        "client": {
            "enabled": true,
            "network_interface": "lo",
            "min_dynamic_port": first,
            "max_dynamic_port": last,
            // Small jobs find their place on any machine, and on one that does not tell its clock.
            "cpu_total_compute": 8000,
            "memory_total_mb": 8192,
            "options": {
                "driver.allowlist": "raw_exec",
                // None of them finds a cloud here, and each waits for one.
                "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean",
            },
        },
        "plugin": { "raw_exec": { "config": { "enabled": true } } },
        "consul": {
            "address": ports.consul().to_string(),
            "token": consul_token.expose_secret(),
            // It registers the services of jobs and neither itself nor its checks.
            "auto_advertise": false, "server_auto_join": false, "client_auto_join": false,
        },
        "ui": { "enabled": true },
        "disable_update_check": true,
    });
    let file = folder.write("nomad.json", &agent.to_string())?;
    start(folder, "nomad", programs.path("nomad")?, ["agent".into(), "-config".into(), file.into()])
}

/// Waits until it has a leader, makes the management token, and waits until its client takes tasks.
///
/// # Errors
/// When that does not come in time, or Nomad refuses.
pub(super) async fn ready(
    started: &mut Started,
    client: &NomadClient,
    record: &Record,
) -> anyhow::Result<()> {
    started
        .until("a Nomad with a leader", async || {
            client.bootstrap(&record.nomad_token).await?;
            Ok(Some(()))
        })
        .await?;
    started
        .until("a client of Nomad that takes tasks", async || {
            Ok(client.nodes().await?.iter().any(|node| node.takes_tasks("raw_exec")).then_some(()))
        })
        .await
}
