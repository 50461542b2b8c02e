//! A proxy whose AWS credentials come from a real Vault, to which it logs in as a workload: on good days and on bad ones.

use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::identity::Signer;
use nova_test_support::process::{Launch, Process};
use nova_test_support::server::{Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::json;
use tempfile::TempDir;

use crate::bed::{Bed, Settings, ask};
use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// The session token of what STS gives: Bedrock lets in no other, and so not what the machine has.
const SESSION_TOKEN: &str = "session-token-of-the-role";

/// What a proxy may do at Vault.
const POLICY: &str = "path \"aws/sts/nova-bedrock\" { capabilities = [\"update\"] }";

/// Vault with an engine for AWS, whose STS is a double, and a proxy that has nothing but the identity of its workload.
struct Chain {
    vault: Vault,
    sts: Sts,
    bed: Bed,
    _bedrock: Process,
    _folder: TempDir,
}

impl Chain {
    /// `credentials` last as long as said, tokens of Vault for six seconds.
    async fn start(launch: VaultLaunch, credentials: Duration) -> anyhow::Result<Self> {
        let sts = Sts::giving(credentials, [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN]).await?;
        let (vault, signer) = (launch.start().await?, Signer::new()?);
        set_up(&vault, &sts, &signer).await?;
        let bedrock = ["sim", "--json", "--session-token", SESSION_TOKEN];
        let mut bedrock = Launch::new(Program::Local.path()?).args(bedrock).start()?;
        let ready = bedrock.ready_line().await?;
        let endpoint = ready["simulator"][REGION].as_str();
        let endpoint = endpoint.with_context(|| format!("no {REGION} in {ready}"))?.to_owned();
        let folder = tempfile::tempdir()?;
        let jwt = folder.path().join("jwt");
        std::fs::write(&jwt, signer.identity("default", "nova-proxy")?)?;
        let settings = Settings {
            bedrock: "vault_credentials {\n  role = \"nova-bedrock\"\n}\n".to_owned(),
            rest: format!(
                "vault {{\n  address = \"http://{}\"\n  jwt {{\n    role     = \"nova-proxy\"\n    jwt_file = {jwt:?}\n  }}\n}}\n",
                vault.address()
            ),
            endpoint: Some(endpoint),
            ..Settings::default()
        };
        let bed = Bed::with_program(settings, Launch::new(Program::Proxy.path()?)).await?;
        Ok(Self { vault, sts, bed, _bedrock: bedrock, _folder: folder })
    }

    async fn call(&self) -> anyhow::Result<()> {
        let reply = self.bed.chat(&ask("Hello")).await?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        Ok(())
    }

    /// How often the proxy has said this in its log.
    fn said(&self, words: &str) -> anyhow::Result<usize> {
        let proxy = self.bed.proxy.as_ref().ok_or_else(|| anyhow::anyhow!("the bed has no proxy"))?;
        Ok(proxy.stderr()?.matches(words).count())
    }

    /// Calls without a pause until something has happened; every call has to succeed.
    async fn calls_until(&self, what: &str, has_happened: impl Fn(&Self) -> anyhow::Result<bool>) -> u32 {
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
}

async fn set_up(vault: &Vault, sts: &Sts, signer: &Signer) -> anyhow::Result<()> {
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
    api.put("/v1/sys/policies/acl/nova-proxy", &json!({ "policy": POLICY })).await?;
    api.post("/v1/sys/auth/jwt-nomad", &json!({ "type": "jwt" })).await?;
    let keys = json!({ "jwt_validation_pubkeys": [signer.public_key()?] });
    api.post("/v1/auth/jwt-nomad/config", &keys).await?;
    let role = json!({
        "role_type": "jwt", "bound_audiences": ["consul.io"], "user_claim": "nomad_job_id",
        "bound_claims": { "nomad_job_id": "nova-proxy", "nomad_namespace": "default" },
        "token_policies": ["nova-proxy"], "token_type": "service", "token_ttl": "6s", "token_max_ttl": "6s",
    });
    api.post("/v1/auth/jwt-nomad/role/nova-proxy", &role).await?;
    Ok(())
}

#[tokio::test]
async fn tokens_and_credentials_are_renewed_before_they_end_and_no_request_notices() {
    let chain = Chain::start(VaultLaunch::new(), Duration::from_secs(24)).await.unwrap();
    let calls = chain
        .calls_until("two tokens and two credentials", |chain| {
            Ok(chain.sts.given() >= 2 && chain.said("Vault has given a token")? >= 3)
        })
        .await;
    assert!(calls > 1, "{calls}");
    let forms = chain.sts.asked();
    assert!(forms.iter().any(|form| form.contains("RoleSessionName=")), "{forms:?}");
    // Neither what proves nor what opens is told to anybody.
    for secret in [SECRET_ACCESS_KEY, SESSION_TOKEN, "hvs."] {
        assert_eq!(chain.said(secret).unwrap(), 0, "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_sealed_vault_fails_no_request_and_is_taken_up_again_when_it_is_opened() {
    let launch = VaultLaunch::new().with_data();
    let mut chain = Chain::start(launch, Duration::from_secs(3600)).await.unwrap();
    chain.call().await.unwrap();
    chain.vault.seal().await.unwrap();
    chain.calls_until("the log to tell of the seal", |chain| Ok(chain.said("Vault is sealed")? > 0)).await;
    let before = chain.said("Vault has given a token").unwrap();
    chain.vault.unseal().await.unwrap();
    chain
        .calls_until("a token of the opened Vault", |chain| {
            Ok(chain.said("Vault has given a token")? > before)
        })
        .await;
}

#[tokio::test]
async fn without_vault_the_proxy_is_not_ready_says_why_and_needs_no_restart() {
    let launch = VaultLaunch::new().with_data();
    let mut chain = Chain::start(launch, Duration::from_secs(3600)).await.unwrap();
    chain.vault.seal().await.unwrap();
    let settings = chain.bed.settings.clone();
    let program = Launch::new(Program::Proxy.path().unwrap());
    chain.bed = chain.bed.run_proxy(settings, program).await.unwrap();
    wait_for("the log to tell of the seal", DEADLINE, async || {
        let told = chain.said("Vault is sealed")? > 0 && chain.said("no AWS credentials yet")? > 0;
        Ok(if told { Look::Ready(()) } else { Look::NotYet(()) })
    })
    .await
    .unwrap();
    chain.vault.unseal().await.unwrap();
    wait_for("a request to be answered", DEADLINE, async || {
        Ok(match chain.call().await {
            Ok(()) => Look::Ready(()),
            Err(error) => Look::NotYet(error.to_string()),
        })
    })
    .await
    .unwrap();
}
