//! A running program: started with a clean environment, watched until it is ready, stopped by its process id.
//!
//! Its output goes to files in a folder of its own, so that no pipe can fill up and a failing test can show all of it.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::wait::{DEADLINE, Look, wait_until};

/// How many lines of each output a failing test shows.
const SHOWN_LINES: usize = 120;

/// How a program is to be started.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Launch {
    /// The program at this path, without arguments.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments in order.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets one variable of the program's environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts the program.
    ///
    /// Of this process's environment it inherits `PATH` and `HOME` alone: a developer's AWS profile or proxy settings
    /// must not change what a test sees.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(self) -> anyhow::Result<Process> {
        let folder = tempfile::Builder::new()
            .prefix("nova-test-")
            .tempdir()
            .context("make a folder for the output")?;
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            // What it leaves in the folder of temporary files when it is killed is gone with this one.
            .env("TMPDIR", folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("stdout"))?)
            .stderr(File::create(folder.path().join("stderr"))?)
            .kill_on_drop(true);
        for inherited in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(inherited) {
                command.env(inherited, value);
            }
        }
        // What was given wins over what is inherited.
        command.envs(self.environment);
        let child = command.spawn().with_context(|| format!("start {}", self.program.display()))?;
        Ok(Process { child, folder, name })
    }

    /// Runs the program to its end.
    ///
    /// # Errors
    /// When it cannot be started, or does not end within [`DEADLINE`].
    pub async fn finish(self) -> anyhow::Result<Finished> {
        self.finish_within(DEADLINE).await
    }

    /// As [`Self::finish`], for what takes longer.
    ///
    /// # Errors
    /// When it cannot be started, or does not end in time.
    pub async fn finish_within(self, deadline: Duration) -> anyhow::Result<Finished> {
        let mut process = self.start()?;
        let status = process.exited(deadline).await?;
        Ok(Finished { code: status.code(), stdout: process.stdout()?, stderr: process.stderr()? })
    }
}

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The exit code; absent when a signal ended it.
    pub code: Option<i32>,
    /// Everything that it wrote to its standard output.
    pub stdout: String,
    /// Everything that it wrote to its standard error.
    pub stderr: String,
}

/// A running program. Dropping it kills it, and shows its output when the test is failing.
#[derive(Debug)]
pub struct Process {
    child: Child,
    folder: TempDir,
    name: String,
}

impl Process {
    /// The folder that the program runs in, gone when this value is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it has written to its standard output so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stdout(&self) -> anyhow::Result<String> {
        self.output("stdout")
    }

    /// What it has written to its standard error so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stderr(&self) -> anyhow::Result<String> {
        self.output("stderr")
    }

    fn output(&self, stream: &str) -> anyhow::Result<String> {
        let bytes = std::fs::read(self.folder.path().join(stream))
            .with_context(|| format!("read the {stream} of {}", self.name))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits for the line of JSON that the program prints to its standard output when it is ready.
    ///
    /// # Errors
    /// When it ends first, or prints no such line within [`DEADLINE`]; its output is part of the message.
    pub async fn ready_line(&mut self) -> anyhow::Result<Value> {
        let name = self.name.clone();
        wait_until(&format!("the ready line of {name}"), DEADLINE, || {
            let stdout = self.stdout()?;
            // A line counts when its end is there: half a line may be valid JSON too.
            let complete = stdout.rfind('\n').and_then(|end| stdout.get(..end)).unwrap_or_default();
            let ready =
                complete.lines().filter_map(|line| serde_json::from_str(line).ok()).find(Value::is_object);
            if let Some(ready) = ready {
                return Ok(Look::Ready(ready));
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{name} ended ({status}) before it was ready\n{}", self.report());
            }
            Ok(Look::NotYet(self.report()))
        })
        .await
    }

    /// Waits for a line of its standard output or error for which `accept` holds, and returns it.
    ///
    /// # Errors
    /// When the program ends, or the deadline passes, without such a line.
    pub async fn line_where(
        &mut self,
        what: &str,
        deadline: Duration,
        accept: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        wait_until(what, deadline, || {
            let both = format!("{}\n{}", self.stdout()?, self.stderr()?);
            if let Some(line) = both.lines().find(|line| accept(line)) {
                return Ok(Look::Ready(line.to_owned()));
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the program ended ({status})\n{}", self.report());
            }
            Ok(Look::NotYet(self.report()))
        })
        .await
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().with_context(|| format!("{} has ended", self.name))?;
        let pid = Pid::from_raw(id.try_into()?).context("a process id is positive")?;
        kill_process(pid, signal).with_context(|| format!("signal {}", self.name))
    }

    /// Waits for the program to end by itself.
    ///
    /// # Errors
    /// When it has not ended at the deadline: it is killed then, and its output is part of the message.
    pub async fn exited(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        if let Ok(status) = tokio::time::timeout(deadline, self.child.wait()).await {
            return Ok(status?);
        }
        self.child.kill().await.with_context(|| format!("kill {}", self.name))?;
        bail!("{} had not ended after {deadline:?} and was killed\n{}", self.name, self.report())
    }

    /// Asks the program to stop by SIGTERM, waits, and kills it at the deadline.
    ///
    /// # Errors
    /// When it had ended before, or had to be killed.
    pub async fn stop(mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} had ended before ({status})\n{}", self.name, self.report());
        }
        self.signal(Signal::TERM)?;
        self.exited(deadline).await
    }

    /// True while the program runs.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The last lines of both outputs, for messages.
    pub fn report(&self) -> String {
        let mut report = String::new();
        for stream in ["stdout", "stderr"] {
            let text = self.output(stream).unwrap_or_else(|error| format!("{error:#}"));
            let lines: Vec<&str> = text.lines().collect();
            let shown = lines.len().saturating_sub(SHOWN_LINES);
            report.push_str(&format!("--- {stream} of {} ({shown} lines before) ---\n", self.name));
            for line in lines.iter().skip(shown) {
                report.push_str(line);
                report.push('\n');
            }
        }
        report
    }
}

