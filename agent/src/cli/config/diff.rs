//! `nova-agent config diff`: what a push would change.

use std::process::ExitCode;

use serde_json::json;

use super::super::FAILED;
use super::super::connection::Connection;
use super::super::output::{colored_diff, print};
use super::DiffArgs;
use super::edit::StoreAndFiles;
use crate::change::diff;
use crate::documents::Texts;

pub(super) async fn run(connection: &Connection, args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let (edit, files) = args.edit.read()?;
    let stored = connection.store.documents().await?;
    let changes = edit.changes(&stored);
    let after: Texts = edit
        .applied(&stored)
        .into_iter()
        .filter_map(|(name, value)| Some((name, String::from_utf8(value.into()).ok()?)))
        .collect();
    let labels = StoreAndFiles { stored: &stored, files: &files };
    let differences = diff(&stored.texts(), &after, &labels);
    if args.json {
        let entry = |found: &crate::change::DocumentDiff| json!({"key": stored.key(&found.name), "change": found.kind.as_str(), "diff": found.unified});
        print(
            &json!({
                "changed": !changes.is_empty(), "index": stored.index(),
                "documents": differences.iter().map(entry).collect::<Vec<_>>(),
            })
            .to_string(),
        )?;
    } else {
        for found in &differences {
            print(&colored_diff(&found.unified))?;
        }
    }
    let is_good = changes.is_empty() || !args.exit_code;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
