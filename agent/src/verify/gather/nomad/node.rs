//! Nodes and their clients: what they offer, and how long they let a task end.
//!
//! `max_kill_timeout` is nowhere in what servers know: each client is asked itself, at the address that its node has.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use nova_hashistack::transport::{Call, HashistackError};
use nova_hashistack::{NomadClient, NomadConfig};
use serde_json::Value;

use super::super::super::fact::{Asked, ClientFact, NomadNodeFact, Trouble};
use super::super::{CONCURRENCY, in_time, nomad_client};

/// How many nodes are looked at, at most. What so many of them have is what the cluster has.
const MOST_NODES: usize = 64;

/// How long one node or client may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client has where its configuration says nothing (Nomad's documentation, "client block", `max_kill_timeout`).
const USUAL: Duration = Duration::from_secs(30);

/// The clients of these nodes.
pub(super) async fn clients(
    config: &NomadConfig,
    client: &NomadClient,
    nodes: &[String],
) -> Asked<Vec<ClientFact>> {
    let read =
        stream::iter(nodes.iter().take(MOST_NODES))
            .map(|id| async move {
                in_time(PATIENCE, read(client, id)).await.map(|node| (node_name(&node), node))
            })
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
    let mut found = Vec::new();
    for node in read {
        let (name, node) = node?;
        found.push(ClientFact { node: name, max_kill_timeout: max_kill_timeout(config, &node).await });
    }
    Ok(found)
}

/// All nodes, and the clients of those that take tasks.
pub(super) async fn all(
    config: &NomadConfig,
    client: &NomadClient,
) -> (Asked<Vec<NomadNodeFact>>, Asked<Vec<ClientFact>>) {
    let listed = match in_time(PATIENCE, list(client)).await {
        Ok(listed) => listed,
        Err(trouble) => return (Err(trouble.clone()), Err(trouble)),
    };
    let looked_at: Vec<_> = stream::iter(listed.iter().take(MOST_NODES))
        .map(|stub| async move {
            let node = in_time(PATIENCE, read(client, stub["ID"].as_str().unwrap_or_default())).await;
            let takes_tasks = stub["Status"] == "ready" && stub["SchedulingEligibility"] == "eligible";
            let max = match &node {
                Ok(node) if takes_tasks => Some(max_kill_timeout(config, node).await),
                _ => None,
            };
            let fact = NomadNodeFact {
                name: node_name(stub),
                takes_tasks,
                drivers: drivers(stub),
                volumes: node.map(|node| names(&node["HostVolumes"])),
            };
            (fact, max)
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let mut clients = Vec::new();
    let mut nodes = Vec::new();
    for (node, max) in looked_at {
        if let Some(max_kill_timeout) = max {
            clients.push(ClientFact { node: node.name.clone(), max_kill_timeout });
        }
        nodes.push(node);
    }
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    clients.sort_by(|one, other| one.node.cmp(&other.node));
    (Ok(nodes), Ok(clients))
}

async fn list(client: &NomadClient) -> Result<Vec<Value>, HashistackError> {
    client.transport().send(&Call::get("/v1/nodes")).await?.json()
}

async fn read(client: &NomadClient, id: &str) -> Result<Value, HashistackError> {
    client.transport().send(&Call::get("/v1/node").segment(id)?).await?.json()
}

fn node_name(node: &Value) -> String {
    node["Name"].as_str().unwrap_or_default().to_owned()
}

fn drivers(stub: &Value) -> Vec<String> {
    let all = stub["Drivers"].as_object().into_iter().flatten();
    all.filter(|(_, driver)| driver["Healthy"] == true).map(|(name, _)| name.clone()).collect()
}

fn names(of: &Value) -> Vec<String> {
    of.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Asks the client of a node what it grants. It needs `agent = "read"`.
async fn max_kill_timeout(config: &NomadConfig, node: &Value) -> Asked<Duration> {
    let place = node["HTTPAddr"].as_str().unwrap_or_default();
    if place.is_empty() {
        return Err(Trouble::NotAsked("its node has no HTTP address".to_owned()));
    }
    let scheme = if node["TLSEnabled"] == true { "https" } else { "http" };
    let mut config = config.clone();
    config.address = match format!("{scheme}://{place}").parse() {
        Ok(address) => address,
        Err(error) => return Err(Trouble::Odd(format!("{place} is no address: {error}"))),
    };
    let asked = async {
        let client = nomad_client(&config)?;
        client.transport().send(&Call::get("/v1/agent/self")).await?.json::<Value>()
    };
    let told = in_time(PATIENCE, asked).await?;
    granted(&told["config"]["Client"]["MaxKillTimeout"])
}

/// The agent writes it as its configuration has it, such as `10m30s`.
fn granted(told: &Value) -> Asked<Duration> {
    match told {
        Value::Null => Ok(USUAL),
        Value::String(text) if text.is_empty() => Ok(USUAL),
        Value::String(text) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|parsed| Duration::try_from(parsed).ok())
            .ok_or_else(|| Trouble::Odd(format!("its max_kill_timeout {text:?} is no duration"))),
        other => other
            .as_u64()
            .map(Duration::from_nanos)
            .ok_or_else(|| Trouble::Odd(format!("its max_kill_timeout {other} is no duration"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_client_grants_is_read_as_nomad_writes_it() {
        for (told, seconds) in [
            (json!("30s"), 30),
            (json!("10m10s"), 610),
            (json!(""), 30),
            (json!(null), 30),
            (json!(45_000_000_000_u64), 45),
        ] {
            assert_eq!(granted(&told), Ok(Duration::from_secs(seconds)), "{told}");
        }
        assert!(granted(&json!("a while")).is_err());
    }

    #[test]
    fn only_healthy_drivers_count() {
        let stub = json!({ "Drivers": { "exec": { "Healthy": false }, "raw_exec": { "Healthy": true } } });
        assert_eq!(drivers(&stub), ["raw_exec"]);
        assert_eq!(names(&json!({ "nova-data": {} })), ["nova-data"]);
        assert!(names(&json!(null)).is_empty());
    }
}
