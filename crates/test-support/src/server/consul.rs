//! Consul: in memory as a development agent, or as a server whose data outlives a kill; with ACLs, TLS and settings on request.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::home::Home;
use super::{Api, ServerCertificate, binary, kill, on_free_ports, ready, script};
use crate::process::{Launch, Process};
use crate::wait::Look;

/// The token that may do everything, where ACLs are on.
const MANAGEMENT_TOKEN: &str = "5f1e6f0a-6a55-4f0c-9d5b-0a6f4c1d7e01";

/// What the one agent is called in the catalog.
const NODE: &str = "consul";

/// How a Consul is to be started.
#[derive(Debug, Clone, Default)]
pub struct ConsulLaunch {
    has_acls: bool,
    keeps_data: bool,
    certificate: Option<ServerCertificate>,
    settings: String,
}

impl ConsulLaunch {
    /// A development agent: everything in memory, nobody is asked for a token.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses everything that no policy allows. The management token is [`Consul::api`]'s.
    pub fn with_acls(mut self) -> Self {
        self.has_acls = true;
        self
    }

    /// Keeps its data on disk, as servers in production do: a restart finds it again.
    pub fn with_data(mut self) -> Self {
        self.keeps_data = true;
        self
    }

    /// Speaks HTTPS too, with these files.
    pub fn with_certificate(mut self, certificate: ServerCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Adds lines of Consul's own configuration, in HCL.
    pub fn with_settings(mut self, settings: &str) -> Self {
        self.settings.push_str(settings);
        self.settings.push('\n');
        self
    }

    /// Starts it and waits until it has a leader, knows its own node, and takes the management token.
    ///
    /// # Errors
    /// When there is no program, or it does not become ready in time.
    pub async fn start(self) -> anyhow::Result<Consul> {
        on_free_ports(async |ports| {
            let home = Home::new(NODE)?;
            let process = self.run(&home, ports).await?;
            Ok(Consul { launch: self.clone(), home, ports, process })
        })
        .await
    }

    async fn run(&self, home: &Home, ports: [u16; 5]) -> anyhow::Result<Process> {
        let folder = home.path();
        std::fs::write(folder.join("agent.json"), self.agent(folder, ports).to_string())?;
        std::fs::write(folder.join("settings.hcl"), &self.settings)?;
        let mut command = home.launch(&binary::path("consul")?).arg("agent");
        if !self.keeps_data {
            command = command.arg("-dev");
        }
        let files = ["agent.json", "settings.hcl"].map(|name| folder.join(name));
        let mut process = command
            .args(files.iter().flat_map(|file| ["-config-file".as_ref(), file.as_os_str()]))
            .start()?;
        self.is_ready(&mut process, ports).await?;
        Ok(process)
    }

    /// The configuration; `ports` are those of HTTP, HTTPS, the servers' RPC and gossip within the data center, and one to spare.
    fn agent(&self, folder: &Path, [http, https, server, serf_lan, _]: [u16; 5]) -> Value {
        let mut agent = json!({
            "node_name": NODE,
            "server": true,
            "bind_addr": "127.0.0.1",
            "addresses": { "http": format!("127.0.0.1 unix://{}", folder.join("consul.sock").display()) },
            "ports": {
                "http": http, "https": -1, "server": server, "serf_lan": serf_lan,
                "serf_wan": -1, "dns": -1, "grpc": -1, "grpc_tls": -1,
            },
            "disable_update_check": true,
            "log_level": "info",
        });
        if self.keeps_data {
            agent["data_dir"] = json!(folder.join("data"));
            agent["bootstrap_expect"] = json!(1);
            // The timings of small clusters: a leader within a second or two.
            agent["performance"] = json!({ "raft_multiplier": 1 });
        }
        if self.has_acls {
            agent["acl"] = json!({
                "enabled": true,
                "default_policy": "deny",
                "enable_token_persistence": false,
                "tokens": { "initial_management": MANAGEMENT_TOKEN, "agent": MANAGEMENT_TOKEN },
            });
        }
        if let Some(certificate) = &self.certificate {
            agent["ports"]["https"] = json!(https);
            agent["tls"] = json!({ "https": {
                "ca_file": certificate.ca_file,
                "cert_file": certificate.cert_file,
                "key_file": certificate.key_file,
                "verify_incoming": true,
            } });
        }
        agent
    }

    async fn is_ready(&self, process: &mut Process, ports: [u16; 5]) -> anyhow::Result<()> {
        let api = self.api(ports);
        ready(process, "Consul to have a leader and to know its node", async || {
            // Sessions need the node's health; it is written last, and by the leader.
            let checks = api.get(&format!("/v1/health/node/{NODE}?consistent")).await?;
            let is_known = checks.as_array().is_some_and(|checks| {
                checks.iter().any(|check| check["CheckID"] == "serfHealth" && check["Status"] == "passing")
            });
            Ok(if is_known { Look::Ready(()) } else { Look::NotYet(checks.to_string()) })
        })
        .await
    }

    fn api(&self, [http, ..]: [u16; 5]) -> Api {
        Api::new(http, "x-consul-token", self.has_acls.then_some(MANAGEMENT_TOKEN))
    }
}

/// A running Consul. Dropping it kills it.
#[derive(Debug)]
pub struct Consul {
    // Before its home: what runs in it ends before it is removed.
    process: Process,
    launch: ConsulLaunch,
    home: Home,
    ports: [u16; 5],
}

impl Consul {
    /// Its HTTP API, with the management token where ACLs are on.
    pub fn api(&self) -> Api {
        self.launch.api(self.ports)
    }

