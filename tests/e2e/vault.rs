//! A proxy whose AWS credentials and certificate come from a real Vault, to which it logs in as a workload: on good days and on bad ones.

mod bad_days;
mod certificate;
mod chain;
mod consul_certificate;
mod login;
mod sealed;
mod soak;

use std::time::Duration;

use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::client::Call;
use nova_test_support::process::Launch;
use nova_test_support::server::VaultLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::json;

use crate::bed::{ask, expect_error};
use crate::hashed_keys::PEPPER;
use chain::{Chain, Lives, SECRETS};

/// What lasts longer than a test.
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn tokens_and_credentials_are_renewed_before_they_end_and_no_request_notices() {
    let chain = Chain::start(
        VaultLaunch::new(),
        Lives { credentials: Duration::from_secs(24), documents: true, ..Lives::default() },
    )
    .await
    .unwrap();
    let calls = chain
        .calls_until("two tokens and two credentials", |chain| {
            Ok(chain.sts.given() >= 2 && chain.said("Vault has given a token")? >= 3)
        })
        .await;
    assert!(calls > 1, "{calls}");
    let forms = chain.sts.asked();
    assert!(forms.iter().any(|form| form.contains("RoleSessionName=")), "{forms:?}");
    // Neither what proves nor what opens is told to anybody.
    let told = chain.told().await.unwrap();
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn a_sealed_vault_fails_no_request_and_is_taken_up_again_when_it_is_opened() {
    let launch = VaultLaunch::new().with_data();
    let mut chain = Chain::start(launch, Lives::default()).await.unwrap();
    chain.call().await.unwrap();
    chain.vault.seal().await.unwrap();
    chain.calls_until("the log to tell of the seal", |chain| Ok(chain.said("Vault is sealed")? > 0)).await;
    assert_eq!(chain.vault_up().await.unwrap(), "0");
    let before = chain.said("Vault has given a token").unwrap();
    chain.vault.unseal().await.unwrap();
    chain
        .calls_until("a token of the opened Vault", |chain| {
            Ok(chain.said("Vault has given a token")? > before)
        })
        .await;
    assert_eq!(chain.vault_up().await.unwrap(), "1");
}

#[tokio::test]
async fn without_vault_the_proxy_is_not_ready_says_why_and_needs_no_restart() {
    let launch = VaultLaunch::new().with_data();
    let mut chain = Chain::start(launch, Lives::default()).await.unwrap();
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

#[tokio::test]
async fn a_pepper_that_cannot_be_read_lets_nobody_in_says_why_and_is_read_when_it_can_be() {
    let mut chain = Chain::start(VaultLaunch::new(), Lives::default()).await.unwrap();
    chain.call().await.unwrap();
    let api = chain.vault.api();
    api.send(Method::DELETE, "/v1/kv/data/nova", "").await.unwrap();
    let settings = chain.bed.settings.clone();
    let program = Launch::new(Program::Proxy.path().unwrap());
    chain.bed = chain.bed.run_proxy(settings, program).await.unwrap();
    chain.has_said("there is no field pepper at kv/nova in Vault", 1).await.unwrap();
    let refused = chain.bed.chat(&ask("Hello")).await.unwrap();
    expect_error(&refused, 503, Some("not_ready")).unwrap();
    api.post("/v1/kv/data/nova", &json!({ "data": { "pepper": "too short" } })).await.unwrap();
    chain.has_said("the pepper has 9 bytes", 1).await.unwrap();
    // Callers are told that it is not ready, and operators why.
    let url = format!("{}/health", chain.bed.root);
    let page = Call::new(Method::GET, &url).unwrap().send().await.unwrap().text();
    assert!(page.contains("not_ready") && page.contains("\"pepper\"") && !page.contains("9 bytes"), "{page}");
    assert!(chain.bed.readiness_page().await.unwrap().text().contains("the pepper has 9 bytes"));
    assert_eq!(chain.bed.readiness_page().await.unwrap().json().unwrap()["status"], "not_ready");
    api.post("/v1/kv/data/nova", &json!({ "data": { "pepper": PEPPER } })).await.unwrap();
    chain.has_said("secret read", 1).await.unwrap();
    chain.call().await.unwrap();
}
