//! `nova-agent config status`: what every instance runs.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use nova_hashistack::transport::HashistackError;
use serde_json::json;

use super::super::FAILED;
use super::super::connection::Connection;
use super::super::output::{complain, print, visible_line};
use super::StatusArgs;
use super::canary::lines;
use super::instances::{Row, text};
use crate::config_canary::record::ConfigCanary;
use crate::documents::StoredDocuments;

pub(super) async fn run(connection: &Connection, args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let instances = connection.fleet.instances().await.context("the instances cannot be listed")?;
    // The receipts first: documents that are read after them may be newer, and are never older, than what receipts tell.
    let mut fetched: Vec<_> = connection.fleet.receipts(instances).collect().await;
    fetched.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    let stored = connection.store.documents().await?;
    let indexes = stored.indexes();
    let rows: Vec<_> =
        fetched.into_iter().map(|(instance, receipt)| Row::standing(instance, receipt, &indexes)).collect();
    let hashes: BTreeSet<_> = rows.iter().filter_map(Row::hash).collect();
    let is_in_sync = rows.iter().all(|row| row.state() == "in_sync");
    let now = Timestamp::now();
    let candidate = candidate(connection).await?;
    if args.json {
        print(&json!({
            "prefix": stored.prefix(), "service": connection.fleet.service(), "in_sync": is_in_sync,
            "index": stored.index(), "canary": stored.canary().is_some(),
            "candidate": candidate,
            "documents": indexes.iter().map(|(key, index)| json!({"key": key, "modify_index": index})).collect::<Vec<_>>(),
            "hashes": hashes,
            "instances": rows.iter().map(|row| row.to_json(now)).collect::<Vec<_>>(),
        }).to_string())?;
    } else {
        print(&head(&stored))?;
        if rows.is_empty() {
            print(&format!(
                "no instance is in the catalog under {}: see --service, and the consul block of the proxies",
                connection.fleet.service()
            ))?;
        } else {
            print(&format!("\n{}", text(&rows, now, &str::to_owned)))?;
        }
        if let Some(record) = &candidate {
            let lines: Vec<_> = lines(record, now).iter().map(|line| visible_line(line)).collect();
            print(&format!("\n{}", lines.join("\n")))?;
        }
        if hashes.len() > 1 {
            print(&format!(
                "\n{} different hashes: the instances' files, environments or versions differ",
                hashes.len()
            ))?;
        }
    }
    let is_good = is_in_sync && !(args.same_hash && hashes.len() > 1);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// The latest candidate, as far as the token may read it: a token that was made before there were candidates shows the rest.
async fn candidate(connection: &Connection) -> anyhow::Result<Option<ConfigCanary>> {
    match connection.canaries().load().await {
        Ok(found) => Ok(found.map(|stored| stored.record)),
        Err(error) if error.consul().is_some_and(HashistackError::is_permission_denied) => {
            complain("the token may not read candidates: load the policy operator.hcl anew to see them");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn head(stored: &StoredDocuments) -> String {
    let prefix = stored.prefix();
    if stored.is_empty() {
        return format!("{prefix} holds no configuration: instances run their files alone");
    }
    let names: Vec<_> = stored
        .documents()
        .iter()
        .map(|(name, document)| format!("{name} (index {})", document.modify_index))
        .collect();
    let canary = if stored.canary().is_some() { "; a candidate is on the canary ring" } else { "" };
    format!("{prefix} holds {}{canary}", names.join(", "))
}
