//! A fleet with an agent: proxies that serve one model, a candidate for their configuration, and callers who know whom they ask.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::client::Call;
use nova_test_support::process::{Finished, Launch, Process};
use nova_test_support::wait::{Look, wait_for, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::fleet::{Fleet, Instance, InstanceSettings, PREFIX, caught_up};
use crate::regions::set_fault;

/// How long an election takes at most where nobody held the lock before: a busy machine, and Consul's lock delay.
pub(super) const ELECTION: Duration = Duration::from_secs(30);

/// The most that passes until another agent leads after one was killed: Consul may let a session of ten seconds live for twice its time.
pub(super) const SUCCESSION: Duration = Duration::from_secs(45);

/// What `config` says before any candidate.
pub(super) const BASE: &str = "model \"steady\" {\n  target = \"us.amazon.nova-lite-v1:0\"\n}\n";

/// The model that the simulator throttles, always.
const THROTTLED: &str = "nova-micro";

/// What a candidate is judged by here: soon, and by few requests.
pub(super) const POLICY: &str = "interval = \"1s\"\nbake_time = \"5s\"\n\
     check \"errors\" {\n  min_sample = 20\n}\ncheck \"latency\" {\n  min_sample = 20\n  maximum_ratio = 20\n}\n";

/// A candidate that serves one more model, by which it is recognized.
pub(super) fn good() -> String {
    format!("{BASE}model \"tried\" {{\n  target = \"us.amazon.nova-lite-v1:0\"\n}}\n")
}

/// A candidate that maps the model that everybody asks for to one that always throttles.
pub(super) fn bad() -> String {
    format!(
        "{}model \"tried\" {{\n  target = \"us.amazon.nova-lite-v1:0\"\n}}\n",
        BASE.replace("nova-lite", THROTTLED)
    )
}

/// Consul, the simulator, proxies, and a folder for files.
pub(super) struct Scene {
    pub(super) fleet: Fleet,
    pub(super) instances: Vec<Instance>,
    folder: TempDir,
}

impl Scene {
    /// So many instances that run [`BASE`], and a simulator that throttles one model.
    pub(super) async fn start(count: usize) -> anyhow::Result<Self> {
        let fleet = Fleet::start().await?;
        fleet.put("config", BASE).await?;
        let mut instances = Vec::new();
        for number in 0..count {
            instances.push(fleet.instance(InstanceSettings::named(&format!("proxy-{number}"))).await?);
        }
        for instance in &instances {
            instance.receipt_where("the base", caught_up).await?;
        }
        let rule = json!({ "model": THROTTLED, "throttle_every": 1 });
        set_fault(&fleet.bed.simulator, &rule).await?;
        let scene = Self { fleet, instances, folder: tempfile::tempdir()? };
        scene.listed(count).await?;
        Ok(scene)
    }

    /// Waits until all of them pass their checks in the catalog.
    async fn listed(&self, count: usize) -> anyhow::Result<()> {
        wait_for("the instances in the catalog", ELECTION, async || {
            let passing = self.fleet.consul.api().get("/v1/health/service/nova-proxy?passing").await?;
            let is_all = passing.as_array().is_some_and(|all| all.len() == count);
            Ok(if is_all { Look::Ready(()) } else { Look::NotYet(passing) })
        })
        .await
    }

    /// An agent of this name that calls Consul at this address.
    pub(super) async fn agent_by(&self, name: &str, consul: &str) -> anyhow::Result<Agent> {
        Agent::start(name, consul).await
    }

    /// An agent of this name.
    pub(super) async fn agent(&self, name: &str) -> anyhow::Result<Agent> {
        self.agent_by(name, &format!("http://{}", self.fleet.consul.address())).await
    }

    /// A file with this text.
    pub(super) fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// `nova-agent config …`.
    pub(super) fn command(&self, arguments: &[&str]) -> anyhow::Result<Launch> {
        Ok(Launch::new(Program::Agent.path()?)
            .arg("config")
            .args(arguments)
            .env("CONSUL_HTTP_ADDR", self.fleet.consul.address().to_string())
            .env("NOVA_KV_PREFIX", PREFIX)
            .env("USER", "ada"))
    }

    /// Runs it to its end.
    pub(super) async fn config(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        self.command(arguments)?.finish().await
    }

    /// Has a candidate tried, judged by [`POLICY`], and returns when the command does. `more` are further arguments.
    pub(super) async fn push(&self, text: &str, more: &[&str]) -> anyhow::Result<Finished> {
        let (file, policy) = (self.file("candidate.hcl", text)?, self.file("policy.hcl", POLICY)?);
        let [file, policy] = [&file, &policy].map(|path| path.display().to_string());
        let arguments = ["push", &file, "--canary", "--policy", &policy, "-m", "try it"];
        self.config(&[&arguments[..], more].concat()).await
    }

    /// The record of the latest candidate.
    pub(super) async fn record(&self) -> anyhow::Result<Value> {
        let text = self.key("canaries/config").await?.context("there is no record of a candidate")?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits until the latest candidate stands here: `trying`, or the kind of its end.
    pub(super) async fn record_at(&self, place: &str, deadline: Duration) -> anyhow::Result<Value> {
        wait_for(&format!("the candidate to be {place}"), deadline, async || {
            let Ok(record) = self.record().await else { return Ok(Look::NotYet(Value::Null)) };
            let is_there = stands(&record) == place;
            Ok(if is_there { Look::Ready(record) } else { Look::NotYet(record) })
        })
        .await
    }

    /// The text of a key below the prefix.
    pub(super) async fn key(&self, name: &str) -> anyhow::Result<Option<String>> {
        let path = format!("/v1/kv/{PREFIX}/{name}?raw");
        let reply = self.fleet.consul.api().send(Method::GET, &path, "").await?;
        Ok((reply.status == 200).then(|| reply.text()))
    }

    /// The places of the instances that have a candidate in force.
    pub(super) async fn ring(&self) -> anyhow::Result<Vec<usize>> {
        let mut ring = Vec::new();
        for (place, instance) in self.instances.iter().enumerate() {
            if instance.receipt().await?["candidate"]["state"] == "applied" {
                ring.push(place);
            }
        }
        Ok(ring)
    }

    /// Waits until no instance has a candidate in force.
    pub(super) async fn is_clean(&self) -> anyhow::Result<()> {
        for instance in &self.instances {
            instance.receipt_where("no candidate", |receipt| receipt["candidate"].is_null()).await?;
        }
        Ok(())
    }
}

/// Where a record stands: its phase, or how it has ended.
pub(super) fn stands(record: &Value) -> &str {
    let phase = &record["phase"];
    phase["outcome"]["kind"].as_str().or_else(|| phase["name"].as_str()).unwrap_or("nowhere")
}

/// An agent without Nomad. Dropping it kills it.
pub(super) struct Agent {
    process: Process,
    _folder: TempDir,
}

impl Agent {
    async fn start(name: &str, consul: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = format!(
            "instance = \"{name}\"\nsocket = \"{}\"\nkv_prefix = \"{PREFIX}\"\nconsul {{\n  address = \"{consul}\"\n}}\n\
             leader {{\n  ttl = \"10s\"\n  lock_delay = \"1s\"\n  margin = \"3s\"\n}}\n",
            folder.path().join("agent.sock").display(),
        );
        let file = folder.path().join("agent.hcl");
        std::fs::write(&file, config)?;
        let launch = Launch::new(Program::Agent.path()?).args(["run", "--json", "--config"]);
        let mut process = launch.arg(file).start()?;
        process.ready_line().await?;
        Ok(Self { process, _folder: folder })
    }

    /// Kills it: nothing is handed over.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::KILL)
    }

    /// What it has written.
    pub(super) fn report(&self) -> String {
        self.process.report()
    }
}

/// What became of the requests to one instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) answered: usize,
    pub(super) throttled: usize,
    pub(super) other: usize,
}

