//! What a token is, how it lasts longer, and its end.

use std::time::Duration;

use anyhow::Context;
use nova_test_support::server::{Vault, VaultLaunch};
use serde_json::json;

use crate::client_with;

async fn token(vault: &Vault, fields: serde_json::Value) -> anyhow::Result<String> {
    let made = vault.api().post("/v1/auth/token/create", &fields).await?;
    Ok(made["auth"]["client_token"].as_str().with_context(|| format!("no token in {made}"))?.to_owned())
}

#[tokio::test]
async fn a_token_lasts_longer_when_it_is_renewed_and_is_unknown_after_its_end() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let short = token(&vault, json!({ "policies": ["default"], "ttl": "50s" })).await.unwrap();
    let client = client_with(&vault, &short).unwrap();
    let known = client.token().lookup().await.unwrap();
    assert!(known.renewable && known.remaining().unwrap() <= Duration::from_secs(50), "{known:?}");
    assert_eq!(known.policies, ["default"]);
    assert!(client.token().renew().await.unwrap().unwrap() <= Duration::from_secs(50));
    client.token().revoke().await.unwrap();
    let gone = client.token().lookup().await.unwrap_err();
    assert!(gone.is_permission_denied() && !gone.is_transient(), "{gone}");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_says_so() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let fixed =
        token(&vault, json!({ "policies": ["default"], "ttl": "50s", "renewable": false })).await.unwrap();
    let client = client_with(&vault, &fixed).unwrap();
    assert!(!client.token().lookup().await.unwrap().renewable);
    let refused = client.token().renew().await.unwrap_err();
    assert!(refused.is_not_renewable(), "{refused}");
}
