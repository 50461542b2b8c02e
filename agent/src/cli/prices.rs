//! `nova-agent prices`: what each command is given, and which one runs. None of them asks a server.

pub(super) mod args;
mod check;
mod diff;
mod show;
mod shown;
mod update;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use args::PriceArgs;

/// See, compare, check and renew the prices that costs are computed with. Works without a network.
#[derive(Debug, Args)]
pub(super) struct PricesArgs {
    #[command(subcommand)]
    command: PricesCommand,
}

#[derive(Debug, Subcommand)]
enum PricesCommand {
    /// Show the prices in force at a date, negotiated ones in place of list prices.
    #[command(
        after_help = "Examples:\n  nova-agent prices show nova-lite\n  nova-agent prices show nova-2-lite --region eu-central-1 --at 2026-06-01\n  nova-agent prices show --overlay contract.hcl --json | jq '.prices[] | select(.overlay != null)'"
    )]
    Show(ShowArgs),
    /// Show what is different between two price books.
    #[command(
        after_help = "Examples:\n  nova-agent prices diff old.toml new.toml\n  nova-agent prices diff --exit-code built-in prices.toml"
    )]
    Diff(DiffArgs),
    /// Take a newer price book, or AWS's own price list, over into a book.
    #[command(
        after_help = "Nothing is written without --apply. What was before a new price stays in the book, ended at its date.\nAWS publishes the list of each region at https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBedrock/current/<region>/index.json\n\nExit code 0 when nothing is to do or it was done, 5 when there is something to do.\n\nExamples:\n  nova-agent prices update --from index.json --book prices.toml\n  nova-agent prices update --from index.json --book prices.toml --apply"
    )]
    Update(UpdateArgs),
    /// Tell every fault of a book and its overlays, and whether the book is stale.
    #[command(
        after_help = "Exit code 0 when all can be used, stale or not, 1 otherwise.\n\nExamples:\n  nova-agent prices check --book prices.toml --overlay contract.hcl\n  nova-agent prices check --json | jq .stale"
    )]
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// A model's id, or a part of it; without it all models.
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// The AWS region that is asked; without it the prices of all.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    #[command(flatten)]
    prices: PriceArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DiffArgs {
    /// A price book; `built-in` for that of this version.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Another one.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// End with exit code 5 when there is a difference.
    #[arg(long)]
    exit_code: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct UpdateArgs {
    /// A price book, or the index.json of an AWS price list of Bedrock.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The book that is brought up to date; it begins as that of this version where the file is not there yet.
    #[arg(long, value_name = "FILE", env = "NOVA_PRICE_BOOK")]
    book: PathBuf,
    /// Write the book.
    #[arg(long)]
    apply: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    prices: PriceArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PricesArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        PricesCommand::Show(args) => show::run(args),
        PricesCommand::Diff(args) => diff::run(args),
        PricesCommand::Update(args) => update::run(args),
        PricesCommand::Check(args) => check::run(args),
    }
}
