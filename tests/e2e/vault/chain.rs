//! Vault with its engines, a double of STS behind it, and a proxy that has nothing but the identity of its workload.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::client::Call;
use nova_test_support::identity::Signer;
use nova_test_support::process::{Launch, Process};
use nova_test_support::server::{Consul, ConsulLaunch, Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::HOUR;
use super::login::{self, Login};
use crate::attacks::clock::{set_clock, with_clock};
use crate::bed::{Bed, STOP_DEADLINE, Settings, ask};
use crate::hashed_keys::{API_KEY, PEPPER, keys_file};
use crate::load::{Connections, Dial, Load};
use crate::pki::{SERVER, connect, trusting};
use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// The session token of what STS gives: Bedrock lets in no other, and so not what the machine has.
pub(super) const SESSION_TOKEN: &str = "session-token-of-the-role";

/// What a proxy may do at Vault.
pub(super) const POLICY: &str = "path \"aws/sts/nova-bedrock\" { capabilities = [\"update\"] }
path \"pki/sign/nova-proxy\" { capabilities = [\"update\"] }
path \"kv/data/nova\" { capabilities = [\"read\"] }";

/// What nobody may be told: whole secrets, and how tokens of Vault, JWTs and keys in PEM begin.
pub(super) const SECRETS: [&str; 7] =
    [API_KEY, PEPPER, SECRET_ACCESS_KEY, SESSION_TOKEN, "hvs.", "eyJ", "PRIVATE KEY"];

/// How long what Vault gives lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lives {
    pub(super) credentials: Duration,
    pub(super) token: Duration,
    /// The longest that a token is renewed to.
    pub(super) token_max: Duration,
    /// How the proxy logs in.
    pub(super) login: Login,
    /// The listeners speak TLS with certificates of this life; without it they do not.
    pub(super) certificate: Option<Duration>,
    /// Whether documents in Consul are a part of the configuration, and kept on disk.
    pub(super) documents: bool,
    /// Whether the last known secrets are kept, sealed.
    pub(super) sealed: bool,
    /// Whether the proxy's clock follows [`Chain::set_clock`].
    pub(super) clock: bool,
}

impl Default for Lives {
    fn default() -> Self {
        let token = Duration::from_secs(6);
        Self {
            credentials: HOUR,
            token,
            token_max: token,
            login: Login::Identity,
            certificate: None,
            documents: false,
            sealed: false,
            clock: false,
        }
    }
}

/// The parts, running.
pub(super) struct Chain {
    pub(super) vault: Vault,
    consul: Option<Consul>,
    pub(super) sts: Sts,
    pub(super) bed: Bed,
    /// The authority of Vault's PKI engine, in PEM.
    root: String,
    pub(super) signer: Signer,
    _bedrock: Process,
    pub(super) folder: TempDir,
}

