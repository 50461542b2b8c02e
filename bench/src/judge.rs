//! `nova-bench judge`: how often a judge cries wolf when nothing is wrong, and how early it tells when something is.
//!
//! Owns the command and the order of the runs. The traffic is simulated by `traffic`, which knows no judge; who judges is in
//! `contender`; an hour of both is `trial`; what comes out is compared in `comparison` and shown by `report`.

mod comparison;
mod contender;
mod random;
mod report;
mod traffic;
mod trial;

#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use comparison::Comparison;
use traffic::{Regression, World};
use trial::Trials;

/// What is simulated.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// Hours without any regression, whose alarms are false; of independent requests a fifth of them.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=100_000))]
    hours: u64,
    /// Hours with each regression; of independent requests half of them.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(10..=100_000))]
    regression_hours: u64,
    /// Where random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the figures here too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The worlds, by the names that are shown, each with what its hours and those with a regression are divided by. The second is there
/// for comparison only: no fleet is like that.
const WORLDS: [(&str, World, u64, u64); 2] = [
    ("traffic with instance effects, bursts and a mix that shifts", World::REAL, 1, 1),
    ("independent requests", World::INDEPENDENT, 5, 2),
];

/// The regressions, in the order of the columns.
const REGRESSIONS: [Regression; 3] =
    [Regression::DoubledErrors, Regression::SlowerByHalf, Regression::DearerByTenth];

/// Simulates, and prints the tables.
///
/// # Errors
/// When the figures cannot be written.
pub(crate) fn run(args: &JudgeArgs) -> anyhow::Result<()> {
    let hours = |(_, _, quiet, regression): &(&str, World, u64, u64)| {
        args.hours / quiet + REGRESSIONS.len() as u64 * (args.regression_hours / regression)
    };
    let bar = ProgressBar::new(WORLDS.iter().map(hours).sum())
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} hours {msg} (eta {eta})")?);
    let mut comparisons = Vec::new();
    for (name, world, quiet, regression) in WORLDS {
        bar.set_message(name);
        let trials = Trials { world, seed: args.seed, bar: &bar, limits: trial::limits(world, args.seed) };
        let quiet = trials.run(Regression::None, args.hours / quiet);
        let hours = args.regression_hours / regression;
        let regressions = REGRESSIONS.map(|regression| trials.run(regression, hours));
        comparisons.push(Comparison::new(name, &quiet, &regressions));
    }
    bar.finish_and_clear();
    let mut out = io::stdout();
    write!(out, "{}", report::text(args.seed, &comparisons))?;
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_vec_pretty(&comparisons)?)?;
    }
    Ok(())
}
