//! `nova-agent setup`: what each server is to have, what is to be done for it, and the doing.

pub(super) mod connection;
mod consul;
mod faults;
mod nomad;
mod report;
mod vault;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{complain, print};
use super::{CONFLICT, FAILED, PENDING};
use crate::setup::apply::{Planned, Server, SetupError, apply, plan};
use crate::setup::names;
use crate::setup::plan::{Step, Tally, Wanted, tally, unknown};
use report::Report;

/// Bring what the product needs into a server. Nothing is ever deleted, and what others have made is left as it is.
#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    #[command(subcommand)]
    command: SetupCommand,
}

#[derive(Debug, Subcommand)]
enum SetupCommand {
    /// Policies, the auth method of Nomad's tasks, and the role that the proxy gets by it.
    #[command(
        after_help = "Exit code 0 when nothing is to do or all was done, 1 when something differs that is not this command's to change, 3 when somebody else wrote meanwhile, 5 when a plan has something to do.\n\nExamples:\n  nova-agent setup consul --jwks-url https://nomad.example.com:4646/.well-known/jwks.json\n  nova-agent setup consul --jwks-url https://nomad.example.com:4646/.well-known/jwks.json --apply"
    )]
    Consul(consul::ConsulSetupArgs),
    /// Engines, their roles and keys, policies, and the logins of Nomad's tasks.
    #[command(
        after_help = "Exit code 0 when nothing is to do or all was done, 1 when something differs that is not this command's to change, 3 when somebody else wrote meanwhile, 5 when a plan has something to do.\n\nExamples:\n  nova-agent setup vault --role-arn arn:aws:iam::123456789012:role/nova\n  nova-agent setup vault --role-arn arn:aws:iam::123456789012:role/nova --without pki --apply"
    )]
    Vault(Box<vault::VaultSetupArgs>),
    /// Policies, that of the agent's task bound to its job, and the namespace.
    #[command(
        after_help = "Exit code 0 when nothing is to do or all was done, 1 when something differs that is not this command's to change, 3 when somebody else wrote meanwhile, 5 when a plan has something to do.\n\nExamples:\n  nova-agent setup nomad\n  nova-agent setup nomad --nomad-namespace gateways --apply"
    )]
    Nomad(nomad::NomadSetupArgs),
}

/// Whether it is only told what would be done.
#[derive(Debug, Args)]
struct ModeArgs {
    /// Tell what is there and what would be done, and do nothing. This is what happens without --apply.
    #[arg(long, conflicts_with = "apply")]
    plan: bool,
    /// Do what the plan says.
    #[arg(long)]
    apply: bool,
    /// Change this thing although this command did not make it: KIND/NAME, as the plan names it; may be repeated.
    #[arg(long = "overwrite", value_name = "KIND/NAME")]
    overwritten: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What things are called everywhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
struct NameArgs {
    /// What the names of policies and roles begin with.
    #[arg(long, value_name = "NAME", default_value = names::NAMES, value_parser = names::name)]
    names: String,
    /// The namespace of the jobs in Nomad.
    #[arg(long, value_name = "NAME", env = "NOMAD_NAMESPACE", default_value = names::NAMESPACE, value_parser = names::name)]
    nomad_namespace: String,
    /// The proxy's job in Nomad.
    #[arg(long, value_name = "NAME", default_value = names::JOB, value_parser = names::name)]
    job: String,
}

pub(super) async fn run(args: SetupArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        SetupCommand::Consul(args) => consul::run(&args).await,
        SetupCommand::Vault(args) => vault::run(&args).await,
        SetupCommand::Nomad(args) => nomad::run(&args).await,
    }
}

/// Which server, and what of it is nobody's but the operator's.
struct About {
    product: &'static str,
    address: String,
    /// What has to be there and is not set up.
    left_to_you: Vec<String>,
}

/// What it takes to write the things of a plan: what the token lacks, for a message; nothing where it lacks nothing that can be told.
type Lacking = Option<String>;

/// Plans, and applies where that is asked for. `lacking` tells before a write whether the token suffices.
async fn carry_out<S: Server>(
    server: &S,
    about: &About,
    mode: &ModeArgs,
    lacking: impl AsyncFnOnce(&[Planned]) -> anyhow::Result<Lacking>,
) -> anyhow::Result<ExitCode> {
    let overwritten: BTreeSet<String> = mode.overwritten.iter().cloned().collect();
    let wanted: Vec<Wanted> = server.things().iter().map(S::wanted).collect();
    let strangers = unknown(&overwritten, &wanted);
    ensure!(
        strangers.is_empty(),
        "--overwrite {} names nothing of the plan: write KIND/NAME as the plan does, such as {}",
        strangers.join(", "),
        wanted.first().map(Wanted::label).unwrap_or_default()
    );
    let planned = plan(server, &overwritten).await?;
    let steps: Vec<Step> = planned.iter().map(|planned| planned.step.clone()).collect();
    let count = tally(&steps);
    let report = Report { about, steps: &steps };
    let lacking = if count.create + count.change > 0 { lacking(&planned).await? } else { None };
    if !mode.apply || count.leave > 0 || lacking.is_some() {
        return show_plan(&report, mode, count, lacking);
    }
    if !mode.json {
        print(&report.head())?;
    }
    let outcome = apply(server, &planned, |step| {
        if !mode.json {
            // Whoever has closed standard output has asked not to be told; what is written is written.
            drop(print(&report.step(step)));
        }
    })
    .await;
    let code = match &outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(SetupError::Overtaken { .. }) => ExitCode::from(CONFLICT),
        Err(_) => ExitCode::from(FAILED),
    };
    if mode.json {
        let told = outcome.as_ref().err().map(|error| format!("{error:#}"));
        let is_whole = outcome.is_ok();
        print(&report.json(is_whole, json!({ "error": told })).to_string())?;
    }
    match outcome {
        Ok(()) if mode.json => {}
        Ok(()) => print(&report.applied(count))?,
        Err(error @ SetupError::Overtaken { .. }) => complain(&format!("nova-agent: {error}")),
        Err(error) => return Err(error.into()),
    }
    Ok(code)
}

/// Tells a plan that is not carried out, and why not where it should have been.
fn show_plan(
    report: &Report<'_>,
    mode: &ModeArgs,
    count: Tally,
    lacking: Lacking,
) -> anyhow::Result<ExitCode> {
    let why = match (count.leave, mode.apply) {
        (0, _) => None,
        (_, true) => {
            Some("nothing was written: first see to what differs and is not this command's to change")
        }
        (_, false) => {
            Some("--apply would write nothing: first see to what differs and is not this command's to change")
        }
    };
    if mode.json {
        print(&report.json(false, json!({ "error": why, "lacking": lacking })).to_string())?;
    } else {
        print(&report.text(count))?;
        for text in why.map(str::to_owned).into_iter().chain(lacking.clone()) {
            complain(&format!("\n{text}"));
        }
    }
    let is_refused = count.leave > 0 || (mode.apply && lacking.is_some());
    Ok(match count {
        _ if is_refused => ExitCode::from(FAILED),
        Tally { create: 0, change: 0, .. } => ExitCode::SUCCESS,
        _ => ExitCode::from(PENDING),
    })
}
