//! Figures to tables: medians over rounds, for people and as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::load::Outcome;
use crate::scenario::ALL;
use crate::target::Target;

/// One measurement.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// Of the target, not of the load.
    pub(crate) cpu_us: Option<f64>,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) first_byte_p50_ms: f64,
    pub(crate) first_byte_p99_ms: f64,
    /// Of one answer, without HTTP's framing.
    pub(crate) body_bytes: f64,
}

impl Figures {
    pub(crate) fn new(outcome: &Outcome, cpu: Option<Duration>) -> anyhow::Result<Self> {
        anyhow::ensure!(outcome.completed > 0, "nothing was answered");
        let of = |latency: &crate::latency::Latency, percentile| {
            latency.percentile_ms(percentile).unwrap_or(f64::NAN)
        };
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 52 bits")]
        let (completed, body_bytes) = (outcome.completed as f64, outcome.body_bytes as f64);
        Ok(Self {
            per_second: outcome.per_second(),
            cpu_us: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / completed),
            p50_ms: of(&outcome.latency, 50.0),
            p90_ms: of(&outcome.latency, 90.0),
            p99_ms: of(&outcome.latency, 99.0),
            p999_ms: of(&outcome.latency, 99.9),
            first_byte_p50_ms: of(&outcome.first_byte, 50.0),
            first_byte_p99_ms: of(&outcome.first_byte, 99.0),
            body_bytes: body_bytes / completed,
        })
    }
}

/// What a program takes without any load, and at its highest.
#[derive(Debug, Serialize)]
struct Process {
    name: &'static str,
    started_within_ms: Option<f64>,
    idle_mib: f64,
    peak_mib: f64,
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    /// By target, then by scenario: one entry per round.
    rounds: BTreeMap<&'static str, BTreeMap<&'static str, Vec<Figures>>>,
    processes: Vec<Process>,
}

impl Report {
    pub(crate) fn new(machine: String) -> Self {
        Self { machine, rounds: BTreeMap::new(), processes: Vec::new() }
    }

    pub(crate) fn add(&mut self, target: &'static str, scenario: &'static str, figures: Figures) {
        self.rounds.entry(target).or_default().entry(scenario).or_default().push(figures);
    }

    pub(crate) fn add_process(&mut self, target: &Target, peak_kib: u64) {
        self.processes.push(Process {
            name: target.name,
            started_within_ms: target.started_within.map(|within| within.as_secs_f64() * 1e3),
            idle_mib: mib(target.idle_kib),
            peak_mib: mib(peak_kib),
        });
    }

    /// The median over the rounds of one figure.
    fn median(&self, target: &str, scenario: &str, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> =
            self.rounds.get(target)?.get(scenario)?.iter().filter_map(figure).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// Prints the tables, and writes `json` where it is wanted.
pub(crate) fn print(report: &Report, json: Option<&Path>) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}\n", report.machine)?;
    writeln!(out, "{}\n", scenarios(report))?;
    writeln!(out, "{}\n", ratios(report))?;
    writeln!(out, "{}", processes(report))?;
    if let Some(path) = json {
        fs::write(path, serde_json::to_vec_pretty(report)?)?;
    }
    Ok(())
}

fn scenarios(report: &Report) -> Table {
    let mut table = table(&[
        "scenario",
        "target",
        "per second",
        "CPU us",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "p99.9 ms",
        "first byte p50 ms",
        "first byte p99 ms",
    ]);
    for scenario in ALL {
        for target in ["direct", "nginx", "nova-proxy"] {
            let median = |figure: fn(&Figures) -> Option<f64>| report.median(target, scenario.name, figure);
            let Some(per_second) = median(|figures| Some(figures.per_second)) else { continue };
            table.add_row([
                scenario.name.to_owned(),
                target.to_owned(),
                format!("{per_second:.0}"),
                cell(median(|figures| figures.cpu_us), 1),
                cell(median(|figures| Some(figures.p50_ms)), 3),
                cell(median(|figures| Some(figures.p90_ms)), 3),
                cell(median(|figures| Some(figures.p99_ms)), 3),
                cell(median(|figures| Some(figures.p999_ms)), 3),
                cell(median(|figures| Some(figures.first_byte_p50_ms)), 3),
                cell(median(|figures| Some(figures.first_byte_p99_ms)), 3),
            ]);
        }
    }
    table
}

/// The proxy in terms of nginx: what a goal is set for.
fn ratios(report: &Report) -> Table {
    let mut table = table(&[
        "nova-proxy",
        "CPU, times nginx",
        "added p50 us",
        "added p99 us",
        "added first byte p50 us",
        "added first byte p99 us",
    ]);
    for scenario in ALL {
        let of = |target, figure: fn(&Figures) -> Option<f64>| report.median(target, scenario.name, figure);
        let added = |figure: fn(&Figures) -> Option<f64>| {
            Some((of("nova-proxy", figure)? - of("direct", figure)?) * 1e3)
        };
        let cpu = |target| of(target, |figures| figures.cpu_us);
        let Some(p50) = added(|figures| Some(figures.p50_ms)) else { continue };
        table.add_row([
            scenario.name.to_owned(),
            cell(cpu("nova-proxy").zip(cpu("nginx")).map(|(proxy, nginx)| proxy / nginx), 2),
            format!("{p50:.0}"),
            cell(added(|figures| Some(figures.p99_ms)), 0),
            cell(added(|figures| Some(figures.first_byte_p50_ms)), 0),
            cell(added(|figures| Some(figures.first_byte_p99_ms)), 0),
        ]);
    }
    table
}

fn processes(report: &Report) -> Table {
    let mut table = table(&["target", "start to first answer ms", "idle MiB", "peak MiB"]);
    for process in report.processes.iter().filter(|process| process.started_within_ms.is_some()) {
        table.add_row([
            process.name.to_owned(),
            cell(process.started_within_ms, 0),
            format!("{:.1}", process.idle_mib),
            format!("{:.1}", process.peak_mib),
        ]);
    }
    table
}
