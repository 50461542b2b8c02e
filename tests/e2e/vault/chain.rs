//! Vault with its engines, a double of STS behind it, and a proxy that has nothing but the identity of its workload.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::identity::Signer;
use nova_test_support::process::{Launch, Process};
use nova_test_support::server::{Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use tempfile::TempDir;

use super::HOUR;
use crate::bed::{Bed, Settings, ask};
use crate::load::{Connections, Dial, Load};
use crate::pki::{SERVER, connect, trusting};
use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// The session token of what STS gives: Bedrock lets in no other, and so not what the machine has.
pub(super) const SESSION_TOKEN: &str = "session-token-of-the-role";

/// What a proxy may do at Vault.
const POLICY: &str = "path \"aws/sts/nova-bedrock\" { capabilities = [\"update\"] }
path \"pki/sign/nova-proxy\" { capabilities = [\"update\"] }";

/// How long what Vault gives lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lives {
    pub(super) credentials: Duration,
    pub(super) token: Duration,
    /// The listeners speak TLS with certificates of this life; without it they do not.
    pub(super) certificate: Option<Duration>,
}

impl Default for Lives {
    fn default() -> Self {
        Self { credentials: HOUR, token: Duration::from_secs(6), certificate: None }
    }
}

/// The parts, running.
pub(super) struct Chain {
    pub(super) vault: Vault,
    pub(super) sts: Sts,
    pub(super) bed: Bed,
    /// The authority of Vault's PKI engine, in PEM.
    root: String,
    _bedrock: Process,
    pub(super) folder: TempDir,
}

impl Chain {
    pub(super) async fn start(launch: VaultLaunch, lives: Lives) -> anyhow::Result<Self> {
        let sts = Sts::giving(lives.credentials, [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN]).await?;
        let (vault, signer) = (launch.start().await?, Signer::new()?);
        credentials_engine(&vault, &sts).await?;
        let root = pki_engine(&vault, lives.certificate.unwrap_or(HOUR)).await?;
        login(&vault, &signer, lives.token).await?;
        let bedrock = ["sim", "--json", "--session-token", SESSION_TOKEN];
        let mut bedrock = Launch::new(Program::Local.path()?).args(bedrock).start()?;
        let ready = bedrock.ready_line().await?;
        let endpoint = ready["simulator"][REGION].as_str();
        let endpoint = endpoint.with_context(|| format!("no {REGION} in {ready}"))?.to_owned();
        let folder = tempfile::tempdir()?;
        let jwt = folder.path().join("jwt");
        std::fs::write(&jwt, signer.identity("default", "nova-proxy")?)?;
        let mut rest = format!(
            "vault {{\n  address = \"http://{}\"\n  jwt {{\n    role     = \"nova-proxy\"\n    jwt_file = {jwt:?}\n  }}\n}}\n",
            vault.address()
        );
        if lives.certificate.is_some() {
            rest += &format!(
                "tls {{\n  vault_certificate {{\n    role        = \"nova-proxy\"\n    common_name = {SERVER:?}\n    \
                 ip_sans     = [\"127.0.0.1\"]\n  }}\n}}\n"
            );
        }
        let settings = Settings {
            bedrock: "vault_credentials {\n  role = \"nova-bedrock\"\n}\n".to_owned(),
            rest,
            endpoint: Some(endpoint),
            ..Settings::default()
        };
        let bed = Bed::with_program(settings, Launch::new(Program::Proxy.path()?)).await?;
        Ok(Self { vault, sts, bed, root, _bedrock: bedrock, folder })
    }

    /// Asks, where the listeners speak no TLS.
    pub(super) async fn call(&self) -> anyhow::Result<()> {
        let reply = self.bed.chat(&ask("Hello")).await?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        Ok(())
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
async fn pki_engine(vault: &Vault, life: Duration) -> anyhow::Result<String> {
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

/// Who is a proxy, and how long its tokens last.
async fn login(vault: &Vault, signer: &Signer, token: Duration) -> anyhow::Result<()> {
    let api = vault.api();
    api.put("/v1/sys/policies/acl/nova-proxy", &json!({ "policy": POLICY })).await?;
    api.post("/v1/sys/auth/jwt-nomad", &json!({ "type": "jwt" })).await?;
    let keys = json!({ "jwt_validation_pubkeys": [signer.public_key()?] });
    api.post("/v1/auth/jwt-nomad/config", &keys).await?;
    let life = format!("{}s", token.as_secs());
    let role = json!({
        "role_type": "jwt", "bound_audiences": ["consul.io"], "user_claim": "nomad_job_id",
        "bound_claims": { "nomad_job_id": "nova-proxy", "nomad_namespace": "default" },
        "token_policies": ["nova-proxy"], "token_type": "service", "token_ttl": life, "token_max_ttl": life,
    });
    api.post("/v1/auth/jwt-nomad/role/nova-proxy", &role).await?;
    Ok(())
}
