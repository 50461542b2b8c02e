//! Proxies in front of one simulator, configured by one Consul: any number, each with files and a folder of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::{Call, Reply};
use nova_test_support::process::{Launch, Process};
use nova_test_support::server::{Consul, ConsulLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::bed::{Bed, STOP_DEADLINE, ask, proxy_command, with};
use crate::simulator::REGION;

/// Where the documents of all tests are.
pub(crate) const PREFIX: &str = "nova/test";

/// One Consul and one simulator, for proxies that are started beside them.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// The simulator, and a proxy that is not asked here.
    pub(crate) bed: Bed,
    /// Where the documents are.
    pub(crate) consul: Consul,
}

/// What one instance has beside what the fleet knows: its name, and lines of its configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct InstanceSettings {
    /// Its name, which stays when it is started again.
    pub(crate) name: String,
    /// Further lines of the `consul` block.
    pub(crate) consul: String,
    /// Further top-level lines and blocks.
    pub(crate) rest: String,
}

impl InstanceSettings {
    /// An instance of this name that registers itself.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// With further lines of the `consul` block.
    pub(crate) fn with_consul(self, lines: &str) -> Self {
        Self { consul: lines.to_owned(), ..self }
    }

    /// With further top-level lines and blocks.
    pub(crate) fn with_rest(self, lines: &str) -> Self {
        Self { rest: lines.to_owned(), ..self }
    }
}

impl Fleet {
    /// Both, with a Consul that keeps nothing and asks nobody for a token.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with(ConsulLaunch::new()).await
    }

    /// Both, with a Consul of this kind.
    pub(crate) async fn with(launch: ConsulLaunch) -> anyhow::Result<Self> {
        let (bed, consul) = tokio::try_join!(Bed::start(), launch.start())?;
        Ok(Self { bed, consul })
    }

    /// Starts an instance.
    pub(crate) async fn instance(&self, settings: InstanceSettings) -> anyhow::Result<Instance> {
        let mut instance = self.prepare(settings)?;
        instance.start().await?;
        Ok(instance)
    }

    /// An instance that is not started yet: its files are there.
    pub(crate) fn prepare(&self, settings: InstanceSettings) -> anyhow::Result<Instance> {
        let folder = tempfile::Builder::new().prefix("nova-instance-").tempdir()?;
        std::fs::create_dir(folder.path().join("data"))?;
        let head = format!(
            "listen = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\ndata_dir = {:?}\ninstance = {:?}\n\n\
             bedrock {{\n  region = \"{REGION}\"\n  endpoint = \"{}\"\n}}\n\nauth {{\n  none = true\n}}\n\n\
             consul {{\n  address = \"http://{}\"\n  kv_prefix = \"{PREFIX}\"\n  {}\n}}\n\n",
            folder.path().join("data"),
            settings.name,
            self.bed.simulator.endpoint,
            self.consul.address(),
            settings.consul,
        );
        let instance = Instance { folder, head, root: String::new(), metrics: String::new(), process: None };
        instance.write_rest(&settings.rest)?;
        Ok(instance)
    }

    /// Writes a document: `config`, or `config.d/…`.
    pub(crate) async fn put(&self, name: &str, value: impl Into<Vec<u8>>) -> anyhow::Result<()> {
        let path = format!("/v1/kv/{PREFIX}/{name}");
        let call = self.consul.api().call(Method::PUT, &path)?.body(value.into());
        let reply = call.send().await?;
        ensure!(reply.status == 200 && reply.text().trim() == "true", "PUT {path}: {}", reply.text());
        Ok(())
    }

    /// Removes a document.
    pub(crate) async fn delete(&self, name: &str) -> anyhow::Result<()> {
        let path = format!("/v1/kv/{PREFIX}/{name}");
        let reply = self.consul.api().send(Method::DELETE, &path, "").await?;
        ensure!(reply.status == 200, "DELETE {path}: {} {}", reply.status, reply.text());
        Ok(())
    }
}

/// One proxy. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Instance {
    folder: TempDir,
    head: String,
    /// `http://HOST:PORT` of the API, without `/v1`.
    pub(crate) root: String,
    metrics: String,
    /// Only while it runs.
    pub(crate) process: Option<Process>,
}

