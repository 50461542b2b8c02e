//! What a large customer has below one prefix: documents of realistic sizes, and ten thousand keys beside them.

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use nova_test_support::server::Consul;
use serde_json::{Value, json};

use super::put;
use crate::fleet::{PREFIX, model};

/// The documents below `config.d/`.
pub(super) const DOCUMENTS: usize = 40;

/// The keys that are no documents.
pub(super) const KEYS: usize = 10_000;

/// How many records there are of earlier configurations, which are the largest values.
const HISTORY: usize = 50;

/// How many keys one transaction writes: Consul takes 128 operations and 512 KiB.
const BATCH: usize = 16;

/// The name of a document.
pub(super) fn name(number: usize) -> String {
    format!("config.d/{:02}-team", number % DOCUMENTS)
}

/// Its text: some have one model, and some have twenty.
pub(super) fn document(number: usize, version: usize) -> String {
    let models: String = (0..=number % 20).map(|each| model(&format!("team-{number}-{each}"))).collect();
    format!("# Version {version}\nlimits {{\n  concurrency = {}\n}}\n\n{models}", 100 + version)
}

/// A key beside the documents, and a value of the size that such a key has.
fn beside(number: usize) -> (String, String) {
    if number < HISTORY {
        return (format!("history/{number:010}"), "x".repeat(20_000));
    }
    match number % 10 {
        0 => (format!("revoked/key_{number:08}"), "x".repeat(100)),
        1 => (format!("budgets/team-{number:05}"), "x".repeat(150)),
        _ => (format!("keys/key_{number:08}"), "x".repeat(350)),
    }
}

/// Writes everything, and returns the bytes of an answer with all of it.
pub(super) async fn settle(consul: &Consul) -> anyhow::Result<u64> {
    let api = consul.api();
    let all: Vec<(String, String)> = (0..KEYS).map(beside).collect();
    for batch in all.chunks(BATCH) {
        let set = |(name, value): &(String, String)| json!({ "KV": { "Verb": "set", "Key": format!("{PREFIX}/{name}"), "Value": STANDARD.encode(value) } });
        api.put("/v1/txn", &Value::Array(batch.iter().map(set).collect())).await?;
    }
    put(consul, "config", "# The root of all documents\nstrict = false\n").await?;
    for number in 0..DOCUMENTS {
        put(consul, &name(number), &document(number, 0)).await?;
    }
    let whole = api.send(Method::GET, &format!("/v1/kv/{PREFIX}/?recurse"), "").await?;
    ensure!(
        whole.json()?.as_array().is_some_and(|all| all.len() == KEYS + DOCUMENTS + 1),
        "keys are missing"
    );
    Ok(u64::try_from(whole.body.len())?)
}

/// Writes and deletes so many keys beside the documents, those included that are the nearest neighbors of theirs.
pub(super) async fn stir(consul: &Consul, count: usize) -> anyhow::Result<()> {
    for number in 0..count {
        match number % 4 {
            0 => put(consul, &beside(number * 7).0, "another value").await?,
            1 => put(consul, &format!("budgets/new-{number}"), "a new key").await?,
            2 => put(consul, &format!("confi-{number}"), "before the documents").await?,
            _ => {
                let (name, _) = beside(HISTORY + number);
                let reply = consul.api().send(Method::DELETE, &format!("/v1/kv/{PREFIX}/{name}"), "").await?;
                ensure!(reply.status == 200, "DELETE {name}: {} {}", reply.status, reply.text());
            }
        }
    }
    Ok(())
}
