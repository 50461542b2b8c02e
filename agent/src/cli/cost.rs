//! `nova-agent cost`: what each command is given, and which one runs. None of them asks a server.

mod estimate;
mod logged;
mod profiles;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use nova_pricing::kind::Tier;
use nova_pricing::model::Routing;

use super::prices::args::PriceArgs;

/// What Bedrock costs, or would cost. Works without a network.
#[derive(Debug, Args)]
pub(super) struct CostArgs {
    #[command(subcommand)]
    command: CostCommand,
}

#[derive(Debug, Subcommand)]
enum CostCommand {
    /// Estimate the cost of traffic, tiers and geographies beside each other: low, likely, high.
    #[command(
        after_help = "The traffic is a profile in HCL, or the log of a proxy.\n\nExamples:\n  nova-agent cost estimate --traffic traffic.hcl --region us-east-1\n  nova-agent cost estimate --traffic traffic.hcl --region eu-central-1 --routing eu --tier standard,flex --json\n  nova-agent cost estimate --access-log proxy.log --days 31"
    )]
    Estimate(EstimateArgs),
}

#[derive(Debug, Args)]
struct EstimateArgs {
    /// Traffic profiles in HCL; may be repeated, later ones win.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "access_log",
        conflicts_with = "access_log",
        requires = "region"
    )]
    traffic: Vec<PathBuf>,
    /// The log of a proxy, one JSON object a line; - for standard input.
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// The AWS region that is asked; of a log, that of each request where it is not told.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// So many days are estimated.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// Compare these ways to the model alone: in-region, or prefixes of profiles.
    #[arg(long, value_name = "ROUTING", value_delimiter = ',')]
    routing: Vec<Routing>,
    /// Compare these service tiers alone.
    #[arg(long, value_name = "TIER", value_delimiter = ',')]
    tier: Vec<Tier>,
    #[command(flatten)]
    prices: PriceArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CostArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        CostCommand::Estimate(args) => estimate::run(args),
    }
}