impl Instance {
    /// Starts it, or starts it again with what is left in its folder.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        self.start_by(proxy_command()?).await
    }

    /// As [`Self::start`], by this command, to which the arguments are added.
    pub(crate) async fn start_by(&mut self, program: Launch) -> anyhow::Result<()> {
        let mut process = program.args(["serve", "--json", "--config"]).arg(self.config_path()).start()?;
        let ready = process.ready_line().await?;
        let address = |name: &str| {
            let address = ready[name].as_str().with_context(|| format!("no {name} in {ready}"))?;
            anyhow::Ok(format!("http://{address}"))
        };
        (self.root, self.metrics) = (address("listen")?, address("metrics")?);
        self.process = Some(process);
        // It listens first, and loads its credentials at that time.
        wait_for("the instance to be ready", DEADLINE, async || {
            let (is_ready, health) = self.readiness().await?;
            Ok(if is_ready { Look::Ready(()) } else { Look::NotYet(health) })
        })
        .await
    }

    /// Its configuration file.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("proxy.hcl")
    }

    /// Its folder for what outlives it.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Replaces what the configuration file has beside addresses, in one step.
    pub(crate) fn write_rest(&self, rest: &str) -> anyhow::Result<()> {
        let (path, next) = (self.config_path(), self.folder.path().join("proxy.hcl.next"));
        std::fs::write(&next, format!("{}{rest}\n", self.head))?;
        std::fs::rename(&next, &path)?;
        Ok(())
    }

    /// Its running process.
    pub(crate) fn process(&mut self) -> anyhow::Result<&mut Process> {
        self.process.as_mut().context("the instance does not run")
    }

    /// Kills it: nothing is said to anybody.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("the instance does not run")?;
        process.signal(Signal::KILL)?;
        process.exited(STOP_DEADLINE).await?;
        Ok(())
    }

    /// Stops it by SIGTERM and returns its exit code.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<Option<i32>> {
        let process = self.process.take().context("the instance does not run")?;
        Ok(process.stop(STOP_DEADLINE).await?.code())
    }

    /// What the metrics listener answers at `path`.
    pub(crate) async fn ask(&self, path: &str) -> anyhow::Result<Reply> {
        self.ask_call(path)?.send().await
    }

    fn ask_call(&self, path: &str) -> anyhow::Result<Call> {
        Call::new(Method::GET, &format!("{}{path}", self.metrics))
    }

    /// The question for its receipt.
    pub(crate) fn receipt_call(&self) -> anyhow::Result<Call> {
        self.ask_call("/config/receipt")
    }

    /// Its receipt.
    pub(crate) async fn receipt(&self) -> anyhow::Result<Value> {
        let reply = self.ask("/config/receipt").await?;
        ensure!(reply.status == 200, "the receipt: {} {}", reply.status, reply.text());
        reply.json()
    }

    /// Waits for a receipt for which `accept` holds.
    pub(crate) async fn receipt_where(
        &self,
        what: &str,
        accept: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        wait_for(&format!("a receipt with {what}"), DEADLINE, async || {
            let receipt = self.receipt().await?;
            Ok(if accept(&receipt) { Look::Ready(receipt) } else { Look::NotYet(receipt) })
        })
        .await
    }

    /// The page of readiness, and whether it says that traffic should come here.
    pub(crate) async fn readiness(&self) -> anyhow::Result<(bool, Value)> {
        let reply = self.ask("/health/ready").await?;
        Ok((reply.status == 200, reply.json()?))
    }

    /// The value of a metric without labels of its own.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let page = self.ask("/metrics").await?.text();
        let line =
            page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        let line = line.with_context(|| format!("no {name} in {page}"))?;
        Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
    }

    /// A chat request for this model.
    pub(crate) fn chat_call(&self, model: &str) -> anyhow::Result<Call> {
        let request = with(ask("Hello"), serde_json::json!({ "model": model }));
        let call = Call::new(Method::POST, &format!("{}/v1/chat/completions", self.root))?;
        Ok(call.header("content-type", "application/json")?.body(request.to_string()))
    }

    /// Whether this model is served, proved by a request.
    pub(crate) async fn serves(&self, model: &str) -> anyhow::Result<bool> {
        let reply = self.chat_call(model)?.send().await?;
        ensure!([200, 404].contains(&reply.status.as_u16()), "{model}: {} {}", reply.status, reply.text());
        Ok(reply.status == 200)
    }
}

/// A model block that serves Nova Lite under a name.
pub(crate) fn model(name: &str) -> String {
    format!("model \"{name}\" {{\n  target = \"us.amazon.nova-lite-v1:0\"\n}}\n")
}

/// Whether a receipt says that documents of Consul are in force and none was refused.
pub(crate) fn in_sync(receipt: &Value) -> bool {
    receipt["config"]["source"] == "consul"
        && receipt["refusal"].is_null()
        && receipt["consul"]["state"] == "in_sync"
}

/// Whether a receipt says, beyond [`in_sync`], that what was seen last is what is in force.
pub(crate) fn caught_up(receipt: &Value) -> bool {
    in_sync(receipt) && receipt["config"]["applied_index"] == receipt["consul"]["seen_index"]
}

/// Whether a folder holds the documents of the last good configuration.
pub(crate) fn has_kept(folder: &Path) -> bool {
    folder.join("last-known-good.json").is_file()
}

/// Waits until an instance has kept its documents.
pub(crate) async fn kept(instance: &Instance) -> anyhow::Result<()> {
    kept_with(instance, "").await
}

/// Waits until an instance has kept documents with this word.
pub(crate) async fn kept_with(instance: &Instance, word: &str) -> anyhow::Result<()> {
    wait_for("the documents to be kept", DEADLINE, async || {
        let file = instance.data_dir().join("last-known-good.json");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Ok(if !text.is_empty() && text.contains(word) { Look::Ready(()) } else { Look::NotYet(text) })
    })
    .await
}
