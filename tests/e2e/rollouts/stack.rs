//! Nomad and Consul with ACLs, simulators that answer well, badly and slowly, agents as processes, and the proxy's job on all that.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::{Program, workspace_root};
use nova_test_support::client::Call;
use nova_test_support::process::{Finished, Launch, Process};
use nova_test_support::server::{Consul, ConsulLaunch, Nomad, NomadLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::jobs::Job;
use crate::jobs::rollout::{ROLLOUT, ready, version};
use crate::regions::set_fault;
use crate::simulator::{REGION, Simulator};

/// The prefix of the agents' keys.
pub(super) const PREFIX: &str = "nova/default";

/// The proxy's job.
pub(super) const PROXY: &str = "nova-proxy";

/// How a version of the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Good,
    /// Half of its answers are errors.
    Failing,
    /// It answers as the others do, and takes twice as long.
    Slow,
    /// It is killed so long after its start.
    Crashing(Duration),
}

/// The servers, and what the job needs.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) consul: Consul,
    pub(super) nomad: Nomad,
    consul_token: String,
    nomad_token: String,
    good: Bedrock,
    failing: Bedrock,
    slow: Bedrock,
    folder: TempDir,
}

/// A simulator of its own.
#[derive(Debug)]
struct Bedrock {
    simulator: Simulator,
    _process: Process,
}

impl Bedrock {
    async fn start(fault: Value) -> anyhow::Result<Self> {
        let region = format!("{REGION}=127.0.0.1:0");
        let launch = Launch::new(Program::Local.path()?).args(["sim", "--json", "--region", &region]);
        let mut process = launch.start()?;
        let told = process.ready_line().await?;
        let endpoint =
            told["simulator"][REGION].as_str().with_context(|| format!("no {REGION} in {told}"))?;
        let simulator = Simulator { endpoint: endpoint.to_owned() };
        set_fault(&simulator, &fault).await?;
        Ok(Self { simulator, _process: process })
    }
}

