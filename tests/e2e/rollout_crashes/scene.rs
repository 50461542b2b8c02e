//! The scripted servers with a job on them, and agents that are started and killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::process::{Launch, Process};
use nova_test_support::scripted::{Deployed, ScriptedConsul, ScriptedNomad, Switch};
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::scenario::{OLD, Scenario};

/// The prefix of the agent's keys.
const PREFIX: &str = "nova/test";

/// The job.
const JOB: &str = "nova-proxy";

/// How many instances it has.
const INSTANCES: u64 = 2;

/// A policy with bakes as short as they can be, and checks as strict as those of production. What takes longer than a run may take is
/// stuck: no timeout of the policy may end it first.
const POLICY: &str = r#"
rollout "nova-proxy" {
  interval            = "1s"
  bake_time           = "1s"
  timeout             = "5m"
  success_timeout     = "5m"
  post_promotion_bake = "1s"
  rollback {
    revert  = "prior_version"
    timeout = "5m"
  }
"#;

/// What is added to it where Consul's splitter shares requests.
const IN_MESH: &str = "  traffic = \"service_splitter\"\n  steps   = [10, 50]\n";

/// One stage for one run.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) switch: Switch,
    pub(super) consul: Arc<ScriptedConsul>,
    pub(super) nomad: ScriptedNomad,
    canaries: u64,
    policy: String,
    folder: TempDir,
}

impl Scene {
    /// With the old version in force.
    pub(super) async fn set(scenario: &Scenario) -> anyhow::Result<Self> {
        let switch = Switch::new();
        let consul = Arc::new(ScriptedConsul::start(switch.clone())?);
        consul.name_values(in_words);
        let nomad = ScriptedNomad::start(switch.clone(), Arc::clone(&consul))?;
        let (canaries, folder) = (scenario.canaries, tempfile::tempdir()?);
        let policy = format!("{POLICY}{}}}\n", if scenario.is_in_mesh { IN_MESH } else { "" });
        let scene = Self { switch, consul, nomad, canaries, policy, folder };
        if scenario.is_in_mesh {
            let speaks_http = json!({ "Kind": "service-defaults", "Name": JOB, "Protocol": "http" });
            scene.consul.api().put("/v1/config", &speaks_http).await?;
        }
        scene.deploy(OLD)?;
        wait_until("the old version to be in force", DEADLINE, || {
            let deployed = scene.deployments();
            let is_done = deployed.iter().all(|found| found.status == "successful") && !deployed.is_empty();
            Ok(if is_done { Look::Ready(()) } else { Look::NotYet(deployed) })
        })
        .await?;
        scene.nomad.be_busy();
        Ok(scene)
    }

    /// Registers a version of the job, as a pipeline does.
    pub(super) fn deploy(&self, version: &str) -> anyhow::Result<()> {
        let meta =
            json!({ "version": version, "metrics_port": "${NOMAD_PORT_metrics}", "metrics_scheme": "http" });
        let job = json!({
            "ID": JOB, "Name": JOB, "Type": "service", "Datacenters": ["*"], "Meta": { "version": version },
            "TaskGroups": [{
                "Name": "proxy", "Count": INSTANCES,
                "Update": { "Canary": self.canaries, "MaxParallel": 1, "AutoRevert": false, "AutoPromote": false,
                    "ProgressDeadline": 600_000_000_000_u64 },
                "Services": [{ "Name": JOB, "Provider": "consul", "Meta": meta }],
                "Tasks": [{ "Name": "nova-proxy", "Driver": "exec", "Config": { "command": version } }],
            }],
        });
        self.nomad.register(&job)
    }