impl Drop for Process {
    #[expect(
        clippy::print_stderr,
        reason = "the test harness shows this with the failed test and nowhere else"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.report());
        }
    }
}

/// True while a process of this id runs, whoever started it; one that has ended and that nobody has waited for does not run.
pub fn is_alive(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The state follows the program's name, which is in parentheses and may contain anything.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Launch {
        Launch::new("/bin/sh").args(["-c", script])
    }

    #[tokio::test]
    async fn a_ready_line_is_found_among_other_lines() {
        let mut process = shell(r#"echo starting; echo '{"listen":"here"}'; exec sleep 60"#).start().unwrap();
        assert_eq!(process.ready_line().await.unwrap()["listen"], "here");
        assert!(process.is_running().unwrap());
    }

    #[tokio::test]
    async fn a_program_that_ends_before_it_is_ready_is_told_with_its_output() {
        let mut process = shell("echo no such file >&2; exit 7").start().unwrap();
        let message = format!("{:#}", process.ready_line().await.unwrap_err());
        assert!(message.contains("exit status: 7") && message.contains("no such file"), "{message}");
    }

    #[tokio::test]
    async fn stop_ends_a_program_that_minds_the_signal() {
        let mut process =
            shell(r#"trap 'exit 5' TERM; echo '{}'; while :; do sleep 0.01; done"#).start().unwrap();
        process.ready_line().await.unwrap();
        assert_eq!(process.stop(DEADLINE).await.unwrap().code(), Some(5));
    }

    #[tokio::test]
    async fn stop_kills_a_program_that_does_not_mind_the_signal() {
        let mut process = shell(r#"trap '' TERM; echo '{}'; while :; do sleep 0.01; done"#).start().unwrap();
        process.ready_line().await.unwrap();
        let message = process.stop(Duration::from_millis(100)).await.unwrap_err().to_string();
        assert!(message.contains("was killed"), "{message}");
    }

    #[tokio::test]
    async fn the_environment_is_clean_but_for_what_was_given() {
        let finished = shell("env").env("NOVA_GIVEN", "yes").env("HOME", "/given").finish().await.unwrap();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.stdout.contains("NOVA_GIVEN=yes"), "{finished:?}");
        assert!(finished.stdout.lines().any(|line| line == "HOME=/given"), "{finished:?}");
        assert!(!finished.stdout.contains("CARGO_MANIFEST_DIR="), "{finished:?}");
    }
}
