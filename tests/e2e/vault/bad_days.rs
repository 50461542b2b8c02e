//! What Vault, AWS, operators and clocks do wrong while callers ask: none of them notices as long as what was read is good, the log, the
//! metrics or the receipt say what it is, and all is well again when it is mended, without a restart.
//!
//! A sealed Vault is in `vault.rs`, a PKI role that is withdrawn in `certificate.rs`.

use std::time::Duration;

use anyhow::ensure;
use http::Method;
use nova_test_support::server::VaultLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use serde_json::Value;

use super::HOUR;
use super::chain::{Chain, Lives, POLICY};
use super::login::Login;
use crate::load::{Connections, Load, tcp};

const TOKEN: &str = "Vault has given a token";
const NO_TOKEN: &str = "Vault gives no token";
const LOADED: &str = "aws credentials loaded";

/// Credentials that are renewed after twelve seconds, or up to six later.
const SHORT: Duration = Duration::from_secs(24);

/// A proxy under a small load, without retries, on a day that is still good.
struct Scene {
    chain: Chain,
    load: Load,
}

impl Scene {
    async fn start(launch: VaultLaunch, lives: Lives) -> anyhow::Result<Self> {
        let chain = Chain::start(launch, lives).await?;
        let load = if lives.certificate.is_some() {
            chain.load(2, Connections::OnePerRequest)?
        } else {
            let call = chain.bed.call(Method::POST, "/v1/chat/completions")?;
            let call = call.header("content-type", "application/json")?;
            Load::begin(2, &call, &tcp(&chain.address()?), Connections::Kept)
        };
        load.more(4).await?;
        Ok(Self { chain, load })
    }

    /// Waits until the log has said this once more than before, and for callers who go on after it.
    async fn says(&self, words: &str, before: usize) -> anyhow::Result<()> {
        self.chain.has_said(words, before + 1).await?;
        self.load.more(4).await
    }

    /// Waits for a receipt of this kind.
    async fn tells(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        wait_for(what, DEADLINE, async || {
            let receipt = self.chain.receipt().await?;
            Ok(if is_so(&receipt) { Look::Ready(receipt) } else { Look::NotYet(receipt) })
        })
        .await
    }

    /// The login is told to be in this state, by the metric and the receipt.
    async fn login_is(&self, state: &str) -> anyhow::Result<Value> {
        let receipt = self.tells(state, |receipt| receipt["vault"]["state"] == state).await?;
        let up = if state == "logged_in" { "1" } else { "0" };
        ensure!(self.chain.vault_up().await? == up, "nova_proxy_vault_up is not {up} while {receipt}");
        Ok(receipt)
    }

    /// The day is over: every request was answered, by the process that was there at its beginning.
    async fn end(mut self) -> anyhow::Result<()> {
        self.load.more(4).await?;
        self.load.end().await?;
        ensure!(self.chain.bed.own_proxy()?.is_running()?, "the proxy is gone");
        Ok(())
    }
}

