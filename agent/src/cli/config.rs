//! `nova-agent config`: what each command is given, and which one runs.

mod canary;
mod check;
mod connection_faults;
mod diff;
mod edit;
mod history;
mod instances;
mod progress;
mod push;
mod readers;
mod rollback;
mod status;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use nova_config::DurationText;

use super::connection::{ProcessVariables, ScopeArgs};
use crate::config_canary::observation::OrderKind;

/// The longest message that is kept with a change.
const LONGEST_MESSAGE: usize = 1000;

/// See, check, change and undo the configuration of all instances.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show what every instance runs, and why it refused what it refused.
    #[command(
        after_help = "Exit code 0 when every instance runs what the store holds, 1 otherwise.\n\nExamples:\n  nova-agent config status\n  nova-agent config status --json | jq '.instances[] | select(.state != \"in_sync\")'"
    )]
    Status(StatusArgs),
    /// Tell every fault that the documents would have after a push, for every version that runs.
    #[command(
        after_help = "Examples:\n  nova-agent config check prod.hcl\n  nova-agent config check --fragment limits=limits.hcl\n  nova-agent config check --offline prod.hcl --schema next-version.schema.json"
    )]
    Check(CheckArgs),
    /// Show what a push would change.
    #[command(
        after_help = "Examples:\n  nova-agent config diff prod.hcl\n  nova-agent config diff --exit-code prod.hcl --fragment limits=limits.hcl"
    )]
    Diff(DiffArgs),
    /// Check the documents, write them in one step, and wait until every instance has told what became of them.
    #[command(
        after_help = "Exit code 0 when every instance runs it, 1 when one refused it or the check did, 3 when somebody else was quicker and nothing was written, 4 when not all have told in time.\n\nExamples:\n  nova-agent config push prod.hcl -m 'more concurrency for the batch team'\n  nova-agent config push --fragment limits=limits.hcl --remove-fragment old-limits --wait 2m"
    )]
    Push(PushArgs),
    /// Let the candidate that is tried become the configuration now, whatever the checks say.
    #[command(
        after_help = "The last word is yours, and it is recorded as yours.\nExit code 0 when it is promoted, 3 when another candidate is there, 4 when no agent has acted in time, 1 otherwise.\n\nExamples:\n  nova-agent config promote -r 'there is one instance alone, and it was tried elsewhere'"
    )]
    Promote(OrderArgs),
    /// Take the candidate that is tried away.
    #[command(
        after_help = "Exit codes as of promote.\n\nExamples:\n  nova-agent config abort -r 'wrong model'"
    )]
    Abort(OrderArgs),
    /// List the states that the configuration had, or show one.
    #[command(
        after_help = "Examples:\n  nova-agent config history\n  nova-agent config history 12\n  nova-agent config history 12 --json | jq -r .documents.config"
    )]
    History(HistoryArgs),
    /// Write the documents of an earlier record again, exactly, as a new change.
    #[command(
        after_help = "Exit codes as of push.\n\nExamples:\n  nova-agent config rollback 11\n  nova-agent config rollback 11 -m 'the new limits starve the batch team'"
    )]
    Rollback(RollbackArgs),
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Fail also when the instances' settings differ in all, files and version included.
    #[arg(long)]
    same_hash: bool,
}

