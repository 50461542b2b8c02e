//! Consul with ACLs, and what Nomad needs of it.

use anyhow::Context as _;
use nova_hashistack::consul::acl::admin::{NewToken, Policy};
use nova_hashistack::consul::{Consistency, ConsulClient};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::folder::Folder;
use super::process::{Started, start};
use super::programs::Programs;
use super::record::Record;

/// What the agent is called in the catalog.
const NODE: &str = "nova-local";

/// What Nomad's agents do themselves: they register services, and find those of others (Nomad's documentation, "Consul ACL").
const NOMADS_RULES: &str = r#"agent_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "write"
}
"#;

/// Starts a server with ACLs and the management token of the record.
///
/// # Errors
/// When it cannot be started.
pub(super) fn launch(folder: &Folder, programs: &Programs, record: &Record) -> anyhow::Result<Started> {
    let ports = record.ports;
    let token = record.consul_token.expose_secret();
    let agent = json!({
        "node_name": NODE,
        "server": true,
        "bootstrap_expect": 1,
        "data_dir": folder.make("consul")?,
        "bind_addr": "127.0.0.1",
        "client_addr": "127.0.0.1",
        "ports": {
            "http": ports.consul, "server": ports.consul_rpc, "serf_lan": ports.consul_gossip,
            "serf_wan": -1, "https": -1, "dns": -1, "grpc": -1, "grpc_tls": -1,
        },
        "acl": {
            "enabled": true,
            "default_policy": "deny",
            "tokens": { "initial_management": token, "agent": token },
        },
        "ui_config": { "enabled": true },
        // The timings of small clusters: a leader within a second or two.
        "performance": { "raft_multiplier": 1 },
        "disable_update_check": true,
    });
    let file = folder.write("consul.json", &agent.to_string())?;
    start(folder, "consul", programs.path("consul")?, ["agent".into(), "-config-file".into(), file.into()])
}

/// Waits until it has a leader that takes the management token, and knows its own node.
///
/// # Errors
/// When that does not come in time.
pub(super) async fn ready(started: &mut Started, client: &ConsulClient) -> anyhow::Result<()> {
    started
        .until("a Consul with a leader", async || {
            // Written last, and by the leader.
            let own = client.health().service("consul", true, "", Consistency::Default).await?;
            Ok((!own.value.is_empty()).then_some(()))
        })
        .await
}

/// Makes the token that Nomad's agent has.
///
/// # Errors
/// When Consul refuses it.
pub(super) async fn token_for_nomad(client: &ConsulClient) -> anyhow::Result<SecretString> {
    let admin = client.acl().admin();
    let policy = Policy {
        name: "nomad-agents".to_owned(),
        description: "Agents of Nomad".to_owned(),
        rules: NOMADS_RULES.to_owned(),
    };
    admin.put_policy(&policy).await.context("cannot write the policy of Nomad's agents")?;
    let token = NewToken {
        description: "Agents of Nomad".to_owned(),
        policies: vec![policy.name],
        ..NewToken::default()
    };
    let issued = admin.create_token(&token).await.context("cannot make the token of Nomad's agents")?;
    Ok(issued.secret)
}