fn secret<'r>(receipt: &'r Value, name: &str) -> &'r Value {
    let all = receipt["secrets"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().find(|secret| secret["name"] == name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_vault_that_is_killed_is_taken_up_again_when_it_is_back() {
    let mut scene = Scene::start(VaultLaunch::new().with_data(), Lives::default()).await.unwrap();
    scene.login_is("logged_in").await.unwrap();
    scene.chain.vault.kill().await.unwrap();
    scene.says(NO_TOKEN, 0).await.unwrap();
    let receipt = scene.login_is("failing").await.unwrap();
    assert!(receipt["vault"]["error"].to_string().contains("got no answer"), "{receipt}");
    let before = scene.chain.said(TOKEN).unwrap();
    scene.chain.vault.restart().await.unwrap();
    scene.says(TOKEN, before).await.unwrap();
    let receipt = scene.login_is("logged_in").await.unwrap();
    assert_eq!(receipt["vault"]["error"], Value::Null, "{receipt}");
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_vault_that_hangs_holds_up_no_request() {
    let mut scene = Scene::start(VaultLaunch::new(), Lives::default()).await.unwrap();
    scene.chain.vault.process().signal(Signal::STOP).unwrap();
    scene.says(NO_TOKEN, 0).await.unwrap();
    let receipt = scene.login_is("failing").await.unwrap();
    assert!(receipt["vault"]["error"].to_string().contains("gave no whole answer within"), "{receipt}");
    let before = scene.chain.said(TOKEN).unwrap();
    scene.chain.vault.process().signal(Signal::CONT).unwrap();
    scene.says(TOKEN, before).await.unwrap();
    scene.login_is("logged_in").await.unwrap();
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_token_at_its_longest_life_waits_for_the_next_wrapped_secret_id_and_says_where() {
    let lives = Lives { login: Login::WrappedSecretId, ..Lives::default() };
    let scene = Scene::start(VaultLaunch::new(), lives).await.unwrap();
    // The secret id was good for one login, and the token is renewed for as long as it may be.
    scene.says(NO_TOKEN, 0).await.unwrap();
    // A slow Vault may have been the first reason.
    scene.chain.has_said("put a new one there", 1).await.unwrap();
    let receipt = scene.login_is("failing").await.unwrap();
    assert_eq!(receipt["vault"]["login"], "approle at approle", "{receipt}");
    let before = scene.chain.said(TOKEN).unwrap();
    scene.chain.wrap_anew().await.unwrap();
    scene.says(TOKEN, before).await.unwrap();
    scene.login_is("logged_in").await.unwrap();
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_wrapping_token_that_was_used_before_lets_nobody_in_and_is_told() {
    let lives = Lives { login: Login::WrappedSecretId, token: HOUR, token_max: HOUR, ..Lives::default() };
    let mut chain = Chain::start(VaultLaunch::new(), lives).await.unwrap();
    chain.call().await.unwrap();
    chain.restart_proxy().await.unwrap();
    chain.has_said("wrapping token is not valid or does not exist", 1).await.unwrap();
    chain.has_said("if it was not this program that used it, somebody else has the secret", 1).await.unwrap();
    assert_eq!(chain.bed.readiness_page().await.unwrap().json().unwrap()["status"], "not_ready");
    chain.wrap_anew().await.unwrap();
    chain.is_ready().await.unwrap();
    chain.call().await.unwrap();
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_followed_by_another_login() {
    let lives = Lives { login: Login::IdentityForBatchTokens, ..Lives::default() };
    let scene = Scene::start(VaultLaunch::new(), lives).await.unwrap();
    scene.says(TOKEN, 1).await.unwrap();
    // Nothing covers up an identity that is stale.
    scene.chain.show_identity_until(-3600).unwrap();
    scene.says(NO_TOKEN, 0).await.unwrap();
    let receipt = scene.login_is("failing").await.unwrap();
    assert!(receipt["vault"]["error"].to_string().contains("renew the file"), "{receipt}");
    let before = scene.chain.said(TOKEN).unwrap();
    scene.chain.show_identity_until(3600).unwrap();
    scene.says(TOKEN, before).await.unwrap();
    scene.login_is("logged_in").await.unwrap();
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_stale_identity_is_told_while_the_token_can_still_be_renewed() {
    let lives = Lives { token_max: HOUR, ..Lives::default() };
    let scene = Scene::start(VaultLaunch::new(), lives).await.unwrap();
    scene.chain.show_identity_until(-3600).unwrap();
    scene.says("Vault takes no login; the token is renewed", 0).await.unwrap();
    let receipt = scene.login_is("logged_in").await.unwrap();
    assert!(receipt["vault"]["error"].to_string().contains("renew the file"), "{receipt}");
    assert_eq!(receipt["vault"]["login"], "jwt at jwt-nomad, role nova-proxy", "{receipt}");
    scene.chain.show_identity_until(3600).unwrap();
    scene.tells("a login", |receipt| receipt["vault"]["error"].is_null()).await.unwrap();
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_revoked_is_replaced_by_the_call_that_finds_it_dead() {
    let lives = Lives { credentials: SHORT, token: HOUR, token_max: HOUR, ..Lives::default() };
    let scene = Scene::start(VaultLaunch::new(), lives).await.unwrap();
    scene.chain.has_said(TOKEN, 1).await.unwrap();
    let loaded = scene.chain.said(LOADED).unwrap();
    scene.chain.revoke_tokens().await.unwrap();
    scene.says(LOADED, loaded).await.unwrap();
    // A token that is dead is no missing policy.
    assert_eq!(scene.chain.said("permission denied").unwrap(), 0);
    assert_eq!(scene.chain.said("aws credentials not renewed").unwrap(), 0);
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_policy_that_is_taken_away_is_told_with_its_path_and_costs_no_login() {
    let lives = Lives { credentials: SHORT, token: HOUR, token_max: HOUR, ..Lives::default() };
    let scene = Scene::start(VaultLaunch::new(), lives).await.unwrap();
    scene.chain.has_said(TOKEN, 1).await.unwrap();
    scene.chain.set_policy("path \"nothing\" { capabilities = [\"read\"] }").await.unwrap();
    let receipt = scene
        .tells("credentials that are not renewed", |receipt| {
            secret(receipt, "aws_credentials")["error"].is_string()
        })
        .await
        .unwrap();
    let error = secret(&receipt, "aws_credentials")["error"].to_string();
    assert!(error.contains("permission denied") && error.contains("aws/sts/nova-bedrock"), "{receipt}");
    scene.chain.has_said("aws credentials not renewed", 1).await.unwrap();
    let loaded = scene.chain.said(LOADED).unwrap();
    scene.chain.set_policy(POLICY).await.unwrap();
    scene.says(LOADED, loaded).await.unwrap();
    // Another token would have had the same rights.
    assert_eq!(scene.chain.said(TOKEN).unwrap(), 1);
    scene.login_is("logged_in").await.unwrap();
    scene.end().await.unwrap();
}

#[tokio::test]
async fn an_sts_that_refuses_is_told_in_its_words_and_the_credentials_serve_on() {
    let scene =
        Scene::start(VaultLaunch::new(), Lives { credentials: SHORT, ..Lives::default() }).await.unwrap();
    scene.chain.sts.refuse(true);
    scene.says("aws credentials not renewed", 0).await.unwrap();
    assert!(scene.chain.said("AccessDenied").unwrap() > 0);
    let loaded = scene.chain.said(LOADED).unwrap();
    scene.chain.sts.refuse(false);
    scene.says(LOADED, loaded).await.unwrap();
    let receipt = scene.chain.receipt().await.unwrap();
    let credentials = secret(&receipt, "aws_credentials");
    assert_eq!(
        (&credentials["place"], &credentials["error"]),
        (&Value::from("vault"), &Value::Null),
        "{receipt}"
    );
    assert!(credentials["read_at"].is_string() && credentials["ends_at"].is_string(), "{receipt}");
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_clock_that_jumps_has_credentials_renewed_and_fails_no_request() {
    let scene = Scene::start(VaultLaunch::new(), Lives { clock: true, ..Lives::default() }).await.unwrap();
    let loaded = scene.chain.said(LOADED).unwrap();
    // By this clock the credentials have ended an hour ago, and signatures are off by two.
    scene.chain.set_clock("+7200s").unwrap();
    scene.says(LOADED, loaded).await.unwrap();
    scene.chain.set_clock("-7200s").unwrap();
    scene.load.more(20).await.unwrap();
    scene.chain.set_clock("+0s").unwrap();
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_has_ended_by_a_wrong_clock_is_not_taken_and_the_one_in_force_serves_on() {
    let certificate = Some(Duration::from_secs(27));
    let lives = Lives { clock: true, certificate, ..Lives::default() };
    let scene = Scene::start(VaultLaunch::new(), lives).await.unwrap();
    let renewed = scene.chain.said("TLS certificate in force").unwrap();
    scene.chain.set_clock("+7200s").unwrap();
    // Callers have clocks that are right.
    scene.says("check the clock of this machine", 0).await.unwrap();
    scene.chain.set_clock("+0s").unwrap();
    scene.says("TLS certificate in force", renewed).await.unwrap();
    scene.chain.is_ready().await.unwrap();
    scene.end().await.unwrap();
}