/// What is put into the store and what is taken out.
#[derive(Debug, Args)]
#[group(id = "edit", required = true, multiple = true)]
struct EditArgs {
    /// The HCL file that becomes the document `config`.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A file that becomes the document `config.d/NAME`; may be repeated.
    #[arg(long = "fragment", value_name = "NAME=FILE", value_parser = edit::fragment_file)]
    fragments: Vec<(String, PathBuf)>,
    /// A document `config.d/NAME` to delete; may be repeated.
    #[arg(long = "remove-fragment", value_name = "NAME", value_parser = crate::documents::fragment)]
    removed: Vec<String>,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    edit: EditArgs,
    /// Ask neither Consul nor instances: judge the named files alone, by this program's own schema.
    #[arg(long)]
    offline: bool,
    /// Judge by this schema too, as `nova-proxy schema` prints it; may be repeated.
    #[arg(long = "schema", value_name = "FILE")]
    schemas: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DiffArgs {
    #[command(flatten)]
    edit: EditArgs,
    /// Exit with 1 when there is a difference.
    #[arg(long)]
    exit_code: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How a change is written and waited for.
#[derive(Debug, Args)]
struct WriteArgs {
    /// What the change is for; kept in the history.
    #[arg(short, long, value_name = "TEXT", value_parser = message)]
    message: Option<String>,
    /// Who makes it; by default the user of this machine.
    #[arg(long, value_name = "NAME", env = "NOVA_AUTHOR", value_parser = message)]
    author: Option<String>,
    /// How long to wait for the instances.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    wait: Duration,
    /// Return as soon as it is written.
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Write although the check finds faults. Instances that cannot read it keep what they have, and say so.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PushArgs {
    #[command(flatten)]
    edit: EditArgs,
    #[command(flatten)]
    write: WriteArgs,
    /// Let a few instances try it in place of `config` first: the agent judges them beside the others, and promotes it or takes it away.
    #[arg(long, requires = "file", conflicts_with_all = ["fragments", "removed"], help_heading = "Canary")]
    canary: bool,
    /// The share of the instances that try it, at least one and never all; 10 % where it is not written.
    #[arg(long, value_name = "PERCENT", requires = "canary", value_parser = share, help_heading = "Canary")]
    share: Option<u8>,
    /// How long it may be tried, 24h at most; 30m where it is not written. Then every instance drops it by itself.
    #[arg(long, value_name = "TIME", requires = "canary", value_parser = duration, help_heading = "Canary")]
    max_age: Option<Duration>,
    /// What it is judged by: a file with the body of a rollout's policy, over the built-in defaults.
    #[arg(long, value_name = "FILE", requires = "canary", help_heading = "Canary")]
    policy: Option<PathBuf>,
    /// Wait until it is promoted or taken away, not only until its instances have it.
    #[arg(long, requires = "canary", conflicts_with_all = ["wait", "no_wait"], help_heading = "Canary")]
    follow: bool,
}

/// Somebody's word about the candidate that is tried.
#[derive(Debug, Args)]
struct OrderArgs {
    /// Only if this is the candidate: its id, or the beginning of it.
    #[arg(long, value_name = "ID")]
    candidate: Option<String>,
    /// Why; kept in the record.
    #[arg(short, long, value_name = "TEXT", value_parser = message)]
    reason: Option<String>,
    /// Who says so; by default the user of this machine.
    #[arg(long, value_name = "NAME", env = "NOVA_AUTHOR", value_parser = message)]
    author: Option<String>,
    /// How long to wait for the agent.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    wait: Duration,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct HistoryArgs {
    /// The record to show.
    #[arg(value_name = "N")]
    number: Option<u64>,
    /// How many of the newest records to list.
    #[arg(long, value_name = "COUNT", default_value_t = 20, conflicts_with = "number")]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RollbackArgs {
    /// The record whose documents are written again.
    #[arg(value_name = "N")]
    number: u64,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    let scope = &args.scope;
    if let ConfigCommand::Check(check) = &args.command
        && check.offline
    {
        return check::offline(scope.prefix(), check);
    }
    let connection = scope.connect(&ProcessVariables)?;
    let done = match &args.command {
        ConfigCommand::Status(args) => status::run(&connection, args).await,
        ConfigCommand::Check(args) => check::run(&connection, args).await,
        ConfigCommand::Diff(args) => diff::run(&connection, args).await,
        ConfigCommand::Push(args) if args.canary => canary::push(&connection, args).await,
        ConfigCommand::Push(args) => push::run(&connection, args).await,
        ConfigCommand::Promote(args) => {
            canary::order_about(&connection, args, |candidate| OrderKind::Promote { candidate }).await
        }
        ConfigCommand::Abort(args) => {
            canary::order_about(&connection, args, |candidate| OrderKind::Abort { candidate }).await
        }
        ConfigCommand::History(args) => history::run(&connection, args).await,
        ConfigCommand::Rollback(args) => rollback::run(&connection, args).await,
    };
    done.map_err(|error| connection_faults::explain(error, scope))
}

/// A line of text that is kept with a change.
fn message(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > LONGEST_MESSAGE {
        return Err(format!("has {length} characters: write at most {LONGEST_MESSAGE}"));
    }
    if text.trim().is_empty() {
        return Err("is empty: leave the option out, or say something".to_owned());
    }
    Ok(text.to_owned())
}

/// A share such as `10%` or `10`.
fn share(text: &str) -> Result<u8, String> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    let share = digits.parse().ok().filter(|share| (1..=99).contains(share));
    share.ok_or_else(|| format!("{text:?} is no share: write 1% to 99%"))
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse().map(DurationText::get)
}