impl Counts {
    pub(super) fn total(self) -> usize {
        self.answered + self.throttled + self.other
    }
}

/// Callers who ask the instances in turn, at a steady rate, whether they are answered quickly or slowly. Dropping it ends it.
pub(super) struct Callers {
    counts: Arc<Mutex<Vec<Counts>>>,
    sent: Arc<AtomicUsize>,
    asking: JoinSet<()>,
}

impl Callers {
    /// Begins with a request every so often.
    pub(super) fn begin(scene: &Scene, every: Duration) -> anyhow::Result<Self> {
        let calls = scene.instances.iter().map(|instance| instance.chat_call("steady"));
        let calls = calls.collect::<anyhow::Result<Vec<Call>>>()?;
        let counts = Arc::new(Mutex::new(vec![Counts::default(); calls.len()]));
        let (noted, sent) = (Arc::clone(&counts), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&sent);
        let mut asking = JoinSet::new();
        asking.spawn(async move {
            let mut open = JoinSet::new();
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let place = counted.fetch_add(1, Ordering::Relaxed) % calls.len();
                let (call, noted) = (calls[place].clone(), Arc::clone(&noted));
                open.spawn(async move {
                    let status = call.send().await.map_or(0, |reply| reply.status.as_u16());
                    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                    match status {
                        200 => noted[place].answered += 1,
                        429 => noted[place].throttled += 1,
                        _ => noted[place].other += 1,
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Self { counts, sent, asking })
    }

    /// What became of all requests that were answered until now, by the place of the instance.
    pub(super) fn counts(&self) -> Vec<Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many requests were sent.
    pub(super) async fn sent(&self, count: usize) -> anyhow::Result<()> {
        wait_until("requests", Duration::from_secs(60), || {
            let sent = self.sent.load(Ordering::Relaxed);
            Ok(if sent >= count { Look::Ready(()) } else { Look::NotYet(sent) })
        })
        .await
    }

    /// Ends.
    pub(super) fn end(mut self) -> Vec<Counts> {
        self.asking.abort_all();
        self.counts()
    }
}

/// The one instance of a ring, and that it is one.
pub(super) fn single(ring: &[usize]) -> anyhow::Result<usize> {
    ensure!(ring.len() == 1, "the ring is {ring:?}");
    Ok(ring[0])
}