    /// Starts an agent that knows nothing but these servers.
    pub(super) async fn agent(&self, name: &str) -> anyhow::Result<Process> {
        let (folder, file) = (self.folder.path(), self.folder.path().join(format!("{name}.hcl")));
        let socket: PathBuf = folder.join(format!("{name}.sock"));
        let (consul, nomad) = (self.consul.address(), self.nomad.address());
        let config = format!(
            "kv_prefix = \"{PREFIX}\"\nservice = \"{JOB}\"\ninstance = \"{name}\"\nsocket = \"{}\"\n\
             consul {{\n  address = \"http://{consul}\"\n}}\nnomad {{\n  address = \"http://{nomad}\"\n}}\n\
             rollouts {{\n  interval = \"1s\"\n}}\nlog {{\n  level = \"debug\"\n}}\n{}",
            socket.display(),
            self.policy,
        );
        std::fs::write(&file, config)?;
        let launch = Launch::new(Program::Agent.path()?).args(["run", "--json", "--config"]).arg(file);
        let mut agent = launch.start()?;
        agent.ready_line().await.with_context(|| format!("start {name}"))?;
        Ok(agent)
    }

    /// Ends an agent without a word, and lets the time pass that its session lives on.
    pub(super) async fn kill(&self, agent: &mut Process) -> anyhow::Result<()> {
        agent.signal(Signal::KILL)?;
        agent.exited(DEADLINE).await?;
        self.consul.outlive_sessions();
        Ok(())
    }

    /// The record of the rollout, if there is one.
    pub(super) fn record(&self) -> anyhow::Result<Option<Value>> {
        let Some(value) = self.consul.value(&format!("{PREFIX}/rollouts/default/{JOB}")) else {
            return Ok(None);
        };
        serde_json::from_slice(&value).context("the record is no json").map(Some)
    }

    /// The deployments of the job.
    pub(super) fn deployments(&self) -> Vec<Deployed> {
        self.nomad.deployments("default", JOB)
    }

    /// How many instances run of each version.
    pub(super) fn running(&self) -> BTreeMap<String, usize> {
        self.nomad.running("default", JOB)
    }

    /// The versions that the splitter sends requests to; all of them where there is none.
    pub(super) async fn shares(&self) -> anyhow::Result<Option<Vec<String>>> {
        let read = async |kind: &str| -> anyhow::Result<Option<Value>> {
            let reply = self.consul.api().send(Method::GET, &format!("/v1/config/{kind}/{JOB}"), "").await?;
            if reply.status == 404 { Ok(None) } else { reply.json().map(Some) }
        };
        // The agent may be taking both away, the splitter first: the resolver of one that is still there has been seen before it.
        let resolver = read("service-resolver").await?;
        let Some(splitter) = read("service-splitter").await? else { return Ok(None) };
        let resolver = resolver.context("a splitter without a resolver")?;
        let legs = splitter["Splits"].as_array().into_iter().flatten();
        let served = legs.filter(|leg| leg["Weight"].as_f64().is_some_and(|weight| weight > 0.0));
        let filters = served
            .map(|leg| &resolver["Subsets"][leg["ServiceSubset"].as_str().unwrap_or_default()]["Filter"]);
        Ok(Some(filters.map(ToString::to_string).collect()))
    }

    /// Fails where one of the servers was asked for what it does not know.
    pub(super) fn all_was_known(&self) -> anyhow::Result<()> {
        let unknown = [self.consul.unknown(), self.nomad.unknown()].concat();
        ensure!(unknown.is_empty(), "the scripted servers do not know {unknown:?}");
        Ok(())
    }
}

/// Where a record stands, and what it says is to be done.
fn in_words(value: &[u8]) -> Option<String> {
    let record: Value = serde_json::from_slice(value).ok()?;
    let phase = &record["phase"];
    let detail = [&phase["stage"]["name"], &phase["outcome"]["name"]].into_iter().find_map(Value::as_str);
    let intents = record["intents"].as_array().into_iter().flatten();
    let intents: Vec<&str> = intents.filter_map(|intent| intent["action"]["do"].as_str()).collect();
    let to_do =
        if intents.is_empty() { "nothing to do".to_owned() } else { format!("to do: {}", intents.join(" ")) };
    Some(format!("{} {}; {to_do}", phase["name"].as_str()?, detail.unwrap_or_default()).replace(" ;", ";"))
}

/// How long a rollout may take from its begin to its end, with an agent that is killed meanwhile. It takes some five seconds, and more
/// on a machine that builds something else.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
