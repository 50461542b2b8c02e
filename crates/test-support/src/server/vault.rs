//! Vault: in memory as a development server, or with storage that outlives a kill, unsealed by whoever started it; with TLS
//! and settings on request.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::home::Home;
use super::{Api, ServerCertificate, binary, kill, on_free_ports, ready, script};
use crate::process::{Launch, Process};
use crate::wait::Look;

/// The token that may do everything, in a development server.
const ROOT_TOKEN: &str = "nova-root";

/// What the one server is called.
const NODE: &str = "vault";

/// Where it listens: HTTP, HTTPS, and for other servers.
type Ports = [u16; 3];

/// How a Vault is to be started.
#[derive(Debug, Clone, Default)]
pub struct VaultLaunch {
    keeps_data: bool,
    certificate: Option<ServerCertificate>,
    settings: String,
}

/// What opens a Vault that has been started.
#[derive(Debug, Clone)]
struct Keys {
    root_token: String,
    /// Absent where nothing is sealed at the start.
    unseal: Option<String>,
}

impl VaultLaunch {
    /// A development server: everything in memory, unsealed, with version 2 of the key-value engine at `secret/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps its data on disk, by Raft, as servers in production do: it is sealed when it starts, and a restart finds the
    /// data again. It is initialized and unsealed, and has the same engine at `secret/`.
    pub fn with_data(mut self) -> Self {
        self.keeps_data = true;
        self
    }

    /// Speaks HTTPS too, with these files.
    pub fn with_certificate(mut self, certificate: ServerCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Adds lines of Vault's own configuration, in HCL.
    pub fn with_settings(mut self, settings: &str) -> Self {
        self.settings.push_str(settings);
        self.settings.push('\n');
        self
    }

    /// Starts it and waits until it is unsealed and active, and `secret/` can be written.
    ///
    /// # Errors
    /// When there is no program, or it does not become ready in time.
    pub async fn start(self) -> anyhow::Result<Vault> {
        on_free_ports(async |ports| {
            let home = Home::new(NODE)?;
            std::fs::create_dir(home.path().join("data"))?;
            std::fs::write(home.path().join("server.json"), self.server(&home, ports).to_string())?;
            std::fs::write(home.path().join("settings.hcl"), &self.settings)?;
            let process = self.launch(&home, ports)?;
            let keys = Keys { root_token: ROOT_TOKEN.to_owned(), unseal: None };
            let mut vault = Vault { process, launch: self.clone(), home, ports, keys };
            if self.keeps_data {
                vault.initialize().await?;
            }
            vault.is_ready().await?;
            if self.keeps_data {
                let engine = json!({ "type": "kv", "options": { "version": "2" } });
                vault.api().post("/v1/sys/mounts/secret", &engine).await?;
            }
            // The engine refuses writes for a moment after it was mounted.
            let api = vault.api();
            ready(&mut vault.process, "Vault's secret/ to be there", async || {
                Ok(Look::Ready(api.get("/v1/secret/config").await?))
            })
            .await?;
            Ok(vault)
        })
        .await
    }

    fn launch(&self, home: &Home, [http, ..]: Ports) -> anyhow::Result<Process> {
        let mut launch = home.launch(&binary::path("vault")?).arg("server");
        if !self.keeps_data {
            let address = format!("-dev-listen-address=127.0.0.1:{http}");
            let token = format!("-dev-root-token-id={ROOT_TOKEN}");
            launch = launch.args(["-dev", "-dev-no-store-token", &address, &token]);
        }
        let files = ["server.json", "settings.hcl"].map(|name| home.path().join(name));
        launch.args(files.iter().flat_map(|file| ["-config".as_ref(), file.as_os_str()])).start()
    }

    fn server(&self, home: &Home, [http, https, cluster]: Ports) -> Value {
        let mut listeners = Vec::new();
        let mut server = json!({
            // What Raft wants to be told, and what locked memory would need rights for.
            "disable_mlock": true,
            "api_addr": format!("http://127.0.0.1:{http}"),
            "log_level": "info",
        });
        if self.keeps_data {
            listeners.push(json!({ "tcp": {
                "address": format!("127.0.0.1:{http}"),
                "cluster_address": format!("127.0.0.1:{cluster}"),
                "tls_disable": true,
            } }));
            server["cluster_addr"] = json!(format!("https://127.0.0.1:{cluster}"));
            // The timings of small clusters: active within a second or two.
            let raft =
                json!({ "path": home.path().join("data"), "node_id": NODE, "performance_multiplier": "1" });
            server["storage"] = json!({ "raft": raft });
        }
        if let Some(certificate) = &self.certificate {
            listeners.push(json!({ "tcp": {
                "address": format!("127.0.0.1:{https}"),
                "tls_cert_file": certificate.cert_file,
                "tls_key_file": certificate.key_file,
                "tls_client_ca_file": certificate.ca_file,
                "tls_require_and_verify_client_cert": true,
            } }));
        }
        // A development server has one beside these; Vault takes no empty list.
        if !listeners.is_empty() {
            server["listener"] = json!(listeners);
        }
        server
    }
}

/// A running Vault. Dropping it kills it.
#[derive(Debug)]
pub struct Vault {
    // Before its home: what runs in it ends before it is removed.
    process: Process,
    launch: VaultLaunch,
    home: Home,
    ports: Ports,
    keys: Keys,
}

impl Vault {
    /// Its HTTP API, with the root token.
    pub fn api(&self) -> Api {
        let [http, ..] = self.ports;
        Api::new(http, "x-vault-token", Some(&self.keys.root_token))
    }

