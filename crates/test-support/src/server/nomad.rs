//! Nomad: one server and one client, whose data outlives a kill; with ACLs, Consul, Vault and settings on request.
//!
//! They are two processes, as in production. In one process the client asks the server before the server knows its own keys
//! again: it is refused, ends the tasks that it found, and asks again only after a quarter of a minute.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::home::Home;
use super::{Api, Consul, Vault, binary, on_free_ports, ready};
use crate::port::lasting_range;
use crate::process::Process;
use crate::wait::Look;

mod running;

pub use running::Nomad;

/// The token that may do everything, where ACLs are on.
const MANAGEMENT_TOKEN: &str = "2c0f3b5e-4a0b-4d58-9d5c-7a1e9f6b3c02";

/// What both agents are called.
const NODE: &str = "nomad";

/// How many ports one client has for its tasks.
const TASK_PORTS: u16 = 64;

/// Where the server and its client listen: HTTP, RPC and gossip of the server, HTTP of the client, and one to spare.
type Ports = [u16; 5];

/// How a Nomad is to be started.
#[derive(Debug, Clone, Default)]
pub struct NomadLaunch {
    has_acls: bool,
    consul: Option<(SocketAddr, Option<String>)>,
    vault: Option<SocketAddr>,
    settings: String,
}

/// The two processes. The client is dropped first, and has no server to tell of it.
#[derive(Debug)]
struct Agents {
    client: Process,
    server: Process,
}

/// A server of Nomad without a leader. Dropping it kills it.
#[derive(Debug)]
pub struct LeaderlessNomad {
    // Before its home: what runs in it ends before it is removed.
    _server: Process,
    _home: Home,
    address: SocketAddr,
}

