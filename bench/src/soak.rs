//! `nova-bench soak`: a steady load for a long time, in parts that each end soon. The proxy lives on between them.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use crate::report::mib;
use crate::scenario::Kind;
use crate::target::{Protocol, Target, Upstream};
use crate::{Programs, cpu, load, machine};

/// The share of saturation at which the load stays.
const SHARE: f64 = 0.6;

/// How long saturation is looked for, before the first part.
const SATURATION_TIME: Duration = Duration::from_secs(5);

/// Memory after the last part against that after the first one, and what may come on top.
const GROWTH_MAX: f64 = 1.10;
const GROWTH_MAX_KIB: u64 = 2048;

/// What a script sees while parts are left.
const EXIT_PARTS_LEFT: u8 = 3;

#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    #[command(flatten)]
    programs: Programs,
    /// Where the run is kept between parts.
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
    /// How long all parts take together.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// How long a part takes.
    #[arg(long, default_value_t = 8.0)]
    part_minutes: f64,
}

/// A run between its parts.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    pid: u32,
    address: SocketAddr,
    upstream: SocketAddr,
    key: String,
    /// Requests a second that are sent: small ones, and streams.
    small_per_second: f64,
    streams_per_second: f64,
    idle_descriptors: usize,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    seconds: f64,
    small: u64,
    streams: u64,
    failed: u64,
    p50_ms: f64,
    p99_ms: f64,
    /// Resident at the end of the load, and its highest so far.
    resident_kib: u64,
    peak_kib: u64,
    descriptors: usize,
    failure: Option<String>,
}

pub(crate) async fn run(args: &SoakArgs) -> anyhow::Result<ExitCode> {
    machine::pin_load()?;
    fs::create_dir_all(&args.state)?;
    let path = args.state.join("soak.json");
    let mut state = match fs::read(&path) {
        Ok(kept) => serde_json::from_slice(&kept).with_context(|| format!("{} is no run", path.display()))?,
        Err(_) => begin(args).await?,
    };
    ensure!(
        !cpu::family(state.pid).is_empty() && cpu::descriptors(state.pid) > 0,
        "the proxy of this run has ended; remove {} to begin again",
        path.display()
    );
    let _upstream = Upstream::start(Some(state.upstream))?;
    let left = args.minutes * 60.0 - state.parts.iter().map(|part| part.seconds).sum::<f64>();
    let part = LocalSet::new().run_until(part(&state, left.min(args.part_minutes * 60.0))).await?;
    state.parts.push(part);
    fs::write(&path, serde_json::to_vec_pretty(&state)?)?;
    print(&state)?;
    let soaked: f64 = state.parts.iter().map(|part| part.seconds).sum();
    let failed = state.parts.iter().any(|part| part.failed > 0);
    if soaked < args.minutes * 60.0 - 1.0 && !failed {
        return Ok(ExitCode::from(EXIT_PARTS_LEFT));
    }
    let verdict = judge(&state);
    fs::rename(&path, args.state.join("soak-ended.json"))?;
    if let Some(pid) = i32::try_from(state.pid).ok().and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    }
    verdict.map(|()| ExitCode::SUCCESS)
}

async fn begin(args: &SoakArgs) -> anyhow::Result<State> {
    let upstream = Upstream::start(None)?;
    let proxy = Target::proxy(&args.programs, &upstream).await?;
    let (address, key) = (proxy.address, proxy.key.clone());
    let saturation = async |kind: Kind| {
        let request = kind.request(address, Protocol::OpenAi, &key);
        let load = load::closed(address, &request, 32, SATURATION_TIME);
        LocalSet::new().run_until(load).await.map(|outcome| outcome.per_second())
    };
    let (small, streams) = (saturation(Kind::Small).await?, saturation(Kind::Stream).await?);
    let pid = *proxy.pids().first().context("the proxy runs")?;
    let upstream_address = upstream.address;
    // The first part finds the proxy as every other does: without connections to the upstream.
    drop(upstream);
    proxy.leave();
    Ok(State {
        pid,
        address,
        upstream: upstream_address,
        key,
        // Half of the load's time goes to each kind.
        small_per_second: small * SHARE / 2.0,
        streams_per_second: streams * SHARE / 2.0,
        idle_descriptors: cpu::descriptors(pid),
        parts: Vec::new(),
    })
}

async fn part(state: &State, seconds: f64) -> anyhow::Result<Part> {
    let duration = Duration::from_secs_f64(seconds);
    let (small, stream): (Arc<[u8]>, Arc<[u8]>) = (
        Kind::Small.request(state.address, Protocol::OpenAi, &state.key),
        Kind::Stream.request(state.address, Protocol::OpenAi, &state.key),
    );
    let began = Instant::now();
    let (small, streams) = tokio::try_join!(
        load::open(state.address, &small, 64, state.small_per_second, duration),
        load::open(state.address, &stream, 64, state.streams_per_second, duration),
    )?;
    let (resident_kib, peak_kib) = cpu::resident_kib(&[state.pid]);
    Ok(Part {
        seconds: began.elapsed().as_secs_f64(),
        small: small.completed,
        streams: streams.completed,
        failed: small.failed + streams.failed,
        p50_ms: small.latency.percentile_ms(50.0).unwrap_or(f64::NAN),
        p99_ms: small.latency.percentile_ms(99.0).unwrap_or(f64::NAN),
        resident_kib,
        peak_kib,
        descriptors: cpu::descriptors(state.pid),
        failure: small.failure.or(streams.failure),
    })
}

fn print(state: &State) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", machine::description())?;
    writeln!(
        out,
        "{:.0} small requests and {:.0} streams of 200 chunks a second",
        state.small_per_second, state.streams_per_second
    )?;
    writeln!(
        out,
        "part  seconds      small    streams  failed  p50 ms  p99 ms  resident MiB  peak MiB  descriptors"
    )?;
    for (number, part) in (1..).zip(&state.parts) {
        writeln!(
            out,
            "{number:>4}  {:>7.0}  {:>9}  {:>9}  {:>6}  {:>6.3}  {:>6.3}  {:>12.1}  {:>8.1}  {:>11}",
            part.seconds,
            part.small,
            part.streams,
            part.failed,
            part.p50_ms,
            part.p99_ms,
            mib(part.resident_kib),
            mib(part.peak_kib),
            part.descriptors
        )?;
        if let Some(failure) = &part.failure {
            writeln!(out, "      {failure}")?;
        }
    }
    Ok(())
}

fn judge(state: &State) -> anyhow::Result<()> {
    let (Some(first), Some(last)) = (state.parts.first(), state.parts.last()) else { return Ok(()) };
    ensure!(state.parts.iter().all(|part| part.failed == 0), "requests failed");
    #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
    let limit = first.resident_kib as f64 * GROWTH_MAX + GROWTH_MAX_KIB as f64;
    #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
    let is_flat = last.resident_kib as f64 <= limit;
    ensure!(is_flat, "memory grew from {:.1} to {:.1} MiB", mib(first.resident_kib), mib(last.resident_kib));
    ensure!(
        last.descriptors <= first.descriptors.max(state.idle_descriptors) + 64,
        "descriptors grew from {} to {}",
        first.descriptors,
        last.descriptors
    );
    Ok(())
}
