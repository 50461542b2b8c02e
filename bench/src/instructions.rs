//! Instruction counts held against their limits. The counting is done by `bench/benches/instructions`, which `bench/instructions` runs.

mod limits;
mod summary;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};

use limits::{Finding, Limits, Verdict};

/// What to do about a count that is out of bounds.
const ACCEPT: &str = "bench/instructions --accept";

/// How counts are judged.
#[derive(Debug, Args)]
pub(crate) struct InstructionsArgs {
    /// The limits.
    #[arg(long, default_value = "bench/limits.toml", value_name = "FILE")]
    limits: PathBuf,
    /// Write the counts that are out of bounds as new limits.
    #[arg(long)]
    accept: bool,
}

/// Judges the summaries on standard input. The exit code is 1 when a count is over its limit.
///
/// # Errors
/// When nothing was counted, or a file cannot be read or written.
pub(crate) fn run(args: &InstructionsArgs) -> anyhow::Result<ExitCode> {
    let counts = summary::read(io::stdin().lock())?;
    ensure!(!counts.is_empty(), "nothing was counted: see what gungraun-runner says above");
    let mut limits = Limits::read(&args.limits)?;
    let findings = limits.judge(&counts);
    let mut out = io::stdout();
    writeln!(out, "{}", table(&findings))?;
    let out_of_bounds: Vec<&Finding> =
        findings.iter().filter(|finding| finding.verdict != Verdict::Within).collect();
    for finding in &out_of_bounds {
        writeln!(out, "{}", finding.sentence())?;
    }
    if out_of_bounds.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if args.accept {
        limits.accept(&out_of_bounds);
        limits.write(&args.limits)?;
        writeln!(out, "written to {}: say in the commit why", args.limits.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "once the cause is known and meant: {ACCEPT}")?;
    let failed = out_of_bounds.iter().any(|finding| finding.verdict != Verdict::Cheaper);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["bench", "instructions", "accepted", "change"]);
    for finding in findings {
        let cell = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let change =
            finding.change_percent().map_or_else(|| "-".to_owned(), |change| format!("{change:+.1} %"));
        table.add_row([finding.name.clone(), cell(finding.count), cell(finding.accepted), change]);
    }
    table
}
