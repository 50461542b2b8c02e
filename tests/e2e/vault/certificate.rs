//! The listeners' certificate from Vault's PKI engine: swapped under load, kept on bad days.

use std::time::Duration;

use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::process::Launch;
use nova_test_support::server::VaultLaunch;

use super::HOUR;
use super::chain::{Chain, Lives, pki_role};
use crate::load::Connections;

const RENEWED: &str = "TLS certificate in force";

fn of_seconds(certificate: u64) -> Lives {
    Lives { certificate: Some(Duration::from_secs(certificate)), ..Lives::default() }
}

#[tokio::test]
async fn certificates_are_renewed_under_load_and_no_connection_notices() {
    let chain = Chain::start(VaultLaunch::new(), of_seconds(9)).await.unwrap();
    chain.has_said(RENEWED, 1).await.unwrap();
    let first = chain.shown().await.unwrap();
    let kept = chain.load(2, Connections::Kept).unwrap();
    let fresh = chain.load(2, Connections::OnePerRequest).unwrap();
    chain.has_said(RENEWED, 4).await.unwrap();
    fresh.more(4).await.unwrap();
    assert_ne!(chain.shown().await.unwrap(), first);
    kept.end().await.unwrap();
    fresh.end().await.unwrap();
    let page = chain.bed.metrics_page().await.unwrap();
    assert!(page.contains("nova_proxy_tls_certificate_not_after_timestamp_seconds"), "{page}");
    assert_eq!(chain.said("PRIVATE KEY").unwrap(), 0);
}

#[tokio::test]
async fn a_role_that_is_withdrawn_fails_no_handshake_before_the_certificate_ends_and_is_told() {
    let chain = Chain::start(VaultLaunch::new(), of_seconds(36)).await.unwrap();
    chain.has_said(RENEWED, 1).await.unwrap();
    let load = chain.load(2, Connections::OnePerRequest).unwrap();
    chain.vault.api().send(Method::DELETE, "/v1/pki/roles/nova-proxy", "").await.unwrap();
    chain.has_said("no next TLS certificate", 1).await.unwrap();
    assert!(chain.said("unknown role: nova-proxy").unwrap() > 0);
    load.more(4).await.unwrap();
    pki_role(&chain.vault, HOUR).await.unwrap();
    chain.has_said(RENEWED, 2).await.unwrap();
    load.more(4).await.unwrap();
    load.end().await.unwrap();
}

#[tokio::test]
async fn without_vault_no_handshake_succeeds_readiness_says_why_and_no_restart_is_needed() {
    let launch = VaultLaunch::new().with_data();
    let mut chain = Chain::start(launch, of_seconds(3600)).await.unwrap();
    chain.vault.seal().await.unwrap();
    let settings = chain.bed.settings.clone();
    let program = Launch::new(Program::Proxy.path().unwrap());
    chain.bed = chain.bed.run_proxy(settings, program).await.unwrap();
    chain.has_said("no TLS certificate is in force that clients would take", 1).await.unwrap();
    chain.shown().await.expect_err("there is no certificate");
    let page = chain.bed.readiness_page().await.unwrap();
    assert_eq!(page.json().unwrap()["status"], "not_ready", "{}", page.text());
    assert!(page.text().contains("Vault is sealed"), "{}", page.text());
    chain.vault.unseal().await.unwrap();
    chain.is_ready().await.unwrap();
    let load = chain.load(1, Connections::OnePerRequest).unwrap();
    load.more(2).await.unwrap();
    load.end().await.unwrap();
}
