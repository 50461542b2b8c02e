//! The Vault that tests start: real, of the pinned version, sealed, killed and started again at will.

use http::Method;
use nova_test_support::client::Call;
use nova_test_support::server::{Vault, VaultLaunch, pinned_version};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use nova_test_support::wire::{Mode, Wire};
use serde_json::{Value, json};

const SECRET: &str = "/v1/kv/data/nova";

#[tokio::test]
async fn two_development_vaults_run_at_once_and_keep_their_secrets_apart() {
    let (one, other) = tokio::try_join!(VaultLaunch::new().start(), VaultLaunch::new().start()).unwrap();
    let written = json!({ "data": { "pepper": "of-one" } });
    one.api().post("/v1/secret/data/nova", &written).await.unwrap();
    let read = one.api().get("/v1/secret/data/nova").await.unwrap();
    assert_eq!(read["data"]["data"]["pepper"], "of-one");
    let status = other.api().send(Method::GET, "/v1/secret/data/nova", "").await.unwrap().status;
    assert_eq!(status, 404);
    let version = one.api().get("/v1/sys/health").await.unwrap();
    assert_eq!(version["version"], pinned_version("vault").unwrap().as_str());
}

/// A versioned mount is not there for a moment after it was made, or Vault was unsealed.
async fn until_it_serves(call: impl AsyncFn() -> anyhow::Result<Value>) -> Value {
    let look = async || Ok(call().await.map_or_else(|error| Look::NotYet(format!("{error:#}")), Look::Ready));
    wait_for("the mount to serve", DEADLINE, look).await.unwrap()
}

#[tokio::test]
async fn secrets_outlive_a_kill_and_a_seal_hides_them() {
    let mut vault = VaultLaunch::new().with_data().start().await.unwrap();
    let mount = json!({ "type": "kv", "options": { "version": "2" } });
    vault.api().post("/v1/sys/mounts/kv", &mount).await.unwrap();
    until_it_serves(async || vault.api().post(SECRET, &json!({ "data": { "pepper": "kept" } })).await).await;
    vault.restart().await.unwrap();
    let read = async |vault: &Vault| {
        let reply = vault.api().send(Method::GET, SECRET, "").await.unwrap();
        (reply.status.as_u16(), reply.text())
    };
    let kept = until_it_serves(async || vault.api().get(SECRET).await).await;
    assert_eq!(kept["data"]["data"]["pepper"], "kept");

    vault.seal().await.unwrap();
    let (status, text) = read(&vault).await;
    assert!(status == 503 && text.contains("sealed"), "{status} {text}");
    vault.unseal().await.unwrap();
    until_it_serves(async || vault.api().get(SECRET).await).await;
    vault.restart_sealed().await.unwrap();
    assert_eq!(read(&vault).await.0, 503);
    vault.unseal().await.unwrap();
    until_it_serves(async || vault.api().get(SECRET).await).await;
}

#[tokio::test]
async fn a_token_may_do_what_its_policy_says_and_nothing_else() {
    let vault = VaultLaunch::new().start().await.unwrap();
    vault.api().post("/v1/secret/data/nova", &json!({ "data": { "a": "b" } })).await.unwrap();
    let rules = r#"path "secret/data/nova" { capabilities = ["read"] }"#;
    let reader = vault.api().with_token(&vault.token_for("reader", rules).await.unwrap());
    let status = async |method: Method, path: &str| {
        reader.send(method, path, r#"{"data":{}}"#).await.unwrap().status.as_u16()
    };
    assert_eq!(status(Method::GET, "/v1/secret/data/nova").await, 200);
    assert_eq!(status(Method::POST, "/v1/secret/data/nova").await, 403);
    assert_eq!(status(Method::GET, "/v1/secret/data/other").await, 403);
    let anonymous = vault.api().anonymous().send(Method::GET, "/v1/secret/data/nova", "").await.unwrap();
    assert_eq!(anonymous.status, 403);
    let by_its_own_client =
        vault.script("vault kv get -field=a secret/nova").unwrap().finish().await.unwrap();
    assert_eq!(
        (by_its_own_client.code, by_its_own_client.stdout.as_str()),
        (Some(0), "b"),
        "{by_its_own_client:?}"
    );
}

#[tokio::test]
async fn a_wire_before_it_can_be_cut_and_mended() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let wire = Wire::to(vault.address()).await.unwrap();
    let health = async || {
        let call = Call::new(Method::GET, &format!("http://{}/v1/sys/health", wire.address()))?;
        anyhow::Ok(call.send().await?.status)
    };
    assert_eq!(health().await.unwrap(), 200);
    wire.set(Mode::Cut);
    assert!(health().await.is_err());
    wire.set(Mode::Pass);
    assert_eq!(health().await.unwrap(), 200);
}