impl Chain {
    pub(super) async fn start(launch: VaultLaunch, lives: Lives) -> anyhow::Result<Self> {
        let sts = Sts::giving(lives.credentials, [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN]).await?;
        let (vault, signer) = (launch.start().await?, Signer::new()?);
        credentials_engine(&vault, &sts).await?;
        let root = pki_engine(&vault, lives.certificate.unwrap_or(HOUR)).await?;
        pepper(&vault).await?;
        login::method(&vault, &signer, &lives).await?;
        let bedrock = ["sim", "--json", "--session-token", SESSION_TOKEN];
        let mut bedrock = Launch::new(Program::Local.path()?).args(bedrock).start()?;
        let ready = bedrock.ready_line().await?;
        let endpoint = ready["simulator"][REGION].as_str();
        let endpoint = endpoint.with_context(|| format!("no {REGION} in {ready}"))?.to_owned();
        let folder = tempfile::tempdir()?;
        let login = login::block(&vault, &signer, lives.login, folder.path()).await?;
        let keys = folder.path().join("keys.json");
        std::fs::write(&keys, keys_file())?;
        let mut rest = format!(
            "admin = \"127.0.0.1:0\"\nsecret \"pepper\" {{\n  vault = \"kv/nova#pepper\"\n}}\nvault {{\n  address = \"http://{}\"\n  {login}\n}}\n",
            vault.address()
        );
        if lives.certificate.is_some() {
            rest += &format!(
                "tls {{\n  vault_certificate {{\n    role        = \"nova-proxy\"\n    common_name = {SERVER:?}\n    \
                 ip_sans     = [\"127.0.0.1\"]\n  }}\n}}\n"
            );
        }
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir)?;
        if lives.documents || lives.sealed {
            rest += &format!("data_dir = {data_dir:?}\n");
        }
        if lives.sealed {
            rest += &sealed(folder.path())?;
        }
        let mut consul = None;
        if lives.documents {
            let started = consul.insert(ConsulLaunch::new().start().await?);
            let put = started.api().call(Method::PUT, "/v1/kv/nova/default/config")?;
            let put = put.body("limits {\n  queue = 50\n}\n").send().await?;
            ensure!(put.status == 200, "{}", put.text());
            rest += &format!("consul {{\n  address = \"http://{}\"\n}}\n", started.address());
        }
        let settings = Settings {
            bedrock: "vault_credentials {\n  role = \"nova-bedrock\"\n}\n".to_owned(),
            auth: format!("keys_file = {keys:?}\n  pepper_secret = \"pepper\""),
            rest,
            endpoint: Some(endpoint),
        };
        let mut program = Launch::new(Program::Proxy.path()?);
        if lives.clock {
            let file = folder.path().join("clock");
            set_clock(&file, "+0s")?;
            program = with_clock(program, &file);
        }
        let mut bed = Bed::with_program(settings, program).await?;
        bed.key = API_KEY.to_owned();
        let chain = Self { vault, consul, sts, bed, root, signer, _bedrock: bedrock, folder };
        chain.is_ready().await?;
        Ok(chain)
    }

    /// Waits until the proxy has all that it needs.
    pub(super) async fn is_ready(&self) -> anyhow::Result<()> {
        wait_for("the proxy to be ready", DEADLINE, async || {
            let page = self.bed.readiness_page().await?;
            Ok(if page.json()?["status"] == "ready" { Look::Ready(()) } else { Look::NotYet(page.text()) })
        })
        .await
    }

    /// Asks, where the listeners speak no TLS.
    pub(super) async fn call(&self) -> anyhow::Result<()> {
        let reply = self.bed.chat(&ask("Hello")).await?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        Ok(())
    }

    /// Sets the proxy's clock, as an offset from the true time.
    pub(super) fn set_clock(&self, offset: &str) -> anyhow::Result<()> {
        set_clock(&self.folder.path().join("clock"), offset)
    }

    /// Starts the proxy anew, with the same configuration.
    pub(super) async fn restart_proxy(&mut self) -> anyhow::Result<()> {
        let settings = self.bed.settings.clone();
        let config = self.bed.write_config(&settings)?;
        // Before the next one: what it does at its end is not to be mistaken for what the next one does.
        if let Some(proxy) = self.bed.proxy.take() {
            proxy.stop(STOP_DEADLINE).await?;
        }
        self.bed.start_proxy(config, Launch::new(Program::Proxy.path()?)).await
    }

    /// What operators are told of the configuration, of Vault and of the secrets.
    pub(super) async fn receipt(&self) -> anyhow::Result<Value> {
        let admin = self.bed.admin.as_deref().context("no admin listener")?;
        Call::new(Method::GET, &format!("http://{admin}/config/receipt"))?.send().await?.json()
    }

    /// How often the proxy has said this in its log.
    pub(super) fn said(&self, words: &str) -> anyhow::Result<usize> {
        let proxy = self.bed.proxy.as_ref().ok_or_else(|| anyhow::anyhow!("the bed has no proxy"))?;
        Ok(proxy.stderr()?.matches(words).count())
    }

    /// Waits until the log has said this so often.
    pub(super) async fn has_said(&self, words: &str, times: usize) -> anyhow::Result<()> {
        wait_for(&format!("the log to say {times} times: {words}"), DEADLINE, async || {
            let said = self.said(words)?;
            Ok(if said >= times { Look::Ready(()) } else { Look::NotYet(said) })
        })
        .await
    }

    /// Calls without a pause until something has happened; every call has to succeed.
    pub(super) async fn calls_until(
        &self,
        what: &str,
        has_happened: impl Fn(&Self) -> anyhow::Result<bool>,
    ) -> u32 {
        let mut calls = 0;
        wait_for(what, DEADLINE, async || {
            self.call().await?;
            calls += 1;
            Ok(if has_happened(self)? { Look::Ready(()) } else { Look::NotYet(calls) })
        })
        .await
        .unwrap();
        calls
    }

    /// What may tell a secret: the log, the metrics, the effective configuration, health, Consul's
    /// keys, and the files that the proxy writes.
    pub(super) async fn told(&self) -> anyhow::Result<String> {
        let proxy = self.bed.proxy.as_ref().context("the bed has no proxy")?;
        let admin = self.bed.admin.as_deref().context("no admin listener")?;
        let mut told = proxy.stderr()? + &proxy.stdout()? + &self.bed.metrics_page().await?;
        told += &self.bed.readiness_page().await?.text();
        for page in ["admin/config", "config/receipt", "admin/requests", "admin/requests/failed"] {
            let reply = Call::new(Method::GET, &format!("http://{admin}/{page}"))?.send().await?;
            ensure!(reply.status == 200, "{page}: {}", reply.status);
            told += &reply.text();
        }
        if let Some(consul) = &self.consul {
            let keys = consul.api().get("/v1/kv/?recurse").await?;
            for value in keys.as_array().into_iter().flatten().filter_map(|key| key["Value"].as_str()) {
                told += &String::from_utf8_lossy(&STANDARD.decode(value)?);
            }
            for file in std::fs::read_dir(self.folder.path().join("data"))? {
                told += &String::from_utf8_lossy(&std::fs::read(file?.path())?);
            }
            ensure!(told.matches("queue = 50").count() >= 2, "neither the keys nor the files were read");
        }
        Ok(told)
    }

    /// What the metric says of the login.
    pub(super) async fn vault_up(&self) -> anyhow::Result<String> {
        let page = self.bed.metrics_page().await?;
        let line = page.lines().find(|line| line.starts_with("nova_proxy_vault_up"));
        let value = line.and_then(|line| line.rsplit(' ').next());
        Ok(value.with_context(|| format!("no nova_proxy_vault_up in {page}"))?.to_owned())
    }

    /// `HOST:PORT` of the API.
    pub(super) fn address(&self) -> anyhow::Result<String> {
        Ok(self.bed.root.strip_prefix("http://").context("a root that is not http")?.to_owned())
    }

    /// The authority that clients trust, as a file.
    pub(super) fn root_file(&self) -> anyhow::Result<std::path::PathBuf> {
        let path = self.folder.path().join("root.pem");
        std::fs::write(&path, &self.root)?;
        Ok(path)
    }

    /// A client that trusts the authority.
    pub(super) fn client(&self) -> anyhow::Result<Arc<ClientConfig>> {
        trusting(&CertificateDer::from_pem_slice(self.root.as_bytes())?)
    }

    /// The certificate that a new connection is shown.
    pub(super) async fn shown(&self) -> anyhow::Result<CertificateDer<'static>> {
        Ok(connect(&self.address()?, self.client()?).await?.1)
    }

    /// A load over TLS.
    pub(super) fn load(&self, workers: usize, connections: Connections) -> anyhow::Result<Load> {
        let (address, client) = (self.address()?, self.client()?);
        let dial: Dial = Arc::new(move || {
            let (address, client) = (address.clone(), Arc::clone(&client));
            Box::pin(async move { Ok(connect(&address, client).await?.0) })
        });
        let call = self.bed.call(Method::POST, "/v1/chat/completions")?;
        Ok(Load::begin(workers, &call.header("content-type", "application/json")?, &dial, connections))
    }
}

