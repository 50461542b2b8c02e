//! The programs of a cluster, which run on when `nova-local` has ended: how they are started, and how they are waited for.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use super::folder::Folder;

/// In the environment of everything that a cluster starts, and so of what that starts: the folder. By it all of them are found again.
pub(super) const MARK: &str = "NOVA_LOCAL_CLUSTER";

/// How long a part may take to be ready. A machine that has just compiled something is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// How many lines of a log an error tells.
const TAIL: usize = 15;

/// A program that was started.
#[derive(Debug)]
pub(super) struct Started {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// Starts a program in the background, with an environment in which it finds nothing else of this machine. What it prints is in
/// `logs/<name>.log`.
///
/// # Errors
/// When it cannot be started.
pub(super) fn start(
    folder: &Folder,
    name: &'static str,
    program: &Path,
    arguments: impl IntoIterator<Item = OsString>,
) -> anyhow::Result<Started> {
    let path = folder.join("logs").join(format!("{name}.log"));
    let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|value| ("PATH", value)))
        .env(MARK, folder.path())
        .env("HOME", folder.join("home"))
        .env("TMPDIR", folder.join("tmp"))
        // The servers would ask their maker whether there is a newer version.
        .env("CHECKPOINT_DISABLE", "1")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C in the terminal is not meant for it.
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(Started { name, child, log: path })
}

impl Started {
    /// Looks until there is something, as long as the program runs. A failed look is like one that finds nothing.
    ///
    /// # Errors
    /// When the program ends, or nothing is found in time: with the last failure and the end of the log.
    pub(super) async fn until<T>(
        &mut self,
        what: &str,
        mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = look().await;
            if let Ok(Some(found)) = seen {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} has ended with {status}\n{}", self.name, tail(&self.log));
            }
            if Instant::now() > deadline {
                let last = seen.err().map(|error| format!(": {error:#}")).unwrap_or_default();
                bail!("{what} did not come within {} s{last}\n{}", PATIENCE.as_secs(), tail(&self.log));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Looks until there is something, for what is no process of its own.
///
/// # Errors
/// When nothing is found in time, with the last failure.
pub(super) async fn until<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if let Ok(Some(found)) = seen {
            return Ok(found);
        }
        if Instant::now() > deadline {
            let last = seen.err().map(|error| format!(": {error:#}")).unwrap_or_default();
            bail!("{what} did not come within {} s{last}", PATIENCE.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs a program to its end, and returns what it printed. Of this process's environment it has `PATH` alone: a variable that names
/// another server or another token must not lead it there.
///
/// # Errors
/// When it cannot be started, or ends with another code than 0: with what it said.
pub(super) fn finish(
    program: &Path,
    arguments: &[&str],
    environment: Vec<(&'static str, String)>,
) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|value| ("PATH", value)))
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = format!("{} {}", program.display(), arguments.join(" "));
        bail!("{line} has ended with {}\n{}{}", output.status, told, said.trim_end());
    }
    Ok(told)
}

/// The last lines of a log.
pub(super) fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    format!("the end of {}:\n{last}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::folder::FolderArgs;

    #[tokio::test]
    async fn a_program_that_ends_is_told_with_the_end_of_its_log() {
        let home = tempfile::tempdir().unwrap();
        let folder = FolderArgs { folder: Some(home.path().join("cluster")) }.chosen().unwrap();
        folder.create().unwrap();
        let script = "echo no license; echo \"$NOVA_LOCAL_CLUSTER $HOME\"; exit 7";
        let mut started =
            start(&folder, "vault", Path::new("/bin/sh"), ["-c".into(), script.into()]).unwrap();
        let ended = started.until("Vault", async || Ok(None::<()>)).await.unwrap_err().to_string();
        let home = folder.join("home");
        let marked = format!("{} {}", folder.path().display(), home.display());
        assert!(
            ended.contains("exit status: 7") && ended.contains("no license") && ended.contains(&marked),
            "{ended}"
        );
    }
}