    /// Where HTTP is spoken.
    pub fn address(&self) -> SocketAddr {
        self.api().address()
    }

    /// Where HTTPS is spoken, if it was started with a certificate.
    pub fn https_address(&self) -> Option<SocketAddr> {
        let [_, https, _] = self.ports;
        self.launch.certificate.is_some().then(|| (Ipv4Addr::LOCALHOST, https).into())
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// A folder that the server may write to, as audit devices do; gone when this value is.
    pub fn folder(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Ends it at once, without a word to anybody.
    ///
    /// # Errors
    /// When it had ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        kill(&mut self.process).await
    }

    /// Starts it again at the same addresses, killing it first if it runs, and unseals it. It finds the data that it has
    /// kept; one without data begins anew, with the same root token.
    ///
    /// # Errors
    /// When it does not become ready in time.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.restart_sealed().await?;
        if self.keys.unseal.is_some() {
            self.unseal().await?;
        }
        self.is_ready().await
    }

    /// As [`Self::restart`], but one that keeps data stays sealed, as it does in production until somebody comes.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn restart_sealed(&mut self) -> anyhow::Result<()> {
        if self.process.is_running()? {
            self.kill().await?;
        }
        self.process = self.launch.launch(&self.home, self.ports)?;
        self.answers().await
    }

    /// Seals it: it answers, and knows nothing any more.
    ///
    /// # Errors
    /// When Vault refuses it.
    pub async fn seal(&self) -> anyhow::Result<()> {
        self.api().put("/v1/sys/seal", &json!({})).await?;
        Ok(())
    }

    /// Unseals it and waits until it is active again.
    ///
    /// # Errors
    /// When it keeps no data, and so has no key; or it does not become active in time.
    pub async fn unseal(&mut self) -> anyhow::Result<()> {
        let key = self.keys.unseal.as_ref().context("this Vault was started without data, and has no key")?;
        self.api().anonymous().put("/v1/sys/unseal", &json!({ "key": key })).await?;
        self.is_ready().await
    }

    /// A script of bash, in which `vault` is Vault's own command line, for this one and with its root token.
    ///
    /// # Errors
    /// When there is no program.
    pub fn script(&self, text: &str) -> anyhow::Result<Launch> {
        // The command line keeps the token of a login in the home directory.
        let launch = script("vault", text, &self.api(), ["VAULT_ADDR", "VAULT_TOKEN"])?;
        Ok(launch.env("HOME", self.home.path()))
    }

    /// Makes a policy of these rules, in HCL, and a token that has this policy alone; returns the token.
    ///
    /// # Errors
    /// When Vault refuses one of them.
    pub async fn token_for(&self, policy: &str, rules: &str) -> anyhow::Result<String> {
        let api = self.api();
        api.put(&format!("/v1/sys/policies/acl/{policy}"), &json!({ "policy": rules })).await?;
        let token = json!({ "policies": [policy], "no_default_policy": true });
        let token = api.post("/v1/auth/token/create", &token).await?;
        let secret =
            token["auth"]["client_token"].as_str().with_context(|| format!("no client_token in {token}"))?;
        Ok(secret.to_owned())
    }

    /// Makes the keys of a new one and unseals it with them.
    async fn initialize(&mut self) -> anyhow::Result<()> {
        self.answers().await?;
        let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let made = self.api().anonymous().put("/v1/sys/init", &shares).await?;
        let (root, unseal) = (made["root_token"].as_str(), made["keys_base64"][0].as_str());
        let root_token = root.context("no root_token in what sys/init answered")?.to_owned();
        let unseal = unseal.context("no keys_base64 in what sys/init answered")?.to_owned();
        self.keys = Keys { root_token, unseal: Some(unseal) };
        self.unseal().await
    }

    /// Waits until it answers at all.
    async fn answers(&mut self) -> anyhow::Result<()> {
        let api = self.api();
        ready(&mut self.process, "Vault to answer", async || {
            Ok(Look::Ready(api.send(http::Method::GET, "/v1/sys/health", "").await?))
        })
        .await?;
        Ok(())
    }

    /// Waits until it is unsealed and active: its health has other statuses than 200 for every other state.
    async fn is_ready(&mut self) -> anyhow::Result<()> {
        let api = self.api();
        ready(&mut self.process, "Vault to be unsealed and active", async || {
            Ok(Look::Ready(api.get("/v1/sys/health").await?))
        })
        .await?;
        ensure!(self.process.is_running()?, "Vault has ended\n{}", self.process.report());
        Ok(())
    }
}
