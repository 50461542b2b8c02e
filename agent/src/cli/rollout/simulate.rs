//! `nova-agent rollout simulate`: a recording through a policy.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::super::output::{print, visible_line};
use super::SimulateArgs;
use crate::rollout::policy::{self, Policy, PolicyText};
use crate::rollout::replay::{Change, Decision, Recorded, Replay};

pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    let policy = policy_of(&args.policy, args.job.as_deref())?;
    let name = args.from.display();
    let file = File::open(&args.from).with_context(|| format!("{name} cannot be read"))?;
    let (mut replay, mut decision) = (Replay::default(), None);
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("{name} cannot be read"))?;
        if line.trim().is_empty() {
            continue;
        }
        let recorded: Recorded = serde_json::from_str(&line)
            .with_context(|| format!("line {} of {name} is no line of a recording", number + 1))?;
        let (changes, decided) = replay.look(&policy, &recorded);
        for change in &changes {
            show(change, args.json)?;
        }
        decision = decided;
        if decision.is_some() {
            break;
        }
    }
    let decision = decision.unwrap_or_else(|| replay.end(&policy));
    print(&if args.json { json!(decision).to_string() } else { sentence(&decision) })?;
    Ok(ExitCode::SUCCESS)
}

/// The one policy of a file, or that of a job.
fn policy_of(path: &Path, job: Option<&str>) -> anyhow::Result<Policy> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
    let found = policy::of_files(&[PolicyText { name: name.clone(), text }])?;
    let mut of_job = found.into_iter().filter(|(target, _)| job.is_none_or(|job| target.job == job));
    match (of_job.next(), of_job.next()) {
        (Some((_, found)), None) => Ok(found.policy),
        (None, _) => bail!("{name} has no such policy: write rollout \"<job>\" {{ … }}"),
        (Some(_), Some(_)) => bail!("{name} has several policies: name one by --job"),
    }
}

fn show(change: &Change, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print(&json!(change).to_string());
    }
    let Change { check, verdict, why, .. } = change;
    print(&visible_line(&format!("{}  {check}: {}: {why}", after(change.after_seconds), verdict.as_str())))
}

fn sentence(decision: &Decision) -> String {
    visible_line(&match decision {
        Decision::Fail { after_seconds, why } => {
            format!("{}  it would have been failed: {why}", after(*after_seconds))
        }
        Decision::Pass { after_seconds } => {
            format!("{}  it would have passed its bakes", after(*after_seconds))
        }
        Decision::Undecided { why } => format!("nothing would have been decided within the recording: {why}"),
    })
}

fn after(seconds: u64) -> String {
    format!("+{}m{:02}s", seconds / 60, seconds % 60)
}
