//! `nova-bench run`: all targets, interleaved, in rounds; medians over the rounds.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::LocalSet;

use crate::report::{Figures, Report};
use crate::scenario::{ALL, Arrival, SATURATION, Scenario};
use crate::target::{Target, Upstream};
use crate::{Programs, cpu, load, machine, report};

/// What each measurement is preceded by, so that connections are open and caches filled.
const WARM_UP: Duration = Duration::from_millis(300);

/// Connections that share the requests of an open loop.
const OPEN_CONNECTIONS: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    programs: Programs,
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Measure only scenarios whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write the figures here too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<()> {
    machine::pin_load()?;
    let upstream = Upstream::start(None)?;
    let targets = [
        Target::direct(&upstream),
        Target::nginx(&args.programs, &upstream).await?,
        Target::proxy(&args.programs, &upstream).await?,
    ];
    let only = args.only.as_deref().unwrap_or_default();
    let scenarios: Vec<Scenario> = ALL
        .into_iter()
        .filter(|scenario| scenario.name.contains(only) || needed_by(only, scenario))
        .collect();
    ensure!(!scenarios.is_empty(), "no scenario's name contains {only:?}");
    let bar = ProgressBar::new((args.rounds * scenarios.len() * targets.len()) as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} (eta {eta})")?);
    let mut report = Report::new(machine::description());
    let mut saturation_per_second = None;
    for _ in 0..args.rounds {
        for scenario in &scenarios {
            for target in &targets {
                bar.set_message(format!("{}: {}", target.name, scenario.name));
                let figures =
                    measure(target, scenario, Duration::from_secs_f64(args.seconds), saturation_per_second);
                let figures = LocalSet::new().run_until(figures).await?;
                if scenario.name == SATURATION && target.name == "nova-proxy" {
                    saturation_per_second.get_or_insert(figures.per_second);
                }
                report.add(target.name, scenario.name, figures);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    for target in &targets {
        report.add_process(target, cpu::resident_kib(&target.pids()).1);
    }
    report::print(&report, args.json.as_deref())
}

/// An open loop needs to know what saturation is.
fn needed_by(only: &str, scenario: &Scenario) -> bool {
    scenario.name == SATURATION
        && ALL.iter().any(|other| other.name.contains(only) && matches!(other.arrival, Arrival::Open(_)))
}

async fn measure(
    target: &Target,
    scenario: &Scenario,
    duration: Duration,
    saturation_per_second: Option<f64>,
) -> anyhow::Result<Figures> {
    let request = scenario.kind.request(target.address, target.protocol, &target.key);
    let pids = target.pids();
    let (warm_up, duration) = match scenario.kind {
        // A paced stream takes a second.
        crate::scenario::Kind::Paced => (Duration::ZERO, duration.max(Duration::from_secs(3))),
        _ => (WARM_UP, duration),
    };
    let connections = match scenario.arrival {
        Arrival::Closed(connections) => connections,
        Arrival::Open(_) => OPEN_CONNECTIONS,
    };
    if !warm_up.is_zero() {
        load::closed(target.address, &request, connections, warm_up).await?;
    }
    let before = cpu::time(&pids);
    let outcome = match scenario.arrival {
        Arrival::Closed(connections) => load::closed(target.address, &request, connections, duration).await?,
        Arrival::Open(share) => {
            let per_second = saturation_per_second.unwrap_or(1000.0) * share;
            load::open(target.address, &request, OPEN_CONNECTIONS, per_second, duration).await?
        }
    };
    let used = cpu::time(&pids).saturating_sub(before);
    if let Some(failure) = &outcome.failure {
        anyhow::bail!("{} of {} failed at {}: {failure}", outcome.failed, scenario.name, target.name);
    }
    Figures::new(&outcome, (!pids.is_empty()).then_some(used))
}