impl LeaderlessNomad {
    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl NomadLaunch {
    /// A server and a client that runs tasks by `raw_exec`; nobody is asked for a token.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses everything that no policy allows. The management token is [`Nomad::api`]'s.
    pub fn with_acls(mut self) -> Self {
        self.has_acls = true;
        self
    }

    /// Registers services with this Consul, by its management token where it has ACLs.
    pub fn with_consul(mut self, consul: &Consul) -> Self {
        let api = consul.api();
        self.consul = Some((api.address(), api.token().map(str::to_owned)));
        self
    }

    /// Gives tasks that have a `vault` block a token of this Vault, for which they log in with their identity by the auth
    /// method at `jwt-nomad`. The method and its roles are the test's to make.
    pub fn with_vault(mut self, vault: &Vault) -> Self {
        self.vault = Some(vault.address());
        self
    }

    /// Adds lines of Nomad's own configuration, in HCL, to that of the server and to that of the client.
    pub fn with_settings(mut self, settings: &str) -> Self {
        self.settings.push_str(settings);
        self.settings.push('\n');
        self
    }

    /// Starts it and waits until it has a leader and its keys, and its node is ready and eligible.
    ///
    /// # Errors
    /// When there is no program, or it does not become ready in time.
    pub async fn start(self) -> anyhow::Result<Nomad> {
        on_free_ports(async |ports| {
            let home = Home::new(NODE)?;
            self.configure(&home, ports, &lasting_range(TASK_PORTS)?)?;
            let mut server = self.start_server(&home, ports).await?;
            if self.has_acls {
                let secret = json!({ "BootstrapSecret": MANAGEMENT_TOKEN });
                let made = self.api(ports).anonymous().post("/v1/acl/bootstrap", &secret).await;
                made.with_context(|| server.report())?;
            }
            let client = self.start_client(&home, ports, &mut server).await?;
            Ok(Nomad { agents: Agents { client, server }, launch: self.clone(), home, ports })
        })
        .await
    }

    /// Starts one server that waits for two others, and so never has a leader: what an outage of the others leaves behind.
    ///
    /// # Errors
    /// When there is no program, or it does not answer in time.
    pub async fn start_without_leader(self) -> anyhow::Result<LeaderlessNomad> {
        on_free_ports(async |ports| {
            let home = Home::new(NODE)?;
            self.configure(&home, ports, &lasting_range(TASK_PORTS)?)?;
            let path = home.path().join("server.json");
            let mut settings: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
            settings["server"]["bootstrap_expect"] = json!(3);
            std::fs::write(&path, settings.to_string())?;
            let mut server = agent(&home, "server")?;
            let api = self.api(ports);
            ready(&mut server, "Nomad to answer", async || {
                api.get("/v1/status/leader").await.map_or_else(
                    // It refuses to name one: that is what it is for.
                    |refused| {
                        Ok(if refused.to_string().contains("500") {
                            Look::Ready(())
                        } else {
                            Look::NotYet(refused.to_string())
                        })
                    },
                    |leader| {
                        Ok(if leader == json!("") {
                            Look::Ready(())
                        } else {
                            Look::NotYet(leader.to_string())
                        })
                    },
                )
            })
            .await?;
            Ok(LeaderlessNomad { _server: server, _home: home, address: api.address() })
        })
        .await
    }

    /// Starts both again in the same place, and waits as [`Self::start`] does.
    async fn run(&self, home: &Home, ports: Ports) -> anyhow::Result<Agents> {
        let mut server = self.start_server(home, ports).await?;
        let client = self.start_client(home, ports, &mut server).await?;
        Ok(Agents { client, server })
    }

    async fn start_server(&self, home: &Home, ports: Ports) -> anyhow::Result<Process> {
        let mut server = agent(home, "server")?;
        let api = self.api(ports).anonymous();
        // The leader answers this, with the keys that it signs identities with: those of nodes too.
        ready(&mut server, "Nomad to have a leader that has its keys", async || {
            let keys = api.get("/.well-known/jwks.json").await?;
            let has_one = keys["keys"].as_array().is_some_and(|keys| !keys.is_empty());
            Ok(if has_one { Look::Ready(()) } else { Look::NotYet(keys.to_string()) })
        })
        .await?;
        Ok(server)
    }

    async fn start_client(&self, home: &Home, ports: Ports, server: &mut Process) -> anyhow::Result<Process> {
        let mut client = agent(home, "client")?;
        let api = self.api(ports);
        let [.., client_http, _] = ports;
        let own = self.api_at(client_http);
        let waited = ready(&mut client, "Nomad's node to be ready and eligible", async || {
            // The servers remember the node that was: that it is here again is what the client itself knows.
            let agent = own.get("/v1/agent/self").await?;
            let ttl = agent["stats"]["client"]["heartbeat_ttl"].as_str().unwrap_or("0s");
            let nodes = api.get("/v1/nodes").await?;
            let takes_tasks = nodes.as_array().is_some_and(|nodes| {
                nodes.iter().any(|node| {
                    node["Status"] == "ready"
                        && node["SchedulingEligibility"] == "eligible"
                        && node["Drivers"]["raw_exec"]["Healthy"] == true
                })
            });
            let is_here = ttl != "0s" && takes_tasks;
            Ok(if is_here { Look::Ready(()) } else { Look::NotYet(format!("heartbeat {ttl}, {nodes}")) })
        })
        .await;
        waited.with_context(|| server.report())?;
        ensure!(server.is_running()?, "the server has ended\n{}", server.report());
        Ok(client)
    }

    /// Writes the configuration of both agents.
    fn configure(&self, home: &Home, ports: Ports, task_ports: &RangeInclusive<u16>) -> anyhow::Result<()> {
        let [http, rpc, serf, client_http, spare] = ports;
        let mut server = self.agent(home, "server", spare);
        server["ports"] = json!({ "http": http, "rpc": rpc, "serf": serf });
        server["server"] = json!({ "enabled": true, "bootstrap_expect": 1, "raft_multiplier": 1 });
        let mut client = self.agent(home, "client", spare);
        client["ports"] = json!({ "http": client_http });
        client["client"] = json!({
            "enabled": true,
            "servers": [format!("127.0.0.1:{rpc}")],
            "network_interface": "lo",
            "min_dynamic_port": task_ports.start(),
            "max_dynamic_port": task_ports.end(),
            // Small jobs find their place on any machine.
            "cpu_total_compute": 8000,
            "memory_total_mb": 8192,
            "options": {
                "driver.allowlist": "raw_exec",
                // With AWS_CA_BUNDLE in the environment the one of AWS ends the agent; none of them finds a cloud here.
                "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean",
            },
        });
        client["plugin"] = json!({ "raw_exec": { "config": { "enabled": true } } });
        for (role, agent) in [("server", server), ("client", client)] {
            std::fs::write(home.path().join(format!("{role}.json")), agent.to_string())?;
        }
        std::fs::write(home.path().join("settings.hcl"), &self.settings)?;
        Ok(())
    }

    /// What both agents have in common. Nothing listens on the spare port.
    fn agent(&self, home: &Home, role: &str, spare: u16) -> Value {
        let (consul, token) = match &self.consul {
            Some((address, token)) => (*address, token.clone()),
            // Nomad looks for one in any case, and must not find that of the machine.
            None => ((Ipv4Addr::LOCALHOST, spare).into(), None),
        };
        let mut agent = json!({
            "name": NODE,
            "data_dir": home.path().join(role),
            "bind_addr": "127.0.0.1",
            // Loopback has to be said twice.
            "advertise": { "http": "127.0.0.1", "rpc": "127.0.0.1", "serf": "127.0.0.1" },
            "acl": { "enabled": self.has_acls },
            "consul": {
                "address": consul.to_string(),
                // It registers the services of jobs and neither itself nor its checks.
                "auto_advertise": false, "server_auto_join": false, "client_auto_join": false,
            },
            "disable_update_check": true,
            "log_level": "info",
        });
        if let Some(token) = token {
            agent["consul"]["token"] = json!(token);
        }
        if let Some(vault) = self.vault {
            agent["vault"] = json!({
                "enabled": true,
                "address": format!("http://{vault}"),
                "jwt_auth_backend_path": "jwt-nomad",
                "default_identity": { "aud": ["vault.io"], "ttl": "1h" },
            });
        }
        agent
    }

    fn api(&self, [http, ..]: Ports) -> Api {
        self.api_at(http)
    }

    fn api_at(&self, port: u16) -> Api {
        Api::new(port, "x-nomad-token", self.has_acls.then_some(MANAGEMENT_TOKEN))
    }
}

/// Starts the agent of this role.
fn agent(home: &Home, role: &str) -> anyhow::Result<Process> {
    let files = [format!("{role}.json"), "settings.hcl".to_owned()].map(|name| home.path().join(name));
    home.launch(&binary::path("nomad")?)
        .arg("agent")
        .args(files.iter().flat_map(|file| ["-config".as_ref(), file.as_os_str()]))
        .start()
}