    /// Where HTTP is spoken.
    pub fn address(&self) -> SocketAddr {
        self.api().address()
    }

    /// Where HTTPS is spoken, if it was started with a certificate.
    pub fn https_address(&self) -> Option<SocketAddr> {
        let [_, https, ..] = self.ports;
        self.launch.certificate.is_some().then(|| (Ipv4Addr::LOCALHOST, https).into())
    }

    /// Where HTTP is spoken on a Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.home.path().join("consul.sock")
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends it at once, without a word to anybody.
    ///
    /// # Errors
    /// When it had ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        kill(&mut self.process).await
    }

    /// Starts it again at the same addresses, killing it first if it runs. It finds the data that it has kept.
    ///
    /// # Errors
    /// When it does not become ready in time.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.process.is_running()? {
            self.kill().await?;
        }
        self.process = self.launch.run(&self.home, self.ports).await?;
        Ok(())
    }

    /// Starts it again at the same addresses, after everything that it knew is lost: keys, sessions, tokens but the
    /// management token, and its index begins anew.
    ///
    /// # Errors
    /// As [`Self::restart`].
    pub async fn restart_without_data(&mut self) -> anyhow::Result<()> {
        if self.process.is_running()? {
            self.kill().await?;
        }
        if self.launch.keeps_data {
            std::fs::remove_dir_all(self.home.path().join("data")).context("remove Consul's data")?;
        }
        self.restart().await
    }

    /// A script of bash, in which `consul` is Consul's own command line, for this one and with its management token.
    ///
    /// # Errors
    /// When there is no program.
    pub fn script(&self, text: &str) -> anyhow::Result<Launch> {
        script("consul", text, &self.api(), ["CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN"])
    }

    /// Makes a policy of these rules, in HCL, and a token that has this policy alone; returns the token.
    ///
    /// # Errors
    /// When Consul refuses one of them, or has no ACLs.
    pub async fn token_for(&self, policy: &str, rules: &str) -> anyhow::Result<String> {
        ensure!(self.launch.has_acls, "this Consul was started without ACLs");
        let api = self.api();
        api.put("/v1/acl/policy", &json!({ "Name": policy, "Rules": rules })).await?;
        let token = api.put("/v1/acl/token", &json!({ "Policies": [{ "Name": policy }] })).await?;
        let secret = token["SecretID"].as_str().with_context(|| format!("no SecretID in {token}"))?;
        Ok(secret.to_owned())
    }
}
