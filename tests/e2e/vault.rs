//! A proxy whose AWS credentials and certificate come from a real Vault, to which it logs in as a workload: on good days and on bad ones.

mod certificate;
mod chain;
mod soak;

use std::time::Duration;

use nova_test_support::binary::Program;
use nova_test_support::process::Launch;
use nova_test_support::server::VaultLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};

use crate::simulator::SECRET_ACCESS_KEY;
use chain::{Chain, Lives, SESSION_TOKEN};

/// What lasts longer than a test.
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn tokens_and_credentials_are_renewed_before_they_end_and_no_request_notices() {
    let chain =
        Chain::start(VaultLaunch::new(), Lives { credentials: Duration::from_secs(24), ..Lives::default() })
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
    for secret in [SECRET_ACCESS_KEY, SESSION_TOKEN, "hvs."] {
        assert_eq!(chain.said(secret).unwrap(), 0, "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_sealed_vault_fails_no_request_and_is_taken_up_again_when_it_is_opened() {
    let launch = VaultLaunch::new().with_data();
    let mut chain = Chain::start(launch, Lives::default()).await.unwrap();
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
