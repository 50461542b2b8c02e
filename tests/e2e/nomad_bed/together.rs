//! Consul, Nomad and Vault beside each other: a task shows who it is, by what Nomad has signed.

use anyhow::ensure;
use http::Method;
use nova_test_support::server::{Api, ConsulLaunch, NomadLaunch, VaultLaunch};
use serde_json::json;

use super::{job, told};
use crate::consul_policies::workload::{follow_the_guide, login};

/// Shows what the task was given: its identity for Consul, and its token of Vault if it has one.
const SHOW: &str = r#"
    echo "$(cat secrets/nomad_nova_consul.jwt) $VAULT_TOKEN" > local/new
    mv local/new local/told
    exec sleep 1000
"#;

/// As the guide has it.
const IDENTITY: &str = r#"
    identity {
      name = "nova_consul"
      aud  = ["consul.io"]
      file = true
      ttl  = "1h"
    }
"#;

/// Has Nomad log in to Vault for the task.
const TOKEN_OF_VAULT: &str = r#"vault { role = "proxy" }"#;

/// Lets tasks of the job `nova-proxy` log in to Vault, and read one secret.
async fn trust_nomad(vault: &Api, keys: &str) -> anyhow::Result<()> {
    for name in ["proxy", "other"] {
        vault.post(&format!("/v1/secret/data/{name}"), &json!({ "data": { "key": name } })).await?;
    }
    let rules = r#"path "secret/data/proxy" { capabilities = ["read"] }"#;
    vault.put("/v1/sys/policies/acl/proxy", &json!({ "policy": rules })).await?;
    vault.post("/v1/sys/auth/jwt-nomad", &json!({ "type": "jwt" })).await?;
    vault.post("/v1/auth/jwt-nomad/config", &json!({ "jwks_url": keys })).await?;
    let role = json!({
        "role_type": "jwt", "token_type": "service", "token_policies": ["proxy"], "token_period": "30m",
        "bound_audiences": ["vault.io"], "bound_claims": { "nomad_job_id": "nova-proxy" },
        "user_claim": "/nomad_job_id", "user_claim_json_pointer": true,
    });
    vault.post("/v1/auth/jwt-nomad/role/proxy", &role).await?;
    let role = vault.get("/v1/auth/jwt-nomad/role/proxy").await?;
    ensure!(role["data"]["token_policies"] == json!(["proxy"]), "{role}");
    Ok(())
}

#[tokio::test]
async fn a_task_gets_the_rights_of_its_job_from_consul_and_from_vault() {
    let (consul, vault) =
        tokio::try_join!(ConsulLaunch::new().with_acls().start(), VaultLaunch::new().start()).unwrap();
    let nomad = NomadLaunch::new().with_acls().with_consul(&consul).with_vault(&vault).start().await.unwrap();
    let keys = format!("http://{}/.well-known/jwks.json", nomad.address());
    follow_the_guide(&consul, ("JWKSURL", json!(keys))).await.unwrap();
    trust_nomad(&vault.api(), &keys).await.unwrap();

    nomad.run(&job("nova-proxy", SHOW, "", &format!("{IDENTITY}\n{TOKEN_OF_VAULT}"))).await.unwrap();
    nomad.run(&job("web", SHOW, "", IDENTITY)).await.unwrap();
    let (of_proxy, of_web) = tokio::try_join!(told(&nomad, "nova-proxy"), told(&nomad, "web")).unwrap();
    let (identity, token) = of_proxy.trim_end().split_once(' ').unwrap();

    let (status, answer) = login(&consul, identity).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let consul_of_proxy = consul.api().with_token(answer["SecretID"].as_str().unwrap());
    for (method, expected) in [(Method::GET, 404), (Method::PUT, 403)] {
        let reply = consul_of_proxy.send(method.clone(), "/v1/kv/nova/default/config", "x").await.unwrap();
        assert_eq!(reply.status, expected, "{method}: {}", reply.text());
    }
    let vault_of_proxy = vault.api().with_token(token);
    for (name, expected) in [("proxy", 200), ("other", 403)] {
        let reply = vault_of_proxy.send(Method::GET, &format!("/v1/secret/data/{name}"), "").await.unwrap();
        assert_eq!(reply.status, expected, "{name}: {}", reply.text());
    }

    // Another job is whom it says it is, and that gives it nothing.
    let (status, answer) = login(&consul, of_web.trim_end()).await.unwrap();
    assert_eq!(status, 403, "{answer}");
    let shown = json!({ "role": "proxy", "jwt": of_web.trim_end() }).to_string();
    let stranger = vault.api().anonymous();
    let refused = stranger.send(Method::POST, "/v1/auth/jwt-nomad/login", &shown).await.unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text());
}
