//! `nova-agent rollout approve`, `pause`, `resume`, `promote` and `abort`: a person's word, for the deployment that the person has seen.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use nova_hashistack::transport::HashistackError;
use serde_json::{Value, json};

use super::super::output::{complain, print, visible_line};
use super::super::{CONFLICT, FAILED};
use super::ActArgs;
use super::agent::AgentClient;
use super::shown::words::{short, version};
use super::source::Entry;
use super::status::absent;
use super::target::Target;
use crate::rollout::observation::CommandKind;
use crate::rollout::record::Rollout;

/// What the agent answers where another deployment is there by now, or the command makes no sense as things stand.
const STATUS_CONFLICT: u16 = 409;

pub(super) async fn run(
    agent: &AgentClient,
    kind: CommandKind,
    target: &Target,
    args: &ActArgs,
) -> anyhow::Result<ExitCode> {
    let Some(found) = agent.rollout(target).await? else { bail!(absent(target)) };
    let entry = Entry::of(found);
    let rollout = entry.record.as_deref().map_err(|reason| anyhow::anyhow!("{reason}"))?;
    if let Some(wanted) = &args.deployment
        && !rollout.deployment_id.starts_with(wanted.as_str())
    {
        return conflict(
            args,
            &format!("the rollout of {target} is of deployment {} by now", rollout.deployment_id),
        );
    }
    if rollout.has_ended() {
        let name = rollout.phase.name().as_str().replace('_', " ");
        return refused(
            args,
            &format!("the rollout of {target} has ended ({name}): there is nothing to decide"),
        );
    }
    let body = json!({ "deployment_id": rollout.deployment_id, "reason": args.reason });
    match agent.command(target, kind.as_str(), &body).await {
        Ok(answer) => told(kind, target, rollout, &answer.json().context("the answer to the command")?, args),
        Err(error) => match error.downcast_ref::<HashistackError>().and_then(HashistackError::refusal) {
            Some(refusal) if refusal.status == STATUS_CONFLICT => conflict(args, &refusal.text),
            _ => Err(error),
        },
    }
}

fn told(
    kind: CommandKind,
    target: &Target,
    rollout: &Rollout,
    record: &Value,
    args: &ActArgs,
) -> anyhow::Result<ExitCode> {
    if args.json {
        print(&json!({ "outcome": "taken", "record": record }).to_string())?;
    } else {
        let (of, deployment) = (version(&rollout.canary), short(&rollout.deployment_id));
        let kind = kind.as_str();
        print(&visible_line(&format!(
            "{kind}: taken in for {target}, version {of}, deployment {deployment}; `nova-agent rollout watch {target}` shows what comes of it"
        )))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Nothing was done, because it would not be what the person meant.
fn conflict(args: &ActArgs, why: &str) -> anyhow::Result<ExitCode> {
    end(args, "conflict", why, "see `nova-agent rollout status`, and decide anew")?;
    Ok(ExitCode::from(CONFLICT))
}

fn refused(args: &ActArgs, why: &str) -> anyhow::Result<ExitCode> {
    end(args, "refused", why, "see `nova-agent rollout status`")?;
    Ok(ExitCode::from(FAILED))
}

fn end(args: &ActArgs, outcome: &str, why: &str, advice: &str) -> anyhow::Result<()> {
    if args.json {
        return print(&json!({ "outcome": outcome, "why": why }).to_string());
    }
    complain(&visible_line(&format!("nothing was done: {why}")));
    complain(advice);
    Ok(())
}
