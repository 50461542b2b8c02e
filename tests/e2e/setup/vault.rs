//! `nova-agent setup vault`.

use anyhow::Context;
use nova_test_support::server::{Nomad, NomadLaunch, Vault, VaultLaunch};
use serde_json::{Value, json};

use super::{Desk, PENDING, is_set_up_once, jwks, those};
use crate::jobs::vault_policies::follow_the_guide;

const PROXY: &str = "auth/jwt-nomad/role/nova-proxy";

async fn servers() -> anyhow::Result<(Vault, Nomad)> {
    tokio::try_join!(VaultLaunch::new().start(), NomadLaunch::new().start())
}

async fn read(vault: &Vault, path: &str) -> anyhow::Result<Value> {
    Ok(vault.api().get(&format!("/v1/{path}")).await?["data"].clone())
}

/// The policy in an advice, as somebody would copy it.
fn advised(text: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.starts_with("path "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A token with this policy, and with `default` where it may ask what it may do.
async fn token(vault: &Vault, rules: &str, may_ask: bool) -> anyhow::Result<String> {
    let api = vault.api();
    api.put("/v1/sys/policies/acl/tried", &json!({ "policy": rules })).await?;
    let token = json!({ "policies": ["tried"], "no_default_policy": !may_ask });
    let made = api.post("/v1/auth/token/create", &token).await?;
    Ok(made["auth"]["client_token"].as_str().with_context(|| format!("{made}"))?.to_owned())
}

#[tokio::test]
async fn vault_is_set_up_once_and_what_was_changed_by_hand_is_shown_and_mended() {
    let (vault, nomad) = servers().await.unwrap();
    let (api, desk) = (vault.api(), Desk::of_vault(&vault, &nomad));
    is_set_up_once(&desk).await.unwrap();
    let role = read(&vault, PROXY).await.unwrap();
    api.post(&format!("/v1/{PROXY}"), &json!({ "token_policies": ["nova-proxy", "admin"], "bound_audiences": "vault.io", "bound_claims": {}, "role_type": "jwt", "user_claim": "/nomad_job_id" }))
        .await
        .unwrap();
    let wider = json!({ "allow_any_name": true, "organization": "Example", "allowed_domains": "nova-proxy.service.consul" });
    api.post("/v1/pki/roles/nova-proxy", &wider).await.unwrap();
    let rules = json!({ "policy": "# nova-proxy (kept by nova-agent setup)\npath \"*\" { capabilities = [\"read\"] }" });
    api.put("/v1/sys/policies/acl/nova-auditor", &rules).await.unwrap();
    let shown = desk.run(&[]).await.unwrap();
    assert_eq!(shown.code, Some(PENDING), "{shown:?}");
    let narrowed = |line: &str| {
        line.contains("token_policies:")
            && line.contains("\"admin\"")
            && line.ends_with("-> [\"nova-proxy\"]")
    };
    assert!(shown.stdout.lines().any(narrowed), "{}", shown.stdout);
    let mut mended = those(&desk.apply().await.unwrap(), "change");
    mended.sort();
    assert_eq!(
        mended,
        ["policy/nova-auditor".to_owned(), format!("role/{PROXY}"), "role/pki/roles/nova-proxy".to_owned()]
    );
    assert_eq!(read(&vault, PROXY).await.unwrap(), role);
    // What the files say nothing of is its owner's.
    let pki = read(&vault, "pki/roles/nova-proxy").await.unwrap();
    assert_eq!((&pki["allow_any_name"], &pki["organization"]), (&json!(false), &json!(["Example"])), "{pki}");
}

#[tokio::test]
async fn what_others_have_in_vault_stops_everything_until_it_is_named() {
    let (vault, nomad) = servers().await.unwrap();
    let (api, desk) = (vault.api(), Desk::of_vault(&vault, &nomad));
    api.post("/v1/sys/mounts/kv", &json!({ "type": "kv", "options": { "version": "1" } })).await.unwrap();
    api.post("/v1/sys/mounts/aws", &json!({ "type": "aws", "description": "of the platform" }))
        .await
        .unwrap();
    let role =
        json!({ "credential_type": "assumed_role", "role_arns": ["arn:aws:iam::123456789012:role/admin"] });
    api.post("/v1/aws/roles/nova-bedrock", &role).await.unwrap();
    let refused = desk.run(&["--apply"]).await.unwrap();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for told in ["vault kv enable-versioning", "--overwrite role/aws/roles/nova-bedrock", "! engine/kv"] {
        assert!(refused.stdout.contains(told), "{told}: {}", refused.stdout);
    }
    assert!(refused.stderr.contains("nothing was written"), "{refused:?}");
    let mounts = read(&vault, "sys/mounts").await.unwrap();
    assert!(mounts["pki/"].is_null(), "{mounts}");
    let elsewhere = desk.with(&["--kv-mount", "team/kv", "--aws-role", "bedrock"]);
    elsewhere.apply().await.unwrap();
    let policy = read(&vault, "sys/policies/acl/nova-proxy").await.unwrap();
    let policy = policy["policy"].as_str().unwrap();
    assert!(policy.contains("\"team/kv/data/nova/*\"") && policy.contains("\"aws/sts/bedrock\""), "{policy}");
    assert_eq!(read(&vault, "aws/roles/nova-bedrock").await.unwrap()["role_arns"], role["role_arns"]);
}

#[tokio::test]
async fn after_the_guide_by_hand_there_is_nothing_to_set_up_in_vault() {
    let (vault, nomad) = servers().await.unwrap();
    follow_the_guide(&vault, ("jwks_url", json!(jwks(&nomad)))).await.unwrap();
    let (code, told) = Desk::of_vault(&vault, &nomad).plan().await.unwrap();
    assert_eq!(code, 0, "{told:#}");
}

#[tokio::test]
async fn a_token_that_may_not_set_vault_up_is_told_the_policy_it_needs() {
    let (vault, nomad) = servers().await.unwrap();
    let desk = Desk::of_vault(&vault, &nomad);
    let nobody = token(&vault, "path \"nothing\" { capabilities = [\"read\"] }", true).await.unwrap();
    let refused = desk.as_bearer(Some(&nobody)).run(&[]).await.unwrap();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    // What a plan needs is told, and is enough for one; what it would write is told then, before anything is written.
    let rules = advised(&refused.stderr);
    let reader = token(&vault, &rules, true).await.unwrap();
    let reader = desk.as_bearer(Some(&reader));
    let planned = reader.run(&[]).await.unwrap();
    assert_eq!(planned.code, Some(PENDING), "{planned:?}");
    let refused = reader.run(&["--apply"]).await.unwrap();
    assert!(refused.code == Some(1) && refused.stderr.contains("it lacks"), "{refused:?}");
    assert!(refused.stderr.contains("path \"sys/auth/jwt-nomad\""), "{refused:?}");
    let mounts = read(&vault, "sys/mounts").await.unwrap();
    assert!(mounts["aws/"].is_null(), "{mounts}");
    // Who may not ask what he may do is told by the first refusal, and then has all that is needed.
    let mute = token(&vault, &rules, false).await.unwrap();
    let refused = desk.as_bearer(Some(&mute)).run(&["--apply"]).await.unwrap();
    assert!(refused.code == Some(1) && refused.stderr.contains("needs a policy"), "{refused:?}");
    let enough = token(&vault, &advised(&refused.stderr), false).await.unwrap();
    desk.as_bearer(Some(&enough)).apply().await.unwrap();
    assert_eq!(desk.plan().await.unwrap().0, 0);
}

#[tokio::test]
async fn setup_used_wrongly_says_what_to_write() {
    let desk = Desk {
        server: "vault",
        address: "http://127.0.0.1:9".to_owned(),
        token: None,
        arguments: Vec::new(),
    };
    for (arguments, code, told) in [
        (&[][..], 2, "--role-arn"),
        (&["--role-arn", "nova"], 2, "arn:aws:iam::123456789012:role/nova"),
        (&["--without", "aws", "--plan", "--apply"], 2, "cannot be used with"),
        (&["--without", "aws", "--names", "no*va"], 2, "letters, digits"),
        (&["--without", "aws"], 1, "VAULT_ADDR"),
    ] {
        let refused = desk.run(arguments).await.unwrap();
        assert_eq!(refused.code, Some(code), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains(told), "{arguments:?}: {refused:?}");
    }
}
