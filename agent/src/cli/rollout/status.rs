//! `nova-agent rollout status`: all rollouts in a table, or one in full.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::FAILED;
use super::super::output::{complain, print, visible_line};
use super::shown::outlook::Outlook;
use super::shown::summary::Mood;
use super::shown::{detail, paint, summary};
use super::source::{Entry, Reader, Reading};
use super::target::Target;

pub(super) async fn run(reader: &Reader, target: Option<&Target>, is_json: bool) -> anyhow::Result<ExitCode> {
    let reading = reader.rollouts(target).await?;
    let before = match target {
        Some(target) => reader.history(target).await?.entries.into_iter().next(),
        None => None,
    };
    let now = Timestamp::now();
    if is_json {
        print(&json(&reading, before.as_ref(), now).to_string())?;
    } else {
        if let Some(warning) = reading.origin.warning() {
            complain(&visible_line(&warning));
        }
        print(&text(&reading.entries, target, now))?;
        if let Some(rollout) = before.as_ref().and_then(Entry::rollout) {
            print(&format!("\n{}", detail::before(rollout, now).join("\n")))?;
        }
    }
    let is_there = target.is_none() || reading.entries.iter().any(|entry| entry.record.is_ok());
    Ok(if is_there { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// What people see.
pub(super) fn text(entries: &[Entry], target: Option<&Target>, now: Timestamp) -> String {
    let lines: Vec<(String, Mood)> = match (target, entries) {
        (Some(target), []) => return absent(target),
        (None, []) => {
            return "there are no rollouts: the agent has adopted no deployment so far".to_owned();
        }
        (Some(_), [entry]) if entry.rollout().is_some() => {
            entry.rollout().map(|rollout| detail::lines(rollout, now)).unwrap_or_default()
        }
        _ => summary::lines(entries, now),
    };
    lines.into_iter().map(paint::line).collect::<Vec<_>>().join("\n")
}

/// What is said of a target without a rollout.
pub(super) fn absent(target: &Target) -> String {
    visible_line(&format!(
        "there is no rollout of {target}: the agent adopts the next deployment of this job, if its policy says so"
    ))
}

fn json(reading: &Reading, before: Option<&Entry>, now: Timestamp) -> Value {
    let rollouts = reading.entries.iter().map(|entry| entry_json(entry, now)).collect::<Vec<_>>();
    json!({ "origin": reading.origin.as_str(), "why_no_agent": reading.origin.why(), "rollouts": rollouts,
        "before": before.map(|entry| &entry.raw) })
}

/// A record as JSON, with what comes next.
pub(super) fn entry_json(entry: &Entry, now: Timestamp) -> Value {
    let outlook = entry.rollout().map(|rollout| Outlook::of(rollout, now)).unwrap_or_default();
    json!({
        "target": entry.key,
        "phase": entry.rollout().map(|rollout| rollout.phase.name().as_str()),
        "has_ended": entry.rollout().map(crate::rollout::record::Rollout::has_ended),
        "next": outlook.next, "next_at": outlook.due,
        "latest_at": outlook.latest.map(|(at, _)| at),
        "problem": entry.record.as_ref().err(),
        "record": entry.raw,
    })
}
