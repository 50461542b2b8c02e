//! Something that answers pages as they are written down: a server or an instance with a fault that nothing real has on request.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use nova_test_support::server::Api;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::environment::PREFIX;

/// The service id under which a scripted instance is registered.
const ID: &str = "zz-scripted";

/// Pages by path, each JSON or text, and how far the clock is off that dates them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    pages: BTreeMap<&'static str, String>,
    clock: SignedDuration,
}

impl Pages {
    /// The same with this page in place of what was there.
    pub(super) fn with(mut self, path: &'static str, page: &Value) -> Self {
        let text = page.as_str().map_or_else(|| page.to_string(), str::to_owned);
        self.pages.insert(path, text);
        self
    }

    /// The same with this page as JSON, a string too.
    pub(super) fn with_json(mut self, path: &'static str, page: &Value) -> Self {
        self.pages.insert(path, page.to_string());
        self
    }

    /// The same without a page.
    pub(super) fn without(mut self, path: &str) -> Self {
        self.pages.retain(|known, _| *known != path);
        self
    }

    /// The same by a clock that is so many seconds ahead.
    pub(super) fn ahead(self, seconds: i64) -> Self {
        Self { clock: SignedDuration::from_secs(seconds), ..self }
    }
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    _server: JoinSet<()>,
}

impl Scripted {
    pub(super) async fn start(pages: Pages) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let pages = Arc::new(pages);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let pages = Arc::clone(&pages);
                connections.spawn(async move {
                    // A caller who has gone is no failure of the server.
                    drop(answer(socket, &pages).await);
                });
            }
        });
        Ok(Self { address, _server: server })
    }
}

async fn answer(mut socket: TcpStream, pages: &Pages) -> anyhow::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).context("a request has a path")?;
    let path = path.split('?').next().unwrap_or(path);
    let (status, body) =
        pages.pages.get(path).map_or(("404 Not Found", ""), |page| ("200 OK", page.as_str()));
    let date = (Timestamp::now() + pages.clock).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ndate: {date}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    Ok(socket.shutdown().await?)
}

/// What an instance tells that is as it should be: it runs what Consul holds.
pub(super) async fn good_instance(consul: &Api) -> anyhow::Result<Pages> {
    let version = "0.1.0";
    let health = json!({ "status": "ready", "phase": "ready", "version": version, "conditions": [] });
    let stored = consul.get(&format!("/v1/kv/{PREFIX}/config?recurse")).await?;
    let documents: Vec<Value> = stored
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| json!({ "key": entry["Key"], "modify_index": entry["ModifyIndex"] }))
        .collect();
    let receipt = json!({
        "instance": ID, "version": version, "config": { "documents": documents }, "refusal": null,
        "consul": { "state": "in_sync" }, "vault": { "state": "logged_in" }, "secrets": [],
    });
    Ok(Pages::default()
        .with("/health", &health)
        .with("/config/receipt", &receipt)
        .with("/metrics", &json!("nova_proxy_requests_total 0\n")))
}

/// The receipt in these pages, changed.
pub(super) fn with_receipt(pages: Pages, change: impl FnOnce(&mut Value)) -> anyhow::Result<Pages> {
    let text = pages.pages.get("/config/receipt").context("the pages have a receipt")?;
    let mut receipt: Value = serde_json::from_str(text)?;
    change(&mut receipt);
    Ok(pages.with("/config/receipt", &receipt))
}

/// Registers an instance whose metrics listener is here, under this version.
pub(super) async fn register(consul: &Api, address: SocketAddr, version: &str) -> anyhow::Result<()> {
    let registration = json!({
        "ID": ID, "Name": "nova-proxy", "Address": address.ip().to_string(), "Port": address.port(),
        "Meta": { "metrics_port": address.port().to_string(), "version": version, "region": "us-east-1",
            "ring": "stable" },
    });
    consul.put("/v1/agent/service/register", &registration).await?;
    is_listed(consul, true).await
}

/// Takes it out of the catalog.
pub(super) async fn deregister(consul: &Api) -> anyhow::Result<()> {
    consul.put(&format!("/v1/agent/service/deregister/{ID}"), &Value::Null).await?;
    is_listed(consul, false).await
}

/// Waits until the catalog, which follows the agent a moment later, has it or has it no more.
async fn is_listed(consul: &Api, expected: bool) -> anyhow::Result<()> {
    wait_for("the catalog to follow", DEADLINE, async || {
        let listed = consul.get("/v1/catalog/service/nova-proxy").await?;
        let found = listed.as_array().is_some_and(|all| all.iter().any(|one| one["ServiceID"] == ID));
        Ok(if found == expected { Look::Ready(()) } else { Look::NotYet(listed) })
    })
    .await
}
