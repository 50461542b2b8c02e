//! `nova-agent rollout history`: the rollouts of a target that have ended.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::output::{complain, print, visible_line};
use super::super::table::{dash, table};
use super::HistoryArgs;
use super::shown::detail::reason;
use super::shown::words::{short, span, versions};
use super::source::{Entry, Reader};
use super::target::Target;
use crate::rollout::record::Rollout;

/// How much of a reason a row has room for.
const REASON: usize = 60;

pub(super) async fn run(reader: &Reader, target: &Target, args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let reading = reader.history(target).await?;
    let shown = reading.entries.get(..args.limit.min(reading.entries.len())).unwrap_or_default();
    if args.json {
        let rollouts: Vec<Value> = shown
            .iter()
            .map(|entry| json!({ "record": entry.raw, "problem": entry.record.as_ref().err() }))
            .collect();
        let origin = &reading.origin;
        let whole = json!({
            "origin": origin.as_str(), "why_no_agent": origin.why(), "target": target.to_string(),
            "kept": reading.entries.len(), "rollouts": rollouts,
        });
        print(&whole.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(warning) = reading.origin.warning() {
        complain(&visible_line(&warning));
    }
    print(&text(shown, target))?;
    Ok(ExitCode::SUCCESS)
}

/// The table.
pub(super) fn text(entries: &[Entry], target: &Target) -> String {
    if entries.is_empty() {
        return visible_line(&format!("no rollout of {target} has gone to the history yet"));
    }
    let header = ["ADOPTED (UTC)", "VERSIONS", "STRATEGY", "OUTCOME", "TOOK", "DEPLOYMENT", "WHY"];
    table(header, entries.iter().map(cells).collect())
}

fn cells(entry: &Entry) -> [String; 7] {
    let Some(rollout) = entry.rollout() else {
        let why = visible_line(entry.record.as_ref().err().map_or("-", String::as_str));
        let none = || dash(None);
        return [none(), none(), none(), "cannot be read".to_owned(), none(), none(), why];
    };
    [
        minute(rollout.started_at),
        versions(rollout),
        rollout.strategy.as_str().to_owned(),
        rollout.phase.name().as_str().replace('_', " "),
        span(super::shown::words::ago(rollout.started_at, rollout.entered_at)),
        short(&rollout.deployment_id),
        why(rollout),
    ]
}

fn why(rollout: &Rollout) -> String {
    let Some(reason) = reason(rollout) else { return dash(None) };
    let line = visible_line(reason);
    if line.chars().count() <= REASON {
        return line;
    }
    line.chars().take(REASON - 1).chain(['…']).collect()
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}