/// Keeps the last known secrets, with a key of their own.
fn sealed(folder: &Path) -> anyhow::Result<String> {
    let key = folder.join("secret-cache.key");
    std::fs::write(&key, format!("{}\n", STANDARD.encode([7; 32])))?;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400))?;
    Ok(format!("secret_cache {{\n  key_file = {key:?}\n}}\n"))
}

/// Writes the pepper where the proxy looks for it.
async fn pepper(vault: &Vault) -> anyhow::Result<()> {
    let api = vault.api();
    api.post("/v1/sys/mounts/kv", &json!({ "type": "kv", "options": { "version": "2" } })).await?;
    // The engine refuses writes for a moment after it was mounted.
    wait_for("the engine kv to take a secret", DEADLINE, async || {
        let written = api.post("/v1/kv/data/nova", &json!({ "data": { "pepper": PEPPER } })).await;
        Ok(written.map_or_else(|error| Look::NotYet(error.to_string()), |_| Look::Ready(())))
    })
    .await
}

async fn credentials_engine(vault: &Vault, sts: &Sts) -> anyhow::Result<()> {
    let api = vault.api();
    api.post("/v1/sys/mounts/aws", &json!({ "type": "aws" })).await?;
    let endpoint = format!("http://{}", sts.address());
    let root = json!({
        "access_key": "AKIDVAULT", "secret_key": "secret", "region": "us-east-1",
        "sts_endpoint": endpoint, "sts_region": "us-east-1", "iam_endpoint": endpoint,
    });
    api.post("/v1/aws/config/root", &root).await?;
    let role =
        json!({ "credential_type": "assumed_role", "role_arns": ["arn:aws:iam::000000000000:role/nova"] });
    api.post("/v1/aws/roles/nova-bedrock", &role).await?;
    Ok(())
}

/// Returns the authority's certificate in PEM.
pub(super) async fn pki_engine(vault: &Vault, life: Duration) -> anyhow::Result<String> {
    let api = vault.api();
    api.post("/v1/sys/mounts/pki", &json!({ "type": "pki", "config": { "max_lease_ttl": "48h" } })).await?;
    let root = json!({ "common_name": "nova root", "ttl": "24h" });
    let made = api.post("/v1/pki/root/generate/internal", &root).await?;
    pki_role(vault, life).await?;
    Ok(made["data"]["certificate"].as_str().with_context(|| format!("no certificate in {made}"))?.to_owned())
}

/// Writes the role by which certificates are signed.
pub(super) async fn pki_role(vault: &Vault, life: Duration) -> anyhow::Result<()> {
    let role = json!({
        "allowed_domains": [SERVER], "allow_bare_domains": true, "key_type": "any",
        "ttl": format!("{}s", life.as_secs()), "max_ttl": format!("{}s", life.as_secs()),
    });
    vault.api().post("/v1/pki/roles/nova-proxy", &role).await?;
    Ok(())
}
