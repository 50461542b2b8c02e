//! `nova-agent rollout`: what each command is given, and which one runs.
//!
//! A client of the agent's API. What is shown and how is in `shown`; nothing is decided here.

mod act;
mod agent;
mod events;
mod explain;
mod faults;
mod history;
mod record;
mod shown;
mod simulate;
mod source;
mod status;
mod store;
mod target;
mod wait;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use nova_config::DurationText;

use super::connection::ProcessVariables;
use crate::documents;
use crate::rollout::observation::CommandKind;
use agent::AgentArgs;
use target::{DEFAULT_NAMESPACE, Target, TargetText};

/// The longest reason that is kept with a command.
const LONGEST_REASON: usize = 1000;

/// See rollouts and decide about them: new versions of jobs as they come into force, judged and driven by the agent.
#[derive(Debug, Args)]
pub(super) struct RolloutArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// The namespace of a target that names none.
    #[arg(long, value_name = "NAME", env = "NOMAD_NAMESPACE", default_value = DEFAULT_NAMESPACE, global = true, help_heading = "Where")]
    namespace: String,
    /// The prefix of the agent's keys in Consul, which `status` and `history` read while no agent answers, by CONSUL_HTTP_ADDR and
    /// CONSUL_HTTP_TOKEN.
    #[arg(long, value_name = "PREFIX", env = "NOVA_KV_PREFIX", default_value = "nova/default", value_parser = documents::prefix, global = true, help_heading = "Where")]
    kv_prefix: String,
    #[command(subcommand)]
    command: RolloutCommand,
}

