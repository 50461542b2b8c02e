//! What is measured, started on a core of its own and stopped at the end.

mod nginx;
mod proxy;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::Programs;
use crate::client::Connection;
use crate::scenario::Kind;
use crate::{cpu, machine};

/// How long a program may take to answer for the first time.
const START_MAX: Duration = Duration::from_secs(20);

/// What a target speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The chat API.
    OpenAi,
    /// Converse, passed through.
    Bedrock,
}

/// A process that ends with its owner.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        Ok(Self(child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    fn first_line(&mut self) -> anyhow::Result<String> {
        let output = self.0.stdout.as_mut().context("its output is not read")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.is_empty() {
            bail!("it ended without a word: {:?}", self.0.wait()?);
        }
        Ok(line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its children, such as nginx's workers, end with it when it is asked to end; a kill would leave them behind.
        let Some(pid) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) else {
            return;
        };
        if rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok() {
            drop(self.0.wait());
        }
    }
}

/// The stand-in for Bedrock, in a process of its own.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    _running: Running,
}

impl Upstream {
    /// Starts it, where it was before or at a free address.
    pub(crate) fn start(address: Option<SocketAddr>) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.arg("upstream").args(address.map(|address| address.to_string()));
        let mut running = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let address = running.first_line()?.trim().parse()?;
        Ok(Self { address, _running: running })
    }
}

/// Something that answers requests.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
    /// What callers show.
    pub(crate) key: String,
    /// From the start of the program to its first answer.
    pub(crate) started_within: Option<Duration>,
    /// Resident memory after the first answer.
    pub(crate) idle_kib: u64,
    running: Option<Running>,
    folder: Option<TempDir>,
}

impl Target {
    /// The upstream itself.
    pub(crate) fn direct(upstream: &Upstream) -> Self {
        Self {
            name: "direct",
            address: upstream.address,
            protocol: Protocol::Bedrock,
            key: String::new(),
            started_within: None,
            idle_kib: 0,
            running: None,
            folder: None,
        }
    }

    /// nginx, passing everything on as it is.
    pub(crate) async fn nginx(programs: &Programs, upstream: &Upstream) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let address = free_address()?;
        nginx::write_config(folder.path(), address, upstream.address)?;
        let began = Instant::now();
        let running = Running::start(&mut nginx::command(&programs.nginx, folder.path()))?;
        Self::answering("nginx", address, Protocol::Bedrock, String::new(), began, running, folder).await
    }

    /// The proxy with keys, limits and metrics on, as it is installed.
    pub(crate) async fn proxy(programs: &Programs, upstream: &Upstream) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let key = proxy::write_config(&programs.proxy, folder.path(), upstream.address)?;
        let began = Instant::now();
        let mut running = Running::start(&mut proxy::command(&programs.proxy, folder.path()))?;
        let address = proxy::address(&running.first_line()?)?;
        Self::answering("nova-proxy", address, Protocol::OpenAi, key, began, running, folder).await
    }

    async fn answering(
        name: &'static str,
        address: SocketAddr,
        protocol: Protocol,
        key: String,
        began: Instant,
        running: Running,
        folder: TempDir,
    ) -> anyhow::Result<Self> {
        let request = Kind::Small.request(address, protocol, &key);
        let ask = async {
            let mut connection = Connection::open(address).await?;
            connection.exchange(&request).await
        };
        if let Err(error) = ask.await {
            let mut last = error;
            loop {
                if began.elapsed() > START_MAX {
                    return Err(last.context(format!("{name} does not answer")));
                }
                sleep(Duration::from_millis(1)).await;
                let ask = async { Connection::open(address).await?.exchange(&request).await };
                match ask.await {
                    Ok(_) => break,
                    Err(error) => last = error,
                }
            }
        }
        let started_within = Some(began.elapsed());
        let mut target = Self {
            name,
            address,
            protocol,
            key,
            started_within,
            idle_kib: 0,
            running: Some(running),
            folder: Some(folder),
        };
        target.idle_kib = cpu::resident_kib(&target.pids()).0;
        Ok(target)
    }

    /// Its processes; none for what is not measured itself.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.running.as_ref().map(|running| cpu::family(running.id())).unwrap_or_default()
    }

    /// Leaves the program running for later, and tells its process id and its folder.
    pub(crate) fn leave(mut self) -> Option<(u32, std::path::PathBuf)> {
        let running = self.running.take()?;
        let pid = running.id();
        std::mem::forget(running);
        Some((pid, self.folder.take()?.keep()))
    }
}

/// The beginning of a command that runs on the core of what is measured.
fn on_target_core(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &machine::TARGET_CORE.to_string()]).arg(program);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// An address that was free a moment ago, for programs that cannot tell which one they took.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
