//! The processes of a cluster, found by their mark, and their end; and what else the kernel keeps of them.
//!
//! A list of process ids that somebody wrote down once can be wrong when it is needed most: after a crash, or when ids were given out
//! again. The mark is in each process's own environment. What has cleaned its environment is found by its parents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::folder::Folder;
use super::process::MARK;

/// How long programs may take to end by themselves.
const POLITELY: Duration = Duration::from_secs(15);

/// How often all that is found is killed: a process that starts others while it is looked at is found in a later round.
const ROUNDS: usize = 500;

const PAUSE: Duration = Duration::from_millis(20);

/// The processes of a cluster: those with its mark, and all that descend from these. Not this one.
///
/// # Errors
/// When the system does not tell of its processes.
pub(super) fn processes(folder: &Folder) -> anyhow::Result<BTreeSet<i32>> {
    let mark = format!("{MARK}={}", folder.path().display());
    let mut parents = BTreeMap::new();
    let mut members = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").context("cannot list /proc")? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // A process that has ended since, or is somebody else's, has nothing to read.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((state, parent)) = state_and_parent(&stat) else { continue };
        if state == 'Z' {
            continue;
        }
        parents.insert(id, parent);
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            members.insert(id);
        }
    }
    loop {
        let more: Vec<i32> = parents
            .iter()
            .filter(|(id, parent)| members.contains(parent) && !members.contains(id))
            .map(|(id, _)| *id)
            .collect();
        if more.is_empty() {
            break;
        }
        members.extend(more);
    }
    members.remove(&i32::try_from(std::process::id())?);
    Ok(members)
}

/// The third and fourth field (proc(5), `/proc/pid/stat`). The second is the program's name in parentheses, which may contain any.
fn state_and_parent(stat: &str) -> Option<(char, i32)> {
    let (_, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

/// Asks every process to end, and kills what has not after a while.
///
/// # Errors
/// When something remains: which.
pub(super) async fn end(folder: &Folder) -> anyhow::Result<()> {
    signal(&processes(folder)?, Signal::TERM);
    let deadline = Instant::now() + POLITELY;
    while !processes(folder)?.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
    // Who is stopped starts nothing: when no other comes to light, all are killed at once, and none loses the parent that it is
    // found by.
    let mut stopped = BTreeSet::new();
    for _ in 0..ROUNDS {
        let found = processes(folder)?;
        if found.is_empty() {
            return Ok(());
        }
        if found == stopped {
            signal(&found, Signal::KILL);
            stopped.clear();
            tokio::time::sleep(PAUSE).await;
        } else {
            signal(&found, Signal::STOP);
            stopped = found;
        }
    }
    bail!("these processes do not end: {:?}", processes(folder)?)
}

fn signal(ids: &BTreeSet<i32>, signal: Signal) {
    for pid in ids.iter().filter_map(|id| Pid::from_raw(*id)) {
        // One that has ended meanwhile needs none; one that remains is found in the next round.
        let _gone = kill_process(pid, signal);
    }
}

/// Takes away what is mounted below the folder: Nomad keeps the secrets of tasks in memory that is mounted there.
///
/// # Errors
/// When one cannot be unmounted.
pub(super) fn unmount(folder: &Folder) -> anyhow::Result<()> {
    let table = std::fs::read_to_string("/proc/self/mounts").context("cannot list what is mounted")?;
    for point in below(&table, folder.path()).iter().rev() {
        rustix::mount::unmount(point.as_str(), rustix::mount::UnmountFlags::DETACH)
            .with_context(|| format!("cannot unmount {point}"))?;
    }
    Ok(())
}

/// The mount points below a folder, in the order of the table (fstab(5): a space is `\040`).
fn below(table: &str, folder: &Path) -> Vec<String> {
    let folder = format!("{}/", folder.display());
    table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|point| point.replace("\\040", " "))
        .filter(|point| point.starts_with(&folder))
        .collect()
}

/// Takes away the control groups of tasks that Nomad could not end by itself. They are called after their allocations.
///
/// # Errors
/// When one cannot be removed.
pub(super) fn remove_groups(folder: &Folder) -> anyhow::Result<()> {
    let Ok(allocations) = std::fs::read_dir(folder.join("nomad/alloc")) else { return Ok(()) };
    let ids: Vec<String> = allocations
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    for parent in parents_of_groups() {
        let Ok(groups) = std::fs::read_dir(&parent) else { continue };
        for group in groups.filter_map(Result::ok) {
            let name = group.file_name().to_string_lossy().into_owned();
            if ids.iter().any(|id| name.starts_with(id.as_str())) {
                std::fs::remove_dir(group.path())
                    .with_context(|| format!("cannot remove the control group {}", group.path().display()))?;
            }
        }
    }
    Ok(())
}

/// Where Nomad makes the groups of tasks: below its slice, or below each controller where the kernel has the first version of them.
fn parents_of_groups() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let slice = root.join("nomad.slice");
    let mut parents = vec![slice.join("share.slice"), slice.join("reserve.slice")];
    for controller in std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok) {
        let own = controller.path().join("nomad");
        parents.extend([own.join("share"), own.join("reserve"), own]);
    }
    parents
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::cluster::folder::FolderArgs;

    #[test]
    fn the_name_of_a_program_does_not_hide_its_parent() {
        assert_eq!(state_and_parent("12 (a) b (c)) S 7 12 0"), Some(('S', 7)));
        assert_eq!(state_and_parent("12 (cat"), None);
    }

    #[test]
    fn mount_points_are_those_below_the_folder_the_innermost_last() {
        let table =
            "tmpfs /run/x/a tmpfs rw 0 0\ntmpfs /run/x/a/b\\040c tmpfs rw 0 0\ntmpfs /run/xy tmpfs rw 0 0\n";
        assert_eq!(below(table, Path::new("/run/x")), ["/run/x/a", "/run/x/a/b c"]);
    }

    #[tokio::test]
    async fn what_ignores_the_request_to_end_is_killed_with_what_has_lost_its_mark() {
        let home = tempfile::tempdir().unwrap();
        let folder = FolderArgs { folder: Some(home.path().join("cluster")) }.chosen().unwrap();
        assert!(processes(&folder).unwrap().is_empty());
        // The child has no environment, and both ignore SIGTERM.
        let script = "trap '' TERM; env -i sleep 1000 & while :; do wait; done";
        let mut started = Command::new("bash").args(["-c", script]).env(MARK, folder.path()).spawn().unwrap();
        let deadline = Instant::now() + POLITELY;
        while processes(&folder).unwrap().len() < 2 {
            assert!(Instant::now() < deadline, "{:?}", processes(&folder));
            tokio::time::sleep(PAUSE).await;
        }
        let before = processes(&folder).unwrap();
        assert!(before.contains(&i32::try_from(started.id()).unwrap()), "{before:?}");
        // Nobody else takes the dead child's status, without which it stays in the list as a zombie; those do not count.
        end(&folder).await.unwrap();
        assert!(processes(&folder).unwrap().is_empty());
        assert!(!started.wait().unwrap().success());
    }
}
