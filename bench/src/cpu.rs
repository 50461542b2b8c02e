//! What processes use, as Linux counts it.

use std::fs;
use std::time::Duration;

/// The CPU time of all threads of these processes, to the nanosecond. Threads that have ended are not in it: none of the
/// programs measured ends threads under load.
pub(crate) fn time(pids: &[u32]) -> Duration {
    let nanoseconds =
        pids.iter().flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task"))).flatten().flatten();
    let of_thread = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0)
    };
    Duration::from_nanos(nanoseconds.map(of_thread).sum())
}

/// Resident memory of these processes in KiB: now, and at its highest.
pub(crate) fn resident_kib(pids: &[u32]) -> (u64, u64) {
    let of_process = |pid: &u32, field: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let sum = |field: &str| pids.iter().map(|pid| of_process(pid, field)).sum();
    (sum("VmRSS:"), sum("VmHWM:"))
}

/// How many descriptors a process holds.
pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// A process and all below it.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let below = children.split_whitespace().filter_map(|text| text.parse().ok()).flat_map(family);
    [pid].into_iter().chain(below).collect()
}