#[derive(Debug, Subcommand)]
enum RolloutCommand {
    /// Show all rollouts in a table, or one in full: where it stands, the numbers of both versions, what it waits for, what comes next.
    #[command(
        after_help = "While no agent answers, the records are read from Consul's keys, and it says so.\nExit code 0 when they could be read, 1 otherwise.\n\nExamples:\n  nova-agent rollout status\n  nova-agent rollout status nova-proxy\n  nova-agent rollout status prod/nova-proxy --json | jq .rollouts[0].record.phase"
    )]
    Status(StatusArgs),
    /// Follow rollouts: a live view on a terminal, a line for each thing that happens elsewhere.
    #[command(
        after_help = "Ends by itself when the rollout of a named target has ended, with the exit codes of wait; without a target it goes on until it is interrupted.\n\nExamples:\n  nova-agent rollout watch\n  nova-agent rollout watch nova-proxy\n  nova-agent rollout watch nova-proxy | tee rollout.log"
    )]
    Watch(WatchArgs),
    /// Wait until canaries are ready, or until a rollout is over. For scripts and pipelines.
    #[command(
        after_help = "Exit code 0 when it is reached; 1 when the rollout was rolled back, given up or superseded first; 4 when the time was over, or no agent answered.\nName the version that you have registered by --job-version: without it a rollout that ended before counts.\n\nExamples:\n  nova-agent rollout wait nova-proxy --for canary-ready --timeout 10m\n  nova-agent rollout wait prod/nova-proxy --for done --job-version 12 --timeout 1h\n  nova-agent rollout wait nova-proxy --for done --json | jq -r .outcome"
    )]
    Wait(WaitArgs),
    /// Open the approvals that a rollout waits for.
    #[command(
        after_help = "Exit code 0 when the agent has taken it in, 3 when another deployment is there by now, 1 otherwise.\n\nExamples:\n  nova-agent rollout approve nova-proxy -r 'looked at the dashboards'\n  nova-agent rollout approve nova-proxy --deployment 5f8a2c1e"
    )]
    Approve(ActArgs),
    /// Hold a rollout where it is. A version that fails its checks is rolled back all the same.
    #[command(
        after_help = "Not Nomad's pause, in which its deadline runs on.\nExit codes as of approve.\n\nExamples:\n  nova-agent rollout pause nova-proxy -r 'incident 4711'"
    )]
    Pause(ActArgs),
    /// Let a rollout that was held go on.
    #[command(
        after_help = "Exit codes as of approve.\n\nExamples:\n  nova-agent rollout resume nova-proxy -r 'incident 4711 is over'"
    )]
    Resume(ActArgs),
    /// Promote now, whatever checks and gates say.
    #[command(
        after_help = "The last word is yours, and it is recorded as yours.\nExit codes as of approve.\n\nExamples:\n  nova-agent rollout promote nova-proxy -r 'the errors are of a test client'"
    )]
    Promote(ActArgs),
    /// Roll back now.
    #[command(
        after_help = "Requests are taken away first, then the deployment is failed; after a promotion the version before comes back where the policy allows it.\nExit codes as of approve.\n\nExamples:\n  nova-agent rollout abort nova-proxy -r 'wrong answers in Spanish'"
    )]
    Abort(ActArgs),
    /// List the rollouts of a target that have ended.
    #[command(
        after_help = "While no agent answers, the records are read from Consul's keys, and it says so.\n\nExamples:\n  nova-agent rollout history nova-proxy\n  nova-agent rollout history nova-proxy --json | jq '.rollouts[].record.job_version'"
    )]
    History(HistoryArgs),
    /// Show what led to every decision, in order, with the numbers behind it.
    #[command(
        after_help = "Examples:\n  nova-agent rollout explain nova-proxy\n  nova-agent rollout explain nova-proxy --job-version 11"
    )]
    Explain(ExplainArgs),
    /// Replay a recording through a policy: what would have been decided, and when.
    #[command(
        after_help = "Needs no agent and no Consul. Gates and what Nomad tells, such as restarts, are not in a recording.\nExit code 0 when the recording could be replayed, whatever would have been decided.\n\nExamples:\n  nova-agent rollout simulate policy.hcl --from looks.jsonl\n  nova-agent rollout simulate agent.hcl --job nova-proxy --from looks.jsonl --json | tail -1"
    )]
    Simulate(SimulateArgs),
    /// Record what the instances of a service tell, a line for each look, for simulate.
    #[command(
        after_help = "Instances are found in Consul by CONSUL_HTTP_ADDR and CONSUL_HTTP_TOKEN, and read at their metrics listeners.\n\nExamples:\n  nova-agent rollout record nova-proxy --new 1.5.0 > looks.jsonl\n  nova-agent rollout record nova-proxy --new 1.5.0 --for 2h --interval 10s > looks.jsonl"
    )]
    Record(RecordArgs),
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// JOB or NAMESPACE/JOB; without it all.
    #[arg(value_name = "TARGET", value_parser = target::parse)]
    target: Option<TargetText>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct WatchArgs {
    /// JOB or NAMESPACE/JOB; without it all.
    #[arg(value_name = "TARGET", value_parser = target::parse)]
    target: Option<TargetText>,
    /// Print one JSON object a line for each thing that happens.
    #[arg(long)]
    json: bool,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Goal {
    /// The canaries are ready, and requests may reach them.
    CanaryReady,
    /// The rollout is over: promoted, with the bake after it.
    Done,
}

#[derive(Debug, Args)]
struct WaitArgs {
    /// JOB or NAMESPACE/JOB.
    #[arg(value_name = "TARGET", value_parser = target::parse)]
    target: TargetText,
    /// What is waited for.
    #[arg(long = "for", value_name = "GOAL", value_enum)]
    goal: Goal,
    /// The version of the job, as Nomad numbers it; an earlier rollout does not count then.
    #[arg(long, value_name = "N")]
    job_version: Option<u64>,
    /// How long to wait.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    timeout: Duration,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ActArgs {
    /// JOB or NAMESPACE/JOB.
    #[arg(value_name = "TARGET", value_parser = target::parse)]
    target: TargetText,
    /// Only if this is the deployment: its id, or the beginning of it as Nomad's tables have it.
    #[arg(long, value_name = "ID")]
    deployment: Option<String>,
    /// Why; kept in the record.
    #[arg(short, long, value_name = "TEXT", default_value = "", value_parser = reason)]
    reason: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct HistoryArgs {
    /// JOB or NAMESPACE/JOB.
    #[arg(value_name = "TARGET", value_parser = target::parse)]
    target: TargetText,
    /// How many of the newest to list.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// JOB or NAMESPACE/JOB.
    #[arg(value_name = "TARGET", value_parser = target::parse)]
    target: TargetText,
    /// The rollout of this version of the job, also one that has ended.
    #[arg(long, value_name = "N")]
    job_version: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct SimulateArgs {
    /// A file with the policy: the agent's configuration, or the rollout block alone.
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// The recording.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Whose policy of the file.
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RecordArgs {
    /// The service in Consul.
    #[arg(value_name = "SERVICE")]
    service: String,
    /// The version of the program that is new, as it registers itself; all others are old.
    #[arg(long, value_name = "VERSION")]
    new: String,
    /// How far looks are apart.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive_duration)]
    interval: Duration,
    /// How long to record.
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = duration)]
    duration: Duration,
}

pub(super) async fn run(args: RolloutArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        RolloutCommand::Simulate(simulate) => return simulate::run(simulate),
        RolloutCommand::Record(record) => return record::run(record).await,
        _ => {}
    }
    let reader = source::Reader::new(args.agent.connect(&ProcessVariables)?, &args.kv_prefix);
    let agent = reader.agent();
    let of = |target: &TargetText| -> Target { target.within(&args.namespace) };
    let act = async |kind, act: &ActArgs| act::run(agent, kind, &of(&act.target), act).await;
    let done = match &args.command {
        RolloutCommand::Status(status) => {
            status::run(&reader, status.target.as_ref().map(of).as_ref(), status.json).await
        }
        RolloutCommand::Watch(watch) => {
            watch::run(agent, watch.target.as_ref().map(of).as_ref(), watch.json).await
        }
        RolloutCommand::Wait(wait) => wait::run(agent, &of(&wait.target), wait).await,
        RolloutCommand::Approve(args) => act(CommandKind::Approve, args).await,
        RolloutCommand::Pause(args) => act(CommandKind::Pause, args).await,
        RolloutCommand::Resume(args) => act(CommandKind::Resume, args).await,
        RolloutCommand::Promote(args) => act(CommandKind::Promote, args).await,
        RolloutCommand::Abort(args) => act(CommandKind::Abort, args).await,
        RolloutCommand::History(history) => history::run(&reader, &of(&history.target), history).await,
        RolloutCommand::Explain(explain) => explain::run(&reader, &of(&explain.target), explain).await,
        // Done above: they ask no agent.
        RolloutCommand::Simulate(_) | RolloutCommand::Record(_) => return Ok(ExitCode::SUCCESS),
    };
    done.map_err(|error| faults::explain(error, &args.agent))
}

/// A line of text that is kept with a command.
fn reason(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > LONGEST_REASON {
        return Err(format!("has {length} characters: write at most {LONGEST_REASON}"));
    }
    Ok(text.to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse().map(DurationText::get)
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() { Err("is no time: write 1s or more".to_owned()) } else { Ok(duration) }
}
