//! An instance whose receipts are scripted: it takes what Consul holds at once, refuses it, hangs, or gives another version's schema.
//!
//! For what real proxies do not do on request. What real ones do is tested with real ones.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use http::Method;
use nova_test_support::server::Api;
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How it answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// The faults that it finds in whatever Consul holds; it takes it when there are none.
    pub(crate) faults: Vec<Value>,
    /// Takes questions and does not answer them.
    pub(crate) is_silent: bool,
    /// The schema that it gives; none is a 404.
    pub(crate) schema: Option<Value>,
    /// The version that it tells.
    pub(crate) version: String,
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    asked: Vec<String>,
}

/// A running instance, registered with Consul. Dropping it ends it; its registration stays.
#[derive(Debug)]
pub(crate) struct ScriptedInstance {
    id: String,
    consul: Api,
    state: Arc<Mutex<State>>,
    _server: JoinSet<()>,
}

impl ScriptedInstance {
    /// Starts it and registers it as `id` of the service `service`; it reads its documents below `prefix`.
    pub(crate) async fn start(
        consul: &Api,
        service: &str,
        id: &str,
        prefix: &str,
        script: Script,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let version = script.version.clone();
        let state = Arc::new(Mutex::new(State { script, asked: Vec::new() }));
        let mut server = JoinSet::new();
        let (shared, api, name, prefix) =
            (Arc::clone(&state), consul.clone(), id.to_owned(), prefix.to_owned());
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (shared, api, name, prefix) =
                    (Arc::clone(&shared), api.clone(), name.clone(), prefix.clone());
                connections.spawn(async move {
                    // A caller who has gone is no failure of the instance.
                    drop(answer(socket, &shared, &api, &name, &prefix).await);
                });
            }
        });
        register(consul, service, id, address, &version).await?;
        Ok(Self { id: id.to_owned(), consul: consul.clone(), state, _server: server })
    }

    /// Waits until the instance was asked for `path`.
    pub(crate) async fn was_asked_for(&self, path: &str) -> anyhow::Result<()> {
        self.was_asked(1, path).await
    }

    /// Waits until the instance was asked for `path` so often.
    pub(crate) async fn was_asked(&self, times: usize, path: &str) -> anyhow::Result<()> {
        wait_until(&format!("{times} questions for {path}"), DEADLINE, || {
            let asked = lock(&self.state).asked.clone();
            let found = asked.iter().filter(|found| *found == path).count();
            Ok(if found >= times { Look::Ready(()) } else { Look::NotYet(asked) })
        })
        .await
    }

    /// Takes it out of the catalog.
    pub(crate) async fn deregister(&self) -> anyhow::Result<()> {
        let path = format!("/v1/agent/service/deregister/{}", self.id);
        self.consul.put(&path, &Value::Null).await.map(drop)
    }
}

async fn register(
    consul: &Api,
    service: &str,
    id: &str,
    address: SocketAddr,
    version: &str,
) -> anyhow::Result<()> {
    let registration = json!({
        "ID": id, "Name": service, "Address": address.ip().to_string(), "Port": address.port(),
        "Meta": { "metrics_port": address.port().to_string(), "metrics_scheme": "http", "version": version,
            "region": "us-east-1", "ring": "stable", "instance": id },
    });
    consul.put("/v1/agent/service/register", &registration).await?;
    // The catalog follows the agent a moment later.
    let path = format!("/v1/catalog/service/{service}");
    nova_test_support::wait::wait_for(&format!("{id} in the catalog"), DEADLINE, async || {
        let listed = consul.get(&path).await?;
        let is_there = listed.as_array().is_some_and(|all| all.iter().any(|found| found["ServiceID"] == id));
        Ok(if is_there { Look::Ready(()) } else { Look::NotYet(listed) })
    })
    .await
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    mut socket: TcpStream,
    state: &Mutex<State>,
    consul: &Api,
    id: &str,
    prefix: &str,
) -> anyhow::Result<()> {
    let path = requested(&mut socket).await?;
    let script = {
        let mut state = lock(state);
        state.asked.push(path.clone());
        state.script.clone()
    };
    if script.is_silent {
        // Reads until the caller has gone.
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await?;
        return Ok(());
    }
    let body = match path.as_str() {
        "/config/receipt" => Some(receipt(consul, &script, id, prefix).await?),
        "/config/schema" => script.schema,
        _ => None,
    };
    let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    Ok(socket.shutdown().await?)
}

/// The path of a request without a body.
async fn requested(socket: &mut TcpStream) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    head.split(' ').nth(1).map(str::to_owned).context("a request has a path")
}

/// What a proxy would tell that takes, or refuses, what Consul holds now.
async fn receipt(consul: &Api, script: &Script, id: &str, prefix: &str) -> anyhow::Result<Value> {
    let reply = consul.send(Method::GET, &format!("/v1/kv/{prefix}/config?recurse"), "").await?;
    let index: u64 = reply.header("x-consul-index").context("no index")?.parse()?;
    let entries: Vec<Value> =
        if reply.status == 404 { Vec::new() } else { serde_json::from_slice(&reply.body)? };
    let documents: Vec<Value> = entries
        .iter()
        .map(|entry| json!({ "key": entry["Key"], "modify_index": entry["ModifyIndex"] }))
        .collect();
    let takes = script.faults.is_empty();
    let (applied, refusal) = if takes {
        (json!(documents), Value::Null)
    } else {
        let refusal = json!({ "index": index, "at": "2026-11-24T00:00:00Z", "kind": "invalid",
            "documents": documents, "faults": script.faults });
        (json!([]), refusal)
    };
    Ok(json!({
        "instance": id, "service": "nova-proxy", "version": script.version, "region": "us-east-1", "ring": "stable",
        "config": { "hash": "015abd7f5cc5", "source": "consul", "applied_index": index,
            "applied_at": "2026-11-24T00:00:00Z", "documents": applied, "waiting_for_restart": [] },
        "refusal": refusal,
        "consul": { "state": "in_sync", "seen_index": index },
    }))
}
