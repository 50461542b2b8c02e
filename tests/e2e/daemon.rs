//! The daemon on a real Consul: who leads, what becomes of a leader, and what its API says of it.

mod frozen;
mod gate;
mod leadership;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::client::{Call, Reply};
use nova_test_support::kept::Kept;
use nova_test_support::process::{Launch, Process};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::UnixStream;

/// The shortest time to live that Consul takes.
const TTL: Duration = Duration::from_secs(10);

/// How long the lock cannot be had after a session has ended with it.
const LOCK_DELAY: Duration = Duration::from_secs(1);

/// The most that passes between the end of a leader that hands nothing over and the next one: Consul may let a session live for twice
/// its time. The rest is for a machine that is busy.
const SUCCESSION: Duration = Duration::from_secs(2 * TTL.as_secs() + LOCK_DELAY.as_secs() + 20);

/// An agent that runs.
struct Daemon {
    process: Process,
    socket: PathBuf,
    /// What its file has beside its further configuration.
    base: String,
    folder: TempDir,
}

impl Daemon {
    /// An agent of this name beside the Consul at `consul`, with further configuration.
    async fn start(name: &str, consul: SocketAddr, more: &str) -> anyhow::Result<Self> {
        Ok(Self::start_told(name, consul, more).await?.0)
    }

    /// The same, and what it said when it was ready.
    async fn start_told(name: &str, consul: SocketAddr, more: &str) -> anyhow::Result<(Self, Value)> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("agent.sock");
        let base = format!(
            "instance = \"{name}\"\nsocket = \"{}\"\nkv_prefix = \"nova/test\"\n\
             consul {{\n  address = \"http://{consul}\"\n}}\n\
             leader {{\n  ttl = \"{}s\"\n  lock_delay = \"{}s\"\n  margin = \"3s\"\n}}\n",
            socket.display(),
            TTL.as_secs(),
            LOCK_DELAY.as_secs(),
        );
        let file = folder.path().join("agent.hcl");
        std::fs::write(&file, format!("{base}{more}"))?;
        let launch = Launch::new(Program::Agent.path()?).args(["run", "--json", "--config"]);
        let mut process = launch.arg(file).start()?;
        let ready = process.ready_line().await?;
        Ok((Self { process, socket, base, folder }, ready))
    }

    /// Writes its file anew, with other further configuration.
    fn write(&self, more: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.folder.path().join("agent.hcl"), format!("{}{more}", self.base))?)
    }

    /// Waits until its log has these words.
    async fn has_said(&self, words: &str) -> anyhow::Result<()> {
        wait_for(&format!("the log to say: {words}"), DEADLINE, async || {
            let log = self.process.stderr()?;
            Ok(if log.contains(words) { Look::Ready(()) } else { Look::NotYet(log) })
        })
        .await
    }

    async fn ask(&self, method: Method, path: &str) -> anyhow::Result<Reply> {
        let stream = UnixStream::connect(&self.socket).await.context("the agent's socket")?;
        Kept::over(stream).await?.send(Call::new(method, &format!("http://agent{path}"))?).await
    }

    /// The page of the agent.
    async fn status(&self) -> anyhow::Result<Value> {
        self.ask(Method::GET, "/v1/agent").await?.json()
    }

    /// Waits until this one leads.
    async fn leads_within(&self, deadline: Duration) -> anyhow::Result<Value> {
        let look = async || {
            let status = self.status().await?;
            Ok(if status["is_leader"] == true { Look::Ready(status) } else { Look::NotYet(status) })
        };
        wait_for("leadership", deadline, look).await
    }

    /// Waits until it knows this leader, and does not lead.
    async fn follows_within(&self, leader: &str, deadline: Duration) -> anyhow::Result<Value> {
        let look = async || {
            let status = self.status().await?;
            let follows = status["is_leader"] == false && status["leader"]["instance"] == leader;
            Ok(if follows { Look::Ready(status) } else { Look::NotYet(status) })
        };
        wait_for("the leader", deadline, look).await
    }
}