fn policy(server: &str, name: &str) -> anyhow::Result<String> {
    let path = workspace_root().join(format!("jobs/policies/{server}/{name}.hcl"));
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

impl Stack {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let consul = ConsulLaunch::new().with_acls().start().await?;
        let nomad = NomadLaunch::new().with_acls().with_consul(&consul).start().await?;
        // With that an answer of the load takes some 600 milliseconds, and one of the slow version twice as long. Both are far below
        // the end of a bucket of the metrics, so that a machine that is busy does not lift the one into the other's.
        let latency = 530;
        let refused = json!({ "latency_ms": latency, "error_rate": 0.5, "error": { "type": "InternalServerException" } });
        let (good, failing, slow) = tokio::try_join!(
            Bedrock::start(json!({ "latency_ms": latency })),
            Bedrock::start(refused),
            Bedrock::start(json!({ "latency_ms": latency + 600 })),
        )?;
        // The agent has what its policies give it, and no more.
        let rules = policy("consul", "agent")?.replace("service \"nova-proxy\"", "service_prefix \"\"");
        let consul_token = consul.token_for("nova-agent", &rules).await?;
        let nomad_token = nomad.token_for("nova-agent", &policy("nomad", "agent")?).await?;
        let folder = tempfile::Builder::new().prefix("nova-rollouts-").tempdir()?;
        Ok(Self { consul, nomad, consul_token, nomad_token, good, failing, slow, folder })
    }

    /// An agent of this name, with the rollout policies that these lines of its configuration have.
    pub(super) async fn agent(&self, name: &str, lines: &str) -> anyhow::Result<Agent> {
        let consul = format!("http://{}", self.consul.address());
        self.agent_by(name, lines, &consul).await
    }

    /// As [`Self::agent`], which reaches Consul at this address.
    pub(super) async fn agent_by(&self, name: &str, lines: &str, consul: &str) -> anyhow::Result<Agent> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        let file = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let (consul_token, nomad_token) =
            (file("consul.token", &self.consul_token)?, file("nomad.token", &self.nomad_token)?);
        let socket = folder.join("agent.sock");
        let config = file(
            "agent.hcl",
            &format!(
                "kv_prefix = \"{PREFIX}\"\ninstance = \"{name}\"\nsocket = {socket:?}\nlisten = \"127.0.0.1:0\"\n\
                 consul {{\n  address = \"{consul}\"\n  token_file = {consul_token:?}\n}}\n\
                 nomad {{\n  address = \"http://{}\"\n  token_file = {nomad_token:?}\n}}\n\
                 access {{\n  nomad {{\n    operator = [\"nova-operator\"]\n  }}\n}}\n\
                 leader {{\n  ttl = \"10s\"\n  lock_delay = \"1s\"\n  margin = \"2s\"\n}}\n\
                 rollouts {{\n  interval = \"1s\"\n}}\n{lines}\n",
                self.nomad.address(),
            ),
        )?;
        let launch = Launch::new(Program::Agent.path()?).args(["run", "--json", "--config"]).arg(config);
        let mut process = launch.start()?;
        let ready = process.ready_line().await?;
        let listen = ready["listen"].as_str().with_context(|| format!("no listen in {ready}"))?;
        let token = self.nomad.api().token().context("Nomad has ACLs")?.to_owned();
        Ok(Agent {
            process: Mutex::new(process),
            socket,
            api: format!("http://{listen}"),
            token,
            consul: consul.to_owned(),
            consul_token: self.consul_token.clone(),
        })
    }

    /// The job of the proxy in this version, doing as `kind` says.
    pub(super) fn proxy(&self, version: &str, kind: Kind, strategy: &str) -> anyhow::Result<Job> {
        let bedrock = match kind {
            Kind::Good | Kind::Crashing(_) => &self.good,
            Kind::Failing => &self.failing,
            Kind::Slow => &self.slow,
        };
        let program = Program::Proxy.path()?;
        let artifact = match kind {
            Kind::Crashing(after) => self.crashing(version, &program, after)?,
            _ => program,
        };
        Ok(Job::proxy()?.with(json!({
            "version": version, "artifact": artifact, "strategy": strategy, "instances": 3,
            "consul_address": "", "min_healthy_seconds": 1, "shutdown_delay_seconds": 2, "drain_seconds": 5,
            "cpu": 100, "memory": 256,
            "config": format!("bedrock {{\n  endpoint = \"{}\"\n  retry {{\n    max_attempts = 1\n  }}\n}}\nauth {{\n  none = true\n}}\n", bedrock.simulator.endpoint),
        })))
    }

    /// A program that is the proxy until it is killed.
    fn crashing(&self, version: &str, program: &std::path::Path, after: Duration) -> anyhow::Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join(format!("crashing-{version}"));
        let script = format!(
            "#!/bin/sh\n(sleep {}; kill -KILL $$) >/dev/null 2>&1 &\nexec '{}' \"$@\"\n",
            after.as_secs_f32(),
            program.display()
        );
        std::fs::write(&path, script)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// Brings out the first version of the proxy, and waits until Nomad takes it for a stable one.
    pub(super) async fn first(&self, version: &str, strategy: &str) -> anyhow::Result<()> {
        self.proxy(version, Kind::Good, strategy)?.run(&self.nomad).await?;
        let is_over = |newest: &Value| newest["Status"] == "successful";
        deployment_where(&self.nomad, PROXY, "the first deployment", is_over).await?;
        self.catalog_has(version, 3).await
    }

    /// Waits until nothing runs beside the three instances that stay.
    pub(super) async fn others_have_ended(&self) -> anyhow::Result<()> {
        let path = format!("/v1/job/{PROXY}/allocations");
        wait_for("the end of all other allocations", ROLLOUT, async || {
            let all = self.nomad.api().get(&path).await?;
            let statuses =
                all.as_array().into_iter().flatten().filter_map(|one| one["ClientStatus"].as_str());
            let running = statuses.filter(|status| matches!(*status, "pending" | "running")).count();
            Ok(if running == 3 { Look::Ready(()) } else { Look::NotYet(running) })
        })
        .await
    }

    /// Waits until so many instances of this version are ready, and no others.
    pub(super) async fn catalog_has(&self, expected: &str, count: usize) -> anyhow::Result<()> {
        let api = self.consul.api();
        let what = format!("{count} of {expected} in the catalog");
        let waited = wait_for(&what, ROLLOUT, async || {
            let found = ready(&api, PROXY).await?;
            let versions: Vec<String> = found.iter().map(|service| version(service).to_owned()).collect();
            let is_it = versions.len() == count && versions.iter().all(|version| version == expected);
            Ok(if is_it { Look::Ready(()) } else { Look::NotYet(versions) })
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(crate::jobs::report(&self.nomad).await?)),
        }
    }
}

