//! What Consul says of itself, of the token, and of the configuration.

use nova_hashistack::ConsulClient;
use nova_hashistack::consul::Consistency;
use nova_hashistack::transport::{Call, HashistackError};
use serde_json::Value;

use super::super::fact::{Asked, ClockFact, ConsulFact, TokenFact, Trouble, VersionFact, Whose};
use super::{SERVER_PATIENCE, clock, in_time, trouble};
use crate::documents::Indexes;
use crate::store::{ConfigStore, StoreError};

/// Asks Consul. The documents are those below `kv_prefix`, where there is one.
pub(super) async fn ask(
    consul: &ConsulClient,
    address: &str,
    kv_prefix: Option<&str>,
) -> (ConsulFact, Vec<ClockFact>) {
    let (told, token, versions, documents) = tokio::join!(
        in_time(SERVER_PATIENCE, leader(consul)),
        in_time(SERVER_PATIENCE, token(consul)),
        in_time(SERVER_PATIENCE, versions(consul)),
        documents(consul, kv_prefix),
    );
    let mut clocks = Vec::new();
    let leader = told.map(|(leader, skew)| {
        clocks.push(ClockFact { whose: Whose::Server, name: "Consul".to_owned(), skew });
        leader
    });
    let catalog = Err(Trouble::NotAsked("the catalog was not read".to_owned()));
    let fact = ConsulFact { address: address.to_owned(), leader, versions, token, documents, catalog };
    (fact, clocks)
}

/// Who leads needs no token, so that a wrong one is told apart from a server that is gone.
async fn leader(consul: &ConsulClient) -> Result<(String, Asked<super::super::fact::Skew>), HashistackError> {
    let call = Call::get("/v1/status/leader").without_token();
    let (answer, skew) = clock::dated(consul.transport(), &call).await?;
    Ok((answer.json()?, skew))
}

async fn token(consul: &ConsulClient) -> Result<TokenFact, HashistackError> {
    let own = consul.acl().token_self(Consistency::Default).await?;
    let what = if own.description.is_empty() { "token".to_owned() } else { own.description };
    Ok(TokenFact { name: format!("{what} ({})", own.accessor), ends_at: own.expiration_time })
}

/// The agent's own version where the token may read it, and otherwise those that the catalog's nodes have in their meta.
async fn versions(consul: &ConsulClient) -> Result<Vec<VersionFact>, HashistackError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match consul.agent_service().agent().await {
        Ok(agent) => {
            let config = &agent["Config"];
            return Ok(vec![VersionFact {
                server: text(&config["NodeName"]),
                version: text(&config["Version"]),
            }]);
        }
        Err(error) if error.is_permission_denied() => {}
        Err(error) => return Err(error),
    }
    let nodes: Vec<Value> = consul.transport().send(&Call::get("/v1/catalog/nodes")).await?.json()?;
    let told = nodes.iter().filter(|node| node["Meta"]["consul-version"].is_string());
    Ok(told
        .map(|node| VersionFact {
            server: text(&node["Node"]),
            version: text(&node["Meta"]["consul-version"]),
        })
        .collect())
}

/// How many instances are listed, where so many were found. None may also mean that the token may see none: Consul says so in the head.
pub(super) async fn catalog(consul: &ConsulClient, service: &str, found: usize) -> Asked<usize> {
    if found > 0 {
        return Ok(found);
    }
    let health = consul.health();
    let listed = in_time(SERVER_PATIENCE, health.service(service, false, "", Consistency::Default)).await?;
    if listed.filtered_by_acls {
        return Err(Trouble::Refused {
            status: 403,
            told: format!("the token may not see all instances of {service}, or their nodes"),
        });
    }
    Ok(listed.value.len())
}

async fn documents(consul: &ConsulClient, kv_prefix: Option<&str>) -> Asked<Indexes> {
    let Some(prefix) = kv_prefix else {
        return Err(Trouble::NotAsked("there is no configuration yet".to_owned()));
    };
    let read = tokio::time::timeout(SERVER_PATIENCE, read(consul, prefix));
    match read.await {
        Ok(Ok(indexes)) => Ok(indexes),
        Ok(Err(error)) => Err(of_store(&error)),
        Err(_elapsed) => Err(Trouble::Unreachable("the documents were not read in time".to_owned())),
    }
}

fn of_store(error: &StoreError) -> Trouble {
    match error.consul() {
        Some(consul) => trouble::of(consul),
        None => Trouble::Refused { status: 403, told: error.to_string() },
    }
}

async fn read(consul: &ConsulClient, prefix: &str) -> Result<Indexes, StoreError> {
    Ok(ConfigStore::new(consul.clone(), prefix).documents().await?.indexes())
}
