//! A desk with `nova-agent` on it: a real Consul, files to push, and the program run as an operator runs it.

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::process::{Finished, Launch, Process};
use nova_test_support::server::{Api, Consul, ConsulLaunch};
use serde_json::Value;
use tempfile::TempDir;

use crate::scripted_instance::{Script, ScriptedInstance};

/// The prefix of every test: each has a Consul of its own.
pub(crate) const PREFIX: &str = "nova/test";

/// A document that every version reads.
pub(crate) const GOOD: &str = "limits {\n  concurrency = 100\n}\n";

/// Another one.
pub(crate) const OTHER: &str = "limits {\n  concurrency = 200\n}\n";

/// Consul, and a folder for files.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) consul: Consul,
    folder: TempDir,
}

impl Desk {
    /// With a Consul that asks nobody for a token.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with(ConsulLaunch::new()).await
    }

    /// With this Consul.
    pub(crate) async fn with(consul: ConsulLaunch) -> anyhow::Result<Self> {
        Ok(Self { consul: consul.start().await?, folder: tempfile::tempdir()? })
    }

    /// An instance with this script, in the catalog.
    pub(crate) async fn instance(&self, id: &str, script: Script) -> anyhow::Result<ScriptedInstance> {
        ScriptedInstance::start(&self.consul.api(), "nova-proxy", id, PREFIX, script).await
    }

    /// A file with this text; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.to_str().context("the path of a test is text")?.to_owned())
    }

    /// `nova-agent config …`, to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> anyhow::Result<Launch> {
        Ok(Launch::new(Program::Agent.path()?)
            .arg("config")
            .args(arguments)
            .env("CONSUL_HTTP_ADDR", self.consul.address().to_string())
            .env("NOVA_KV_PREFIX", PREFIX)
            .env("USER", "ada"))
    }

    /// Runs `nova-agent config …` to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        self.command(arguments)?.finish().await
    }

    /// Starts `nova-agent config …`.
    pub(crate) fn begin(&self, arguments: &[&str]) -> anyhow::Result<Process> {
        self.command(arguments)?.start()
    }

    /// Runs `nova-agent config … --json`, and returns its exit code and what it printed.
    pub(crate) async fn json(&self, arguments: &[&str]) -> anyhow::Result<(i32, Value)> {
        let finished = self.run(&[arguments, &["--json"]].concat()).await?;
        let code = finished.code.context("a signal ended it")?;
        let value = serde_json::from_str(&finished.stdout).with_context(|| format!("{finished:?}"))?;
        Ok((code, value))
    }

    /// Writes a document by hand, as `consul kv put` does.
    pub(crate) async fn put(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let reply = self.api().send(Method::PUT, &format!("/v1/kv/{PREFIX}/{name}"), text).await?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        Ok(())
    }

    /// Deletes a document by hand.
    pub(crate) async fn delete(&self, name: &str) -> anyhow::Result<()> {
        let reply = self.api().send(Method::DELETE, &format!("/v1/kv/{PREFIX}/{name}"), "").await?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        Ok(())
    }

    /// The text of a key below the prefix, if it is there.
    pub(crate) async fn get(&self, name: &str) -> anyhow::Result<Option<String>> {
        let reply = self.api().send(Method::GET, &format!("/v1/kv/{PREFIX}/{name}?raw"), "").await?;
        Ok((reply.status == 200).then(|| reply.text()))
    }

    /// The keys below the prefix, without it.
    pub(crate) async fn keys(&self) -> anyhow::Result<Vec<String>> {
        let reply = self.api().send(Method::GET, &format!("/v1/kv/{PREFIX}/?keys"), "").await?;
        if reply.status == 404 {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = serde_json::from_slice(&reply.body)?;
        Ok(keys
            .iter()
            .filter_map(|key| Some(key.strip_prefix(PREFIX)?.strip_prefix('/')?.to_owned()))
            .collect())
    }

    /// A record of the history.
    pub(crate) async fn record(&self, n: u64) -> anyhow::Result<Value> {
        let text = self.get(&format!("history/{n:010}")).await?;
        Ok(serde_json::from_str(&text.with_context(|| format!("there is no record {n}"))?)?)
    }

    fn api(&self) -> Api {
        self.consul.api()
    }
}

/// An instance that takes everything.
pub(crate) fn follows() -> Script {
    Script { version: "0.1.0".to_owned(), ..Script::default() }
}
