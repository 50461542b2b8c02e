//! Nomad: server and client in one agent, which runs tasks by `raw_exec`; with ACLs, data and Consul on request.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Api, Consul, START_DEADLINE, binary, folder, launch, on_free_ports, ready, script};
use crate::process::{Launch, Process};
use crate::wait::Look;

/// The token that may do everything, where ACLs are on.
const MANAGEMENT_TOKEN: &str = "9c1f9a52-6a0c-4c53-8a0e-3f0b7f3d2b11";

/// The header that carries a token.
const HEADER: &str = "x-nomad-token";

/// How often what is left is killed: what starts another process meanwhile is found in the next round.
const KILL_ROUNDS: usize = 50;

/// How a Nomad is to be started.
#[derive(Debug, Clone, Default)]
pub struct NomadLaunch {
    has_acls: bool,
    keeps_data: bool,
    consul: Option<(SocketAddr, Option<String>)>,
    settings: String,
}

impl NomadLaunch {
    /// A development agent: jobs in memory, nobody is asked for a token, no Consul.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses everything that no policy allows. The management token is [`Nomad::api`]'s.
    pub fn with_acls(mut self) -> Self {
        self.has_acls = true;
        self
    }

    /// Keeps its data on disk, as servers in production do: a restart finds its jobs and their tasks again.
    pub fn with_data(mut self) -> Self {
        self.keeps_data = true;
        self
    }

    /// Registers services with this Consul, with its management token where it has ACLs.
    pub fn with_consul(mut self, consul: &Consul) -> Self {
        self.consul = Some((consul.address(), consul.api().token().map(str::to_owned)));
        self
    }

    /// Adds lines of Nomad's own configuration, in HCL.
    pub fn with_settings(mut self, settings: &str) -> Self {
        self.settings.push_str(settings);
        self.settings.push('\n');
        self
    }

    /// Starts it and waits until it has a leader, its node takes tasks, and the management token is known.
    ///
    /// # Errors
    /// When there is no program, or it does not become ready in time.
    pub async fn start(self) -> anyhow::Result<Nomad> {
        on_free_ports(async |ports| {
            let folder = folder("nomad")?;
            let process = self.run(folder.path(), ports)?;
            let mut nomad = Nomad { process, launch: self.clone(), folder, ports };
            if nomad.launch.has_acls {
                nomad.bootstrap().await?;
            }
            nomad.is_ready().await?;
            Ok(nomad)
        })
        .await
    }

    fn run(&self, folder: &Path, ports: [u16; 4]) -> anyhow::Result<Process> {
        fs::write(folder.join("agent.json"), self.agent(folder, ports).to_string())?;
        fs::write(folder.join("settings.hcl"), &self.settings)?;
        let mut command = launch(&binary::path("nomad")?, folder).arg("agent");
        if !self.keeps_data {
            command = command.arg("-dev");
        }
        let files = ["agent.json", "settings.hcl"].map(|name| folder.join(name));
        command.args(files.iter().flat_map(|file| ["-config".as_ref(), file.as_os_str()])).start()
    }

    /// The configuration; `ports` are those of HTTP, RPC and gossip, and one at which no Consul is.
    fn agent(&self, folder: &Path, [http, rpc, serf, nobody]: [u16; 4]) -> Value {
        let (consul, token) = self.consul.clone().unwrap_or_else(|| (([127, 0, 0, 1], nobody).into(), None));
        let mut agent = json!({
            "name": "one",
            "bind_addr": "127.0.0.1",
            "advertise": { "http": "127.0.0.1", "rpc": "127.0.0.1", "serf": "127.0.0.1" },
            "ports": { "http": http, "rpc": rpc, "serf": serf },
            "disable_update_check": true,
            "server": { "enabled": true, "bootstrap_expect": 1 },
            "client": {
                "enabled": true,
                "network_interface": "lo",
                // Small jobs always fit; the fingerprints of clouds end the agent where certificates are set for AWS.
                "cpu_total_compute": 8000,
                "options": { "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean" },
            },
            "plugin": [{ "raw_exec": [{ "config": [{ "enabled": true }] }] }],
            "consul": {
                "address": consul.to_string(),
                "server_auto_join": false,
                "client_auto_join": false,
            },
        });
        if let Some(token) = token {
            agent["consul"]["token"] = json!(token);
        }
        if self.has_acls {
            agent["acl"] = json!({ "enabled": true });
        }
        agent["data_dir"] = json!(folder.join("data"));
        agent
    }
}

/// A running Nomad. Dropping it kills it and every task that it runs.
#[derive(Debug)]
pub struct Nomad {
    // Before the folder: what runs in it ends before it is removed.
    process: Process,
    launch: NomadLaunch,
    folder: TempDir,
    ports: [u16; 4],
}