/// The newest deployment of a job, as soon as `accept` holds for it.
pub(super) async fn deployment_where(
    nomad: &Nomad,
    job: &str,
    what: &str,
    accept: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let api = nomad.api();
    let path = format!("/v1/job/{job}/deployment");
    wait_for(&format!("{what} of {job}"), ROLLOUT, async || {
        let newest = api.get(&path).await?;
        Ok(if accept(&newest) { Look::Ready(newest) } else { Look::NotYet(newest.to_string()) })
    })
    .await
}

/// An agent. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Agent {
    process: Mutex<Process>,
    socket: PathBuf,
    api: String,
    token: String,
    consul: String,
    consul_token: String,
}

impl Agent {
    /// Runs `nova-agent rollout …` to its end, as an operator on the agent's machine does.
    pub(super) async fn rollout(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        self.rollout_within(DEADLINE, arguments).await
    }

    /// As [`Self::rollout`], for what takes longer.
    pub(super) async fn rollout_within(
        &self,
        deadline: Duration,
        arguments: &[&str],
    ) -> anyhow::Result<Finished> {
        let launch = Launch::new(Program::Agent.path()?)
            .arg("rollout")
            .args(arguments)
            .env("NOVA_AGENT_ADDR", format!("unix://{}", self.socket.display()))
            .env("NOVA_KV_PREFIX", PREFIX)
            .env("CONSUL_HTTP_ADDR", &self.consul)
            .env("CONSUL_HTTP_TOKEN", &self.consul_token);
        launch.finish_within(deadline).await
    }

    /// What the API answers at a path.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        let call = Call::new(Method::GET, &format!("{}{path}", self.api))?;
        let reply = call.header("x-nomad-token", &self.token)?.send().await?;
        let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        Ok((reply.status.as_u16(), body))
    }

    /// The record of a job, as soon as `accept` holds for it.
    pub(super) async fn record_where(
        &self,
        job: &str,
        what: &str,
        deadline: Duration,
        accept: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let path = format!("/v1/rollouts/default/{job}");
        let what = format!("{what} of {job}");
        let waited = wait_for(&what, deadline, async || {
            let (_, record) = self.get(&path).await?;
            Ok(if accept(&record) { Look::Ready(record) } else { Look::NotYet(record.to_string()) })
        });
        match waited.await {
            Ok(record) => Ok(record),
            Err(error) => Err(error.context(self.report())),
        }
    }

    /// Waits until it leads.
    pub(super) async fn leads(&self) -> anyhow::Result<()> {
        wait_for("the agent to lead", ROLLOUT, async || {
            let (_, agent) = self.get("/v1/agent").await?;
            Ok(if agent["is_leader"] == true { Look::Ready(()) } else { Look::NotYet(agent.to_string()) })
        })
        .await
    }

    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.lock().signal(signal)
    }

    /// Kills it: nothing is said to anybody.
    pub(super) fn kill(&self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)
    }

    /// The last lines of what it has written.
    pub(super) fn report(&self) -> String {
        self.lock().report()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The plain name of a record's phase; of a rollback that of its stage, of an end that of its outcome.
pub(super) fn phase(record: &Value) -> &str {
    let phase = &record["phase"];
    let inner = [&phase["outcome"]["name"], &phase["stage"]["name"], &phase["name"]];
    inner.into_iter().find_map(Value::as_str).unwrap_or_default()
}

/// The outcome of a finished `rollout wait`, which has this exit code.
pub(super) fn expect_code(finished: &Finished, code: i32) -> anyhow::Result<()> {
    ensure!(finished.code == Some(code), "expected the exit code {code}: {finished:?}");
    Ok(())
}
