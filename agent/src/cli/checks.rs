//! What `verify` and `preflight` have in common: which checks are left out, how a report is shown, and how servers are reached.

mod bedrock;
mod outbound;
mod servers;
mod text;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use nova_config::DurationText;

use super::FAILED;
use super::output::print;
use crate::verify::report::Report;
use crate::verify::table::checks;

pub(super) use bedrock::{BedrockArgs, place};
pub(super) use servers::{nomad, vault};

/// Which checks count, and how they are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checks")]
pub(super) struct CheckArgs {
    /// Leave this check out; may be repeated. What stands on it is judged all the same.
    #[arg(long = "without", value_name = "CHECK", value_parser = known)]
    without: Vec<String>,
    /// Fail also for what is worth a look, and for what could not be asked.
    #[arg(long)]
    strict: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl CheckArgs {
    pub(super) fn left_out(&self) -> BTreeSet<String> {
        self.without.iter().cloned().collect()
    }

    pub(super) fn is_good(&self, report: &Report) -> bool {
        report.is_good(self.strict)
    }

    /// Prints the report, and says with what to exit.
    pub(super) fn show(&self, report: &Report) -> anyhow::Result<ExitCode> {
        if self.json {
            print(&report.to_json(self.strict).to_string())?;
        } else {
            print(&text::of(report, self.strict))?;
        }
        Ok(if self.is_good(report) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}

fn known(text: &str) -> Result<String, String> {
    if checks().any(|check| check.id == text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no check: docs/reference/checks.md has them all"))
}

/// A duration as configurations have it.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    text.parse().map(DurationText::get)
}
