//! The ways that the proxy of a chain logs in, and what can be done to them.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use http::Method;
use nova_test_support::identity::Signer;
use nova_test_support::server::Vault;
use serde_json::json;

use super::chain::{Chain, Lives, POLICY};

/// How a proxy logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    /// By the identity of its workload.
    Identity,
    /// By the same, to be given tokens that cannot be renewed.
    IdentityForBatchTokens,
    /// By a secret id that is good for one login and comes wrapped.
    WrappedSecretId,
}

/// Says to Vault who is a proxy, and how long its tokens last.
pub(super) async fn method(vault: &Vault, signer: &Signer, lives: &Lives) -> anyhow::Result<()> {
    let api = vault.api();
    api.put("/v1/sys/policies/acl/nova-proxy", &json!({ "policy": POLICY })).await?;
    let seconds = |life: Duration| format!("{}s", life.as_secs());
    let (life, longest) = (seconds(lives.token), seconds(lives.token_max));
    if lives.login == Login::WrappedSecretId {
        api.post("/v1/sys/auth/approle", &json!({ "type": "approle" })).await?;
        let role = json!({
            "token_policies": ["nova-proxy"], "token_ttl": life, "token_max_ttl": longest, "secret_id_num_uses": 1,
        });
        api.post("/v1/auth/approle/role/nova-proxy", &role).await?;
        return Ok(());
    }
    api.post("/v1/sys/auth/jwt-nomad", &json!({ "type": "jwt" })).await?;
    let keys = json!({ "jwt_validation_pubkeys": [signer.public_key()?] });
    api.post("/v1/auth/jwt-nomad/config", &keys).await?;
    let kind = if lives.login == Login::Identity { "service" } else { "batch" };
    let role = json!({
        "role_type": "jwt", "bound_audiences": ["consul.io"], "user_claim": "nomad_job_id",
        "bound_claims": { "nomad_job_id": "nova-proxy", "nomad_namespace": "default" },
        "token_policies": ["nova-proxy"], "token_type": kind, "token_ttl": life, "token_max_ttl": longest,
        // Vault allows for clocks that differ, by minutes where nothing is said.
        "expiration_leeway": -1, "not_before_leeway": -1, "clock_skew_leeway": -1,
    });
    api.post("/v1/auth/jwt-nomad/role/nova-proxy", &role).await?;
    Ok(())
}

/// The lines of the `vault` block, with what they name.
pub(super) async fn block(
    vault: &Vault,
    signer: &Signer,
    login: Login,
    folder: &Path,
) -> anyhow::Result<String> {
    if login == Login::WrappedSecretId {
        let read = vault.api().get("/v1/auth/approle/role/nova-proxy/role-id").await?;
        let role_id = read["data"]["role_id"].as_str().with_context(|| format!("no role_id in {read}"))?;
        wrap(vault, folder).await?;
        let file = folder.join("secret-id");
        return Ok(format!(
            "approle {{\n    role_id          = {role_id:?}\n    secret_id_file   = {file:?}\n    wrapped_for_role = \"nova-proxy\"\n  }}"
        ));
    }
    let jwt = folder.join("jwt");
    std::fs::write(&jwt, signer.identity("default", "nova-proxy")?)?;
    Ok(format!("jwt {{\n    role     = \"nova-proxy\"\n    jwt_file = {jwt:?}\n  }}"))
}

/// Puts a new wrapping token into the file, in one step.
async fn wrap(vault: &Vault, folder: &Path) -> anyhow::Result<()> {
    let call = vault.api().call(Method::POST, "/v1/auth/approle/role/nova-proxy/secret-id")?;
    let wrapped = call.header("x-vault-wrap-ttl", "60s")?.send().await?.json()?;
    let token =
        wrapped["wrap_info"]["token"].as_str().with_context(|| format!("no wrap_info in {wrapped}"))?;
    replace(&folder.join("secret-id"), token)
}

fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let next = file.with_extension("next");
    std::fs::write(&next, text)?;
    std::fs::rename(&next, file)?;
    Ok(())
}

impl Chain {
    /// Puts a new wrapping token into the proxy's file.
    pub(super) async fn wrap_anew(&self) -> anyhow::Result<()> {
        wrap(&self.vault, self.folder.path()).await
    }

    /// Puts an identity into the proxy's file that ends in so many seconds, which may be in the past.
    pub(super) fn show_identity_until(&self, seconds: i64) -> anyhow::Result<()> {
        let identity = self.signer.identity_until("default", "nova-proxy", seconds)?;
        replace(&self.folder.path().join("jwt"), &identity)
    }

    /// Revokes every token that was given to the proxy.
    pub(super) async fn revoke_tokens(&self) -> anyhow::Result<()> {
        let api = self.vault.api();
        let accessors =
            api.send(Method::from_bytes(b"LIST")?, "/v1/auth/token/accessors", "").await?.json()?;
        for accessor in accessors["data"]["keys"].as_array().context("a list of accessors")? {
            let body = json!({ "accessor": accessor });
            let token = api.post("/v1/auth/token/lookup-accessor", &body).await?;
            if token["data"]["policies"].to_string().contains("nova-proxy") {
                api.send(Method::POST, "/v1/auth/token/revoke-accessor", &body.to_string()).await?;
            }
        }
        Ok(())
    }

    /// Lets proxies do what these rules say.
    pub(super) async fn set_policy(&self, rules: &str) -> anyhow::Result<()> {
        let body = json!({ "policy": rules });
        self.vault.api().put("/v1/sys/policies/acl/nova-proxy", &body).await.map(drop)
    }
}
