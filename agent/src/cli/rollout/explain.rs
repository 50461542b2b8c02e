//! `nova-agent rollout explain`: what led to every decision, with the numbers behind it.

use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::output::{complain, print, visible_line};
use super::ExplainArgs;
use super::shown::timeline::Moment;
use super::shown::words::{instant, version};
use super::shown::{checks, paint, timeline};
use super::source::{Entry, Reader};
use super::status::absent;
use super::target::Target;
use crate::rollout::record::Rollout;

pub(super) async fn run(reader: &Reader, target: &Target, args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let reading = reader.rollouts(Some(target)).await?;
    if let (Some(warning), false) = (reading.origin.warning(), args.json) {
        complain(&visible_line(&warning));
    }
    let entry = match (reading.entries.into_iter().next(), args.job_version) {
        (Some(entry), None) => entry,
        (Some(entry), Some(wanted)) if is_of(&entry, wanted) => entry,
        (_, Some(wanted)) => {
            match reader.history(target).await?.entries.into_iter().find(|entry| is_of(entry, wanted)) {
                Some(entry) => entry,
                None => bail!(
                    "no rollout of version {wanted} of {target} is kept: `nova-agent rollout history {target}` lists those that are"
                ),
            }
        }
        (None, None) => bail!(absent(target)),
    };
    let rollout = entry.record.as_deref().map_err(|reason| anyhow::anyhow!("{reason}"))?;
    if args.json {
        print(&json(&entry.raw, rollout).to_string())?;
    } else {
        print(&text(rollout, Timestamp::now()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_of(entry: &Entry, job_version: u64) -> bool {
    entry.rollout().is_some_and(|rollout| rollout.canary.job_version == job_version)
}

/// The course of it, and the numbers of the last look.
pub(super) fn text(rollout: &Rollout, now: Timestamp) -> String {
    let target = format!("{}/{}", rollout.target.namespace, rollout.target.job);
    let title = format!("{target}: version {}, {}", version(&rollout.canary), rollout.strategy.as_str());
    let mut lines = vec![visible_line(&title), String::new()];
    lines.extend(timeline::of(rollout).iter().map(Moment::line));
    let checks = checks::lines(rollout);
    if !checks.is_empty() {
        let counted = rollout.checks.values().filter_map(|standing| standing.counted_at).max();
        let since =
            rollout.bake_since.map(|since| format!(", counted from {}", instant(since))).unwrap_or_default();
        lines.push(String::new());
        lines.push(format!("numbers of {}{since}:", instant(counted.unwrap_or(now))));
        lines.extend(
            checks.into_iter().map(|(text, verdict)| paint::line((text, paint::of_verdict(verdict)))),
        );
    }
    lines.join("\n")
}

fn json(raw: &Value, rollout: &Rollout) -> Value {
    let moment = |moment: &Moment| json!({ "at": moment.at, "kind": moment.kind, "text": moment.text });
    json!({
        "target": format!("{}/{}", rollout.target.namespace, rollout.target.job),
        "job_version": rollout.canary.job_version, "deployment_id": rollout.deployment_id,
        "phase": rollout.phase.name().as_str(),
        "moments": timeline::of(rollout).iter().map(moment).collect::<Vec<_>>(),
        "bake_since": rollout.bake_since, "checks": raw.get("checks"),
    })
}
