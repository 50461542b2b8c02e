//! The folder of one server, and the certainty that nothing of the server remains when its test is over.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::binary::workspace_root;
use crate::process::Launch;

/// In the environment of everything that a server starts; `tests/servers/keep` looks for it.
const MARK: &str = "NOVA_TEST_HOME";

/// A folder, and a process that waits for the end of this value, or of the test process, and then ends whatever was
/// [launched](Self::launch) here, with all that descends from it, and removes the folder.
///
/// Nomad's tasks are children of nobody after a kill of Nomad, on purpose: they have to be found in another way than by
/// their parents.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    keeper: Child,
}

impl Home {
    /// # Errors
    /// When there can be no folder, or no process.
    pub(super) fn new(server: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("nova-{server}-"))
            .tempdir()
            .with_context(|| format!("make a folder for {server}"))?;
        let keeper = Command::new(workspace_root().join("tests/servers/keep"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            // Whoever ends the test by a signal to its process group does not end this.
            .process_group(0)
            .spawn()
            .context("start tests/servers/keep")?;
        Ok(Self { path: folder.keep(), keeper })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A server's program, with an environment in which it finds nothing of this machine and tells nobody of itself.
    pub(super) fn launch(&self, program: &Path) -> Launch {
        Launch::new(program)
            .env(MARK, &self.path)
            .env("HOME", &self.path)
            .env("TMPDIR", &self.path)
            .env("CHECKPOINT_DISABLE", "1")
    }
}

impl Drop for Home {
    #[expect(clippy::print_stderr, reason = "nobody can be given an error here, and a test log shows it")]
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        match self.keeper.wait() {
            Ok(status) if status.success() => {}
            other => eprintln!("something remains of {}: {other:?}", self.path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::is_alive;
    use crate::wait::{DEADLINE, Look, wait_until};

    /// A task as Nomad's are: away from its parent, with a child whose environment is clean.
    const TASK: &str = r#"setsid -f sh -c 'env -i sleep 1000 & echo "$$ $!" > "$HOME/new"; mv "$HOME/new" "$HOME/ids"; exec sleep 1000'"#;

    async fn ids(folder: &Path) -> Vec<u32> {
        let ids = wait_until("the task", DEADLINE, || {
            let ids = std::fs::read_to_string(folder.join("ids"));
            Ok(ids.map_or_else(|error| Look::NotYet(error.to_string()), Look::Ready))
        });
        ids.await.unwrap().split_whitespace().map(|id| id.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_runs_in_a_home_ends_with_it() {
        let home = Home::new("home").unwrap();
        let folder = home.path().to_owned();
        let finished = home.launch(Path::new("/bin/sh")).args(["-c", TASK]).finish().await.unwrap();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let ids = ids(&folder).await;
        assert_eq!(ids.len(), 2);
        assert!(ids.iter().all(|id| is_alive(*id)), "{ids:?}");
        drop(home);
        assert!(!ids.iter().any(|id| is_alive(*id)), "{ids:?}");
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn nothing_remains_when_the_test_process_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let keep = workspace_root().join("tests/servers/keep");
        // The task runs before the pipe is there: it must not hold its end.
        let script = format!(
            r#"HOME="$1" {MARK}="$1" {TASK}; exec > >(exec '{}' "$1"); read -r line < "$1/go"; kill -KILL $$"#,
            keep.display()
        );
        let status = Command::new("mkfifo").arg(folder.path().join("go")).status().unwrap();
        assert!(status.success());
        let mut process = Launch::new("bash")
            .args(["-c", &script, "bash", &folder.path().display().to_string()])
            .start()
            .unwrap();
        let ids = ids(folder.path()).await;
        assert!(ids.iter().all(|id| is_alive(*id)), "{ids:?}");
        std::fs::write(folder.path().join("go"), "go\n").unwrap();
        assert_eq!(process.exited(DEADLINE).await.unwrap().code(), None, "{}", process.report());
        wait_until("the folder to be gone", DEADLINE, || {
            Ok(if folder.path().exists() { Look::NotYet(()) } else { Look::Ready(()) })
        })
        .await
        .unwrap();
        assert!(!ids.iter().any(|id| is_alive(*id)), "{ids:?}");
    }
}
