//! Vault: in memory as a development server, or with integrated storage whose secrets outlive a kill.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Api, START_DEADLINE, binary, folder, launch, on_free_ports, ready, script};
use crate::process::{Launch, Process};
use crate::wait::Look;

/// The token that may do everything, in memory.
const ROOT_TOKEN: &str = "hvs-root-of-a-test";

/// How a Vault is to be started.
#[derive(Debug, Clone, Default)]
pub struct VaultLaunch {
    keeps_data: bool,
    settings: String,
}

/// What initialization has given, and nothing else knows.
#[derive(Debug, Clone)]
struct Keys {
    unseal: String,
    root: String,
}

impl VaultLaunch {
    /// A development server: unsealed, everything in memory, KV v2 at `secret/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps its data in integrated storage, as servers in production do. It is initialized and unsealed when it is started, and
    /// unsealed when it is started again.
    pub fn with_data(mut self) -> Self {
        self.keeps_data = true;
        self
    }

    /// Adds lines of Vault's own configuration, in HCL.
    pub fn with_settings(mut self, settings: &str) -> Self {
        self.settings.push_str(settings);
        self.settings.push('\n');
        self
    }

    /// Starts it and waits until it is unsealed and active.
    ///
    /// # Errors
    /// When there is no program, or it does not become ready in time.
    pub async fn start(self) -> anyhow::Result<Vault> {
        on_free_ports(async |ports| {
            let folder = folder("vault")?;
            let mut process = self.run(folder.path(), ports)?;
            let keys = if self.keeps_data {
                initialize(&mut process, &Api::new(ports[0], HEADER, None)).await?
            } else {
                Keys { unseal: String::new(), root: ROOT_TOKEN.to_owned() }
            };
            let mut vault = Vault { process, launch: self.clone(), folder, ports, keys };
            if vault.launch.keeps_data {
                vault.unseal().await?;
            }
            vault.is_active().await?;
            Ok(vault)
        })
        .await
    }

    /// `ports` are those of the API and of the cluster.
    fn run(&self, folder: &Path, [api, cluster]: [u16; 2]) -> anyhow::Result<Process> {
        let address = format!("127.0.0.1:{api}");
        std::fs::write(folder.join("settings.hcl"), &self.settings)?;
        let command = launch(&binary::path("vault")?, folder).arg("server");
        let command = if self.keeps_data {
            std::fs::create_dir_all(folder.join("data"))?;
            let server = json!({
                "storage": { "raft": { "path": folder.join("data"), "node_id": "one" } },
                "listener": { "tcp": {
                    "address": address,
                    "cluster_address": format!("127.0.0.1:{cluster}"),
                    "tls_disable": true,
                } },
                "api_addr": format!("http://{address}"),
                "cluster_addr": format!("https://127.0.0.1:{cluster}"),
                "disable_mlock": true,
            });
            std::fs::write(folder.join("server.json"), server.to_string())?;
            command.arg("-config").arg(folder.join("server.json"))
        } else {
            command
                .arg("-dev")
                .arg("-dev-no-store-token")
                .args([format!("-dev-root-token-id={ROOT_TOKEN}"), format!("-dev-listen-address={address}")])
        };
        command.arg("-config").arg(folder.join("settings.hcl")).start()
    }
}

/// The header that carries a token.
const HEADER: &str = "x-vault-token";

async fn initialize(process: &mut Process, api: &Api) -> anyhow::Result<Keys> {
    let request = json!({ "secret_shares": 1, "secret_threshold": 1 });
    let answer = ready(process, "Vault to take its initialization", async || {
        Ok(Look::Ready(api.put("/v1/sys/init", &request).await?))
    })
    .await?;
    let text =
        |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("no key in {answer}"));
    Ok(Keys { unseal: text(&answer["keys"][0])?, root: text(&answer["root_token"])? })
}

/// A running Vault. Dropping it kills it.
#[derive(Debug)]
pub struct Vault {
    // Before the folder: what runs in it ends before it is removed.
    process: Process,
    launch: VaultLaunch,
    folder: TempDir,
    ports: [u16; 2],
    keys: Keys,
}

impl Vault {
    /// Its HTTP API, with the root token.
    pub fn api(&self) -> Api {
        Api::new(self.ports[0], HEADER, Some(&self.keys.root))
    }

    /// Where its API listens.
    pub fn address(&self) -> SocketAddr {
        self.api().address()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Seals it: it answers, and gives nothing out.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn seal(&self) -> anyhow::Result<()> {
        self.api().put("/v1/sys/seal", &Value::Null).await.map(drop)
    }

    /// Unseals it, and waits until it is active.
    ///
    /// # Errors
    /// When it keeps no data, and so has no key, or does not become active in time.
    pub async fn unseal(&mut self) -> anyhow::Result<()> {
        ensure!(self.launch.keeps_data, "a development server has no key to be unsealed with");
        let (api, key) = (self.api().anonymous(), json!({ "key": self.keys.unseal }));
        ready(&mut self.process, "Vault to take its key", async || {
            let state = api.put("/v1/sys/unseal", &key).await?;
            Ok(if state["sealed"] == false { Look::Ready(()) } else { Look::NotYet(state.to_string()) })
        })
        .await?;
        self.is_active().await
    }

    async fn is_active(&mut self) -> anyhow::Result<()> {
        let api = self.api();
        ready(&mut self.process, "Vault to be unsealed and active", async || {
            // Another status than 200 stands for another state.
            api.get("/v1/sys/health").await?;
            Ok(Look::Ready(()))
        })
        .await
    }

    /// Ends it at once, without a word to anybody.
    ///
    /// # Errors
    /// When it had ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::KILL)?;
        self.process.exited(START_DEADLINE).await?;
        Ok(())
    }

    /// Starts it again at the same addresses, killing it first if it runs, and unseals it. It finds the data that it has kept.
    ///
    /// # Errors
    /// When it does not become ready in time.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.restart_sealed().await?;
        if self.launch.keeps_data { self.unseal().await } else { self.is_active().await }
    }

    /// As [`Self::restart`], and leaves it sealed where it keeps data, as a machine that was started again finds it.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn restart_sealed(&mut self) -> anyhow::Result<()> {
        if self.process.is_running()? {
            self.kill().await?;
        }
        self.process = self.launch.run(self.folder.path(), self.ports)?;
        let api = self.api().anonymous();
        ready(&mut self.process, "Vault to answer", async || {
            api.get("/v1/sys/seal-status").await?;
            Ok(Look::Ready(()))
        })
        .await
    }

    /// A script of bash, in which `vault` is Vault's own command line, for this one and with its root token.
    ///
    /// # Errors
    /// When there is no program.
    pub fn script(&self, text: &str) -> anyhow::Result<Launch> {
        Ok(script("vault", text)?
            .env("VAULT_ADDR", format!("http://{}", self.address()))
            .env("VAULT_TOKEN", self.keys.root.clone()))
    }

    /// Makes a policy of these rules, in HCL, and a token that has this policy alone; returns the token.
    ///
    /// # Errors
    /// When Vault refuses one of them.
    pub async fn token_for(&self, policy: &str, rules: &str) -> anyhow::Result<String> {
        let api = self.api();
        api.put(&format!("/v1/sys/policies/acl/{policy}"), &json!({ "policy": rules })).await?;
        let request = json!({ "policies": [policy], "no_default_policy": true });
        let token = api.post("/v1/auth/token/create", &request).await?;
        let secret = token["auth"]["client_token"].as_str();
        Ok(secret.with_context(|| format!("no client_token in {token}"))?.to_owned())
    }
}
