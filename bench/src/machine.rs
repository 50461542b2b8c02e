//! The machine that a run was made on, and which of its cores does what.

use std::fs;

use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of the load and of the upstream.
pub(crate) const LOAD_CORE: usize = 0;

/// The core of what is measured.
pub(crate) const TARGET_CORE: usize = 1;

/// In one line: processor, cores, kernel.
pub(crate) fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    // Not those that this process may use: it has pinned itself to one.
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, {cores} cores, Linux {}", model.unwrap_or("unknown processor"), kernel.trim())
}

/// Keeps this process on the core of the load.
///
/// # Errors
/// When the machine has no second core to keep apart.
pub(crate) fn pin_load() -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(LOAD_CORE);
    Ok(sched_setaffinity(None, &cores)?)
}