impl Nomad {
    /// Its HTTP API, with the management token where ACLs are on.
    pub fn api(&self) -> Api {
        Api::new(self.ports[0], HEADER, self.launch.has_acls.then_some(MANAGEMENT_TOKEN))
    }

    /// Where its API listens.
    pub fn address(&self) -> SocketAddr {
        self.api().address()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    async fn bootstrap(&mut self) -> anyhow::Result<()> {
        let (api, secret) = (self.api().anonymous(), json!({ "BootstrapSecret": MANAGEMENT_TOKEN }));
        ready(&mut self.process, "Nomad to take its management token", async || {
            api.post("/v1/acl/bootstrap", &secret).await?;
            Ok(Look::Ready(()))
        })
        .await
    }

    async fn is_ready(&mut self) -> anyhow::Result<()> {
        let api = self.api();
        ready(&mut self.process, "Nomad to have a leader and a node that takes tasks", async || {
            api.get("/v1/status/leader").await?;
            let nodes = api.get("/v1/nodes").await?;
            let takes_tasks = nodes.as_array().is_some_and(|nodes| {
                nodes.iter().any(|node| {
                    node["Status"] == "ready"
                        && node["SchedulingEligibility"] == "eligible"
                        && node["Drivers"]["raw_exec"]["Healthy"] == true
                })
            });
            Ok(if takes_tasks { Look::Ready(()) } else { Look::NotYet(nodes.to_string()) })
        })
        .await
    }

    /// Ends the agent at once, without a word to anybody. Tasks run on, as they do in production.
    ///
    /// # Errors
    /// When it had ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::KILL)?;
        self.process.exited(START_DEADLINE).await?;
        Ok(())
    }

    /// Starts it again at the same addresses, killing it first if it runs. It finds the data that it has kept.
    ///
    /// # Errors
    /// When it does not become ready in time.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.process.is_running()? {
            self.kill().await?;
        }
        self.process = self.launch.run(self.folder.path(), self.ports)?;
        if self.launch.has_acls && !self.launch.keeps_data {
            self.bootstrap().await?;
        }
        self.is_ready().await
    }

    /// The process ids of its tasks and of those that look after them.
    pub fn tasks(&self) -> Vec<u32> {
        let agent = self.process.id();
        processes(self.folder.path()).into_iter().filter(|id| Some(*id) != agent).collect()
    }

    /// A script of bash, in which `nomad` is Nomad's own command line, for this one and with its management token.
    ///
    /// # Errors
    /// When there is no program.
    pub fn script(&self, text: &str) -> anyhow::Result<Launch> {
        let api = self.api();
        Ok(script("nomad", text)?
            .env("NOMAD_ADDR", format!("http://{}", api.address()))
            .env("NOMAD_TOKEN", api.token().unwrap_or_default()))
    }

    /// Makes a policy of these rules, in HCL, and a token that has this policy alone; returns the token.
    ///
    /// # Errors
    /// When Nomad refuses one of them, or has no ACLs.
    pub async fn token_for(&self, policy: &str, rules: &str) -> anyhow::Result<String> {
        ensure!(self.launch.has_acls, "this Nomad was started without ACLs");
        let api = self.api();
        let request = json!({ "Name": policy, "Rules": rules });
        api.post(&format!("/v1/acl/policy/{policy}"), &request).await?;
        let request = json!({ "Name": policy, "Type": "client", "Policies": [policy] });
        let token = api.post("/v1/acl/token", &request).await?;
        let secret = token["SecretID"].as_str().with_context(|| format!("no SecretID in {token}"))?;
        Ok(secret.to_owned())
    }
}

impl Drop for Nomad {
    fn drop(&mut self) {
        // The agent first, or it would start tasks again; it has ended already where a test killed it.
        self.process.signal(Signal::KILL).unwrap_or_default();
        for _ in 0..KILL_ROUNDS {
            let left = self.tasks();
            if left.is_empty() {
                return;
            }
            for pid in left.into_iter().filter_map(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
                // One that has ended meanwhile is as good as killed.
                kill_process(pid, Signal::KILL).unwrap_or_default();
            }
            pause();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a value that is dropped cannot wait in another way")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Processes whose arguments or environment name the agent's folder: executors have it in their arguments, tasks in their
/// environment.
fn processes(folder: &Path) -> Vec<u32> {
    let mark = folder.as_os_str().as_encoded_bytes();
    let names = |id: u32, what: &str| {
        // What ends while it is looked at, or belongs to somebody else, is no task of ours.
        let text = fs::read(format!("/proc/{id}/{what}")).unwrap_or_default();
        text.windows(mark.len()).any(|window| window == mark)
    };
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| names(*id, "cmdline") || names(*id, "environ")).collect()
}
