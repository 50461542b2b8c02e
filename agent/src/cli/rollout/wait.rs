//! `nova-agent rollout wait`: for scripts, which go on when canaries are ready or a rollout is over.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::super::output::{complain, print, visible_line};
use super::super::{FAILED, UNCONFIRMED};
use super::agent::AgentClient;
use super::events::Hints;
use super::source::Entry;
use super::target::Target;
use super::{Goal, WaitArgs};
use crate::rollout::record::{Outcome, Phase, Rollout};

/// How often it looks where no event says that something has happened.
const LOOK: Duration = Duration::from_secs(2);

/// What a record says of what is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is there.
    Reached(String),
    /// It will not come, for this reason.
    Failed(String),
    /// Not yet, for this reason.
    NotYet(String),
}

pub(super) async fn run(agent: &AgentClient, target: &Target, args: &WaitArgs) -> anyhow::Result<ExitCode> {
    let end = Instant::now() + args.timeout;
    let mut hints = Hints::new(agent.clone());
    let mut shown = String::new();
    loop {
        let (entry, progress) = look(agent, target, args).await?;
        if let Progress::NotYet(why) = &progress
            && Instant::now() < end
        {
            if !args.json && *why != shown {
                complain(&visible_line(&format!("waiting: {why}")));
                shown.clone_from(why);
            }
            hints.next(end.min(Instant::now() + LOOK)).await;
            continue;
        }
        return told(target, args, entry.as_ref(), &progress);
    }
}

/// One look. An agent that does not answer may come back: only what it refuses ends the wait.
async fn look(
    agent: &AgentClient,
    target: &Target,
    args: &WaitArgs,
) -> anyhow::Result<(Option<Entry>, Progress)> {
    let found = match agent.rollout(target).await {
        Ok(found) => found,
        Err(error) if error.is_transient() => {
            let why = format!("the agent does not answer: {:#}", anyhow::Error::new(error));
            return Ok((None, Progress::NotYet(why)));
        }
        Err(error) => return Err(error.into()),
    };
    let Some(entry) = found.map(Entry::of) else {
        return Ok((None, Progress::NotYet(format!("there is no rollout of {target} yet"))));
    };
    let progress = match &entry.record {
        Ok(rollout) => progress(rollout, args.goal, args.job_version),
        Err(reason) => Progress::NotYet(reason.clone()),
    };
    Ok((Some(entry), progress))
}

/// What a record says of the goal. Pure.
pub(super) fn progress(rollout: &Rollout, goal: Goal, job_version: Option<u64>) -> Progress {
    let own = rollout.canary.job_version;
    match job_version {
        Some(wanted) if own < wanted => {
            return Progress::NotYet(format!(
                "the rollout is of version {own}, and that of version {wanted} has not begun"
            ));
        }
        Some(wanted) if own > wanted => {
            return Progress::Failed(format!("version {own} took the place of version {wanted}"));
        }
        _ => {}
    }
    let phase = rollout.phase.name().as_str().replace('_', " ");
    match &rollout.phase {
        Phase::Ended { outcome: Outcome::Promoted } => {
            Progress::Reached("it is promoted, and in force".to_owned())
        }
        Phase::Ended { outcome } => Progress::Failed(why_not(outcome, &phase)),
        Phase::RollingBack { .. } if goal == Goal::CanaryReady => {
            let why = rollout.failure.as_ref().map_or("it is rolled back", |failure| &failure.reason);
            Progress::Failed(why.to_owned())
        }
        Phase::AwaitingCanaries | Phase::Replacing | Phase::Unrecognized(_) => not_yet(rollout, &phase),
        _ if goal == Goal::CanaryReady => Progress::Reached(format!("the canaries are ready ({phase})")),
        _ => not_yet(rollout, &phase),
    }
}

fn not_yet(rollout: &Rollout, phase: &str) -> Progress {
    let waiting = if rollout.waiting_for.is_empty() {
        String::new()
    } else {
        format!(", waits for {}", rollout.waiting_for)
    };
    let held = rollout.paused.as_ref().map(|pause| format!(", held by {}", pause.by)).unwrap_or_default();
    Progress::NotYet(format!("{phase}{held}{waiting}"))
}

fn why_not(outcome: &Outcome, phase: &str) -> String {
    match outcome {
        Outcome::RolledBack { reason, .. }
        | Outcome::HandedOver { reason, .. }
        | Outcome::RollbackIncomplete { reason, .. }
        | Outcome::Abandoned { reason, .. } => format!("{phase}: {reason}"),
        Outcome::Superseded { by_version } => format!("version {by_version} took its place"),
        Outcome::Promoted | Outcome::Unrecognized(_) => phase.to_owned(),
    }
}

fn told(
    target: &Target,
    args: &WaitArgs,
    entry: Option<&Entry>,
    progress: &Progress,
) -> anyhow::Result<ExitCode> {
    let (outcome, why, code) = match progress {
        Progress::Reached(why) => ("reached", why, 0),
        Progress::Failed(why) => ("failed", why, FAILED),
        Progress::NotYet(why) => ("timeout", why, UNCONFIRMED),
    };
    let rollout = entry.and_then(Entry::rollout);
    if args.json {
        let phase = rollout.map(|rollout| rollout.phase.name().as_str());
        print(
            &json!({
                "outcome": outcome, "why": why, "target": target.to_string(), "phase": phase,
                "job_version": rollout.map(|rollout| rollout.canary.job_version),
                "deployment_id": rollout.map(|rollout| &rollout.deployment_id),
            })
            .to_string(),
        )?;
    } else {
        let text = visible_line(&format!("{outcome}: {target}: {why}"));
        if code == 0 { print(&text)? } else { complain(&text) }
    }
    Ok(ExitCode::from(code))
}
