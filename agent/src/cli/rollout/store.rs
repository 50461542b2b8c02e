//! The agent's records in Consul's keys, read while no agent answers. It never writes.

use anyhow::{Context as _, ensure};
use nova_hashistack::consul::{Consistency, Indexed, KvEntry};
use serde_json::Value;

use super::super::connection::{ProcessVariables, consul_of_environment};
use super::target::Target;
use crate::rollout::record;
use crate::rollout::store::keys;

/// The record of a target, or of all.
pub(super) async fn rollouts(prefix: &str, target: Option<&Target>) -> anyhow::Result<Vec<Value>> {
    match target {
        Some(target) => {
            let key = keys::record(prefix, &named(target));
            let found = below(&key).await?;
            found.iter().filter(|entry| entry.key == key).map(read).collect()
        }
        None => below(&keys::records(prefix)).await?.iter().map(read).collect(),
    }
}

/// The records of a target that have ended, the newest first.
pub(super) async fn history(prefix: &str, target: &Target) -> anyhow::Result<Vec<Value>> {
    below(&keys::history(prefix, &named(target))).await?.iter().rev().map(read).collect()
}

fn named(target: &Target) -> record::Target {
    record::Target { namespace: target.namespace.clone(), job: target.job.clone() }
}

async fn below(prefix: &str) -> anyhow::Result<Vec<KvEntry>> {
    let consul = consul_of_environment(&ProcessVariables)?;
    let by = || format!("the keys below {prefix}, by CONSUL_HTTP_ADDR and CONSUL_HTTP_TOKEN");
    // Any server will do: what is read may be some moments old, and is said to be what was written last.
    let found: Indexed<Vec<KvEntry>> = consul.kv().list(prefix, Consistency::Stale).await.with_context(by)?;
    ensure!(
        !found.filtered_by_acls,
        "the token in CONSUL_HTTP_TOKEN may not read all keys below {prefix}: grant it key_prefix read there"
    );
    if found.value.is_empty() {
        // Lists leave out in silence what the token may not read; a read of one key is refused.
        consul.kv().get(prefix, Consistency::Stale).await.with_context(by)?;
    }
    Ok(found.value)
}

fn read(entry: &KvEntry) -> anyhow::Result<Value> {
    serde_json::from_slice(&entry.value).with_context(|| format!("the key {} holds no record", entry.key))
}
