//! What a token can try at Consul, and whether it was let.

use anyhow::{Context, bail};
use base64::Engine as _;
use http::Method;
use nova_test_support::client::Reply;
use nova_test_support::server::{Api, Consul};
use serde_json::{Value, json};

/// One thing to try. Keys are named without the prefix; one that begins with a slash is whole.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// Reads a key.
    Read(&'static str),
    /// Reads what begins with this, as a watch does, and finds it complete.
    List(&'static str),
    /// Writes a key.
    Write(&'static str),
    /// Deletes a key.
    Delete(&'static str),
    /// Deletes whatever begins with this.
    DeleteTree(&'static str),
    /// Writes these keys in one transaction, which reads another.
    Transaction(&'static [&'static str], &'static str),
    /// Registers a service of this name with the local agent.
    Register(&'static str),
    /// Takes the instance of a service out and lets it in again.
    Maintain(&'static str),
    /// Takes an instance of a service from the local agent.
    Deregister(&'static str),
    /// Sees a service among those of the local agent.
    SeeLocally(&'static str),
    /// Finds the instances of a service in the catalog.
    Find(&'static str),
    /// Opens a session, holds this key by it, releases and ends it.
    Lock(&'static str),
    /// Takes a snapshot.
    Snapshot,
    /// Makes a policy.
    MakePolicy,
    /// Has the agent read its configuration again.
    ReloadConsul,
}

impl Action {
    /// Tries it with a token. True when Consul did it, false when Consul refused, or did not show all that is there.
    pub(crate) async fn is_allowed(self, consul: &Consul, token: &str, prefix: &str) -> anyhow::Result<bool> {
        let api = &consul.api().with_token(token);
        let key = |name: &str| match name.strip_prefix('/') {
            Some(whole) => format!("/v1/kv/{whole}"),
            None => format!("/v1/kv/{prefix}/{name}"),
        };
        let put = async |path: &str, body: &str| done(&api.send(Method::PUT, path, body).await?);
        match self {
            Self::Read(name) => done(&api.send(Method::GET, &key(name), "").await?),
            Self::List(name) => list(api, &consul.api(), &key(name)).await,
            Self::Write(name) => put(&key(name), "written").await,
            Self::Delete(name) => done(&api.send(Method::DELETE, &key(name), "").await?),
            Self::DeleteTree(name) => {
                done(&api.send(Method::DELETE, &format!("{}?recurse", key(name)), "").await?)
            }
            Self::Transaction(names, read) => transaction(api, prefix, names, read).await,
            Self::Register(name) => register(api, name).await,
            Self::Maintain(name) => {
                let path = format!("/v1/agent/service/maintenance/{}", instance(name));
                Ok(put(&format!("{path}?enable=true"), "").await?
                    && put(&format!("{path}?enable=false"), "").await?)
            }
            Self::Deregister(name) => {
                // Only what is registered can be refused to be taken away.
                ensure_tried(&consul.api(), name).await?;
                put(&format!("/v1/agent/service/deregister/{}", tried(name)), "").await
            }
            Self::SeeLocally(name) => Ok(!api.get("/v1/agent/services").await?[instance(name)].is_null()),
            Self::Find(name) => {
                let found = api.get(&format!("/v1/catalog/service/{name}")).await?;
                Ok(found.as_array().is_some_and(|found| !found.is_empty()))
            }
            Self::Lock(name) => lock(api, &key(name)).await,
            Self::Snapshot => done(&api.send(Method::GET, "/v1/snapshot", "").await?),
            Self::MakePolicy => put("/v1/acl/policy", r#"{"Name":"tried","Rules":"acl = \"write\""}"#).await,
            Self::ReloadConsul => put("/v1/agent/reload", "").await,
        }
    }
}

/// The instance of a service that is there before anything is tried.
pub(crate) fn instance(service: &str) -> String {
    format!("{service}-planted")
}

/// The instance of a service that comes and goes.
fn tried(service: &str) -> String {
    format!("{service}-tried")
}

/// True for what was done, false for what was refused for want of a right; anything else is no answer to the question.
fn done(reply: &Reply) -> anyhow::Result<bool> {
    match reply.status.as_u16() {
        200 => Ok(true),
        403 => Ok(false),
        other => bail!("Consul answered {other}: {}", reply.text()),
    }
}

async fn register(api: &Api, name: &str) -> anyhow::Result<bool> {
    let service = json!({ "Name": name, "ID": tried(name), "Port": 1 });
    let path = "/v1/agent/service/register?replace-existing-checks=true";
    done(&api.send(Method::PUT, path, &service.to_string()).await?)
}

async fn ensure_tried(management: &Api, name: &str) -> anyhow::Result<()> {
    anyhow::ensure!(register(management, name).await?, "the management token may not register {name}");
    Ok(())
}

/// What a token may not read is left out of a list: it is held against the list of a token that may read everything.
async fn list(api: &Api, management: &Api, url: &str) -> anyhow::Result<bool> {
    let whole = management.get(&format!("{url}?recurse")).await?;
    let reply = api.send(Method::GET, &format!("{url}?recurse&stale"), "").await?;
    match reply.status.as_u16() {
        403 | 404 => Ok(false),
        200 => Ok(reply.json()? == whole),
        other => bail!("Consul answered {other}: {}", reply.text()),
    }
}

async fn transaction(api: &Api, prefix: &str, names: &[&str], read: &str) -> anyhow::Result<bool> {
    let value = base64::engine::general_purpose::STANDARD.encode("written");
    let mut operations: Vec<Value> = names
        .iter()
        .map(|name| json!({ "KV": { "Verb": "set", "Key": format!("{prefix}/{name}"), "Value": value } }))
        .collect();
    operations.push(json!({ "KV": { "Verb": "get", "Key": format!("{prefix}/{read}") } }));
    let reply = api.send(Method::PUT, "/v1/txn", &Value::from(operations).to_string()).await?;
    match reply.status.as_u16() {
        200 => Ok(true),
        403 | 409 if reply.text().contains("Permission denied") => Ok(false),
        other => bail!("Consul answered {other}: {}", reply.text()),
    }
}

async fn lock(api: &Api, url: &str) -> anyhow::Result<bool> {
    let wanted = json!({ "Name": "tried", "TTL": "10s", "LockDelay": "0s", "NodeChecks": [] });
    let opened = api.send(Method::PUT, "/v1/session/create", &wanted.to_string()).await?;
    if !done(&opened)? {
        return Ok(false);
    }
    let opened = opened.json()?;
    let session = opened["ID"].as_str().with_context(|| format!("no ID in {opened}"))?;
    let held = done(&api.send(Method::PUT, &format!("{url}?acquire={session}"), "held").await?)?;
    let released = done(&api.send(Method::PUT, &format!("{url}?release={session}"), "").await?)?;
    let ended = done(&api.send(Method::PUT, &format!("/v1/session/destroy/{session}"), "").await?)?;
    Ok(held && released && ended)
}
