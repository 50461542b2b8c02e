//! A proxy under attack, measured before, beside and after it.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::process::Launch;
use nova_test_support::wait::{Look, wait_for};

use super::polite::{Latencies, Polite};
use crate::bed::{Bed, Settings};
use crate::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

/// How long one thing may take before a test gives up: many times what the short limits of its configuration come to, and less than
/// `server.idle_timeout` is by default, so that a connection that is kept is not taken for one that was closed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a whole attack may last.
const ATTACK_MAX: Duration = Duration::from_secs(150);

/// How many polite requests are timed without an attack, after as many that warm everything up.
const CALM_REQUESTS: usize = 60;

/// How many polite requests an attack has to last for.
const BESIDE_MIN: usize = 30;

/// One mebibyte in KiB, which is what the kernel counts in.
const MIB_KIB: f64 = 1024.0;

/// What an allocator and the caches of a program may come to beside what an attack makes it hold, in MiB. Debug builds of the programs grow
/// by 3 MiB when they are first busy.
pub(crate) const NOISE_MIB: f64 = 16.0;

/// A proxy of its own, with a polite client beside it.
pub(crate) struct Siege {
    /// The programs.
    pub(crate) bed: Bed,
    name: &'static str,
    polite: Polite,
    process: u32,
}

impl Siege {
    /// Starts a proxy with these limits of the `server` block and these further lines, and a client that opens a connection for each request.
    pub(crate) async fn begin(name: &'static str, server: &str, rest: &str) -> anyhow::Result<Self> {
        let rest = format!("server {{\n  {server}\n}}\n{rest}\n");
        let bed = Bed::with(Settings { rest, ..Settings::default() }).await?;
        Self::on(name, bed, Polite::opens_connections())
    }

    /// The same around programs that run already.
    pub(crate) fn on(name: &'static str, mut bed: Bed, polite: Polite) -> anyhow::Result<Self> {
        let process = bed.own_proxy()?.id().context("the proxy has ended")?;
        Ok(Self { bed, name, polite, process })
    }

    /// Runs the attack beside the polite client, again if it is over before [`BESIDE_MIN`] requests were made beside it.
    ///
    /// # Errors
    /// When the attack's own promises are broken, it outlasts [`ATTACK_MAX`], a polite request fails, or the resident memory grows by more
    /// than `growth_mib`.
    pub(crate) fn attack<'a>(
        &'a mut self,
        growth_mib: f64,
        attack: impl AsyncFn(&Bed) -> anyhow::Result<()> + 'a,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>> {
        // Boxed here once, because what attackers hold is large.
        Box::pin(self.attack_beside_polite(growth_mib, attack))
    }

    async fn attack_beside_polite(
        &mut self,
        growth_mib: f64,
        attack: impl AsyncFn(&Bed) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.polite.requests(&self.bed, CALM_REQUESTS).await.context("before the attack")?;
        let without = self.polite.requests(&self.bed, CALM_REQUESTS).await.context("before the attack")?;
        let before = resident_mib(self.process)?;
        let (bed, process) = (&self.bed, self.process);
        let mut peak = before;
        let (mut beside, made) = (Latencies::default(), Cell::new(0_usize));
        let polite = async {
            loop {
                let latency = self.polite.request(bed).await;
                beside.note(latency.context("a polite request beside the attack")?);
                made.set(made.get() + 1);
                peak = peak.max(resident_mib(process)?);
            }
        };
        let attacks = async {
            while made.get() < BESIDE_MIN {
                attack(bed).await?;
            }
            anyhow::Ok(())
        };
        let result = tokio::time::timeout(ATTACK_MAX, async {
            tokio::select! { failed = polite => failed, ended = attacks => ended }
        });
        result.await.with_context(|| format!("the attack {} lasts for over {ATTACK_MAX:?}", self.name))??;
        peak = peak.max(resident_mib(process)?);
        self.polite.requests(&self.bed, 5).await.context("after the attack")?;
        let after = resident_mib(process)?;
        report(&format!(
            "attack {}: p50/p99 {without} without, {beside} beside; memory {before:.1} -> {peak:.1} -> {after:.1} MiB",
            self.name
        ))?;
        ensure!(
            peak - before <= growth_mib,
            "memory grew from {before:.1} to {peak:.1} MiB, by more than {growth_mib} MiB"
        );
        Ok(())
    }

    /// Waits until a metric of the proxy satisfies `accept`.
    pub(crate) async fn metric(&self, name: &str, accept: impl Fn(f64) -> bool) -> anyhow::Result<()> {
        metric(&self.bed, name, accept).await
    }
}

/// A bed whose proxy runs under a limit that a shell sets, such as `ulimit -n 64`.
pub(crate) async fn confined(limit: &str, settings: Settings) -> anyhow::Result<Bed> {
    let script = format!("{limit} && exec \"$0\" \"$@\"");
    let launch = Launch::new("/bin/sh")
        .args(["-c", &script])
        .arg(Program::Proxy.path()?)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    Bed::with_program(settings, launch).await
}

/// Waits until the sum of a metric's series satisfies `accept`.
pub(crate) async fn metric(bed: &Bed, name: &str, accept: impl Fn(f64) -> bool) -> anyhow::Result<()> {
    wait_for(name, PATIENCE, async || {
        let page = bed.metrics_page().await?;
        let series = page
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let value: f64 = series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        Ok(if accept(value) { Look::Ready(()) } else { Look::NotYet(value) })
    })
    .await
}

/// Resident memory of a process.
pub(crate) fn resident_mib(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(kib.context("no VmRSS of the proxy")?.parse::<f64>()? / MIB_KIB)
}

/// Processor time that a process has used.
pub(crate) fn processor_time(process: u32) -> anyhow::Result<Duration> {
    /// Ticks of a second: `getconf CLK_TCK`, the same on every Linux that these programs run on.
    const TICKS: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name, which may hold spaces; user and system time are the 14th and 15th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let ticks = ticks(12).zip(ticks(13)).context("no times of the proxy")?;
    Ok(Duration::from_millis((ticks.0 + ticks.1) * 1000 / TICKS))
}

/// Shows a line, and keeps it where `NOVA_ATTACK_REPORT` says.
#[expect(
    clippy::print_stdout,
    reason = "a figure for a person who asks for it; the harness hides it otherwise"
)]
pub(crate) fn report(line: &str) -> anyhow::Result<()> {
    println!("{line}");
    if let Some(path) = std::env::var_os("NOVA_ATTACK_REPORT") {
        let mut text = String::new();
        writeln!(text, "{line}")?;
        // One write, so that lines of tests that run side by side stay whole.
        std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())?;
    }
    Ok(())
}
