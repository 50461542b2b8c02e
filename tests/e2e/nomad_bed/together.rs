//! Consul, Nomad and Vault beside each other: a task shows who it is, by what Nomad has signed.

use anyhow::ensure;
use http::Method;
use nova_test_support::server::{Api, ConsulLaunch, NomadLaunch, VaultLaunch};
use serde_json::json;

use super::{job, told};
use crate::consul_policies::workload::{follow_the_guide, login};

/// Shows what the task was given: its identity for Consul and its token of Vault.
const SHOW: &str = r#"cat secrets/nomad_nova_consul.jwt > local/new; echo " $VAULT_TOKEN" >> local/new; mv local/new local/told; exec sleep 1000"#;

/// As the guide has it, and what Nomad needs to get a token of Vault.
const IDENTITY: &str = r#"
    identity {
      name = "nova_consul"
      aud  = ["consul.io"]
      file = true
      ttl  = "1h"
    }
    vault { role = "proxy" }
"#;

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

    for (name, expected) in [("nova-proxy", 200), ("web", 403)] {
        // Nomad places no task that gets no token: the other job has a role of its own, or nothing to ask Vault for.
        let identity = if expected == 200 {
            IDENTITY.to_owned()
        } else {
            IDENTITY.replace(r#"vault { role = "proxy" }"#, "")
        };
        nomad.run(&job(name, SHOW, "", &identity)).await.unwrap();
        let given = told(&nomad, name).await.unwrap();
        let (identity, token) = given.trim_end().split_once(' ').unwrap_or((given.trim_end(), ""));
        let (status, answer) = login(&consul, identity).await.unwrap();
        assert_eq!(status, expected, "{name}: {answer}");
        assert_eq!(token.is_empty(), expected != 200, "{name}: {given}");
        if expected == 200 {
            let consul = consul.api().with_token(answer["SecretID"].as_str().unwrap());
            let read = consul.send(Method::GET, "/v1/kv/nova/default/config", "").await.unwrap();
            assert_eq!(read.status, 404, "{}", read.text());
            let written = consul.send(Method::PUT, "/v1/kv/nova/default/config", "x").await.unwrap();
            assert_eq!(written.status, 403, "{}", written.text());
            let vault = vault.api().with_token(token);
            let read = vault.get("/v1/secret/data/proxy").await.unwrap();
            assert_eq!(read["data"]["data"]["key"], "proxy", "{read}");
            let refused = vault.send(Method::GET, "/v1/secret/data/other", "").await.unwrap();
            assert_eq!(refused.status, 403, "{}", refused.text());
        }
    }
}
