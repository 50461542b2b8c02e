//! Minutes under load of the official clients while everything that Vault gives is short-lived, and while Vault is sealed.
//!
//! Too long for every run: `./tests/run full vault` runs them, and their figures are committed as evidence.

use std::time::Duration;

use nova_test_support::server::VaultLaunch;
use tokio::time::Instant;

use super::HOUR;
use super::chain::{Chain, Lives, SECRETS};
use crate::bed::MODEL;
use crate::figures::show;
use crate::hashed_keys::API_KEY;
use crate::load::{Connections, Load};
use crate::official_load::{Access, OfficialLoads};

const RENEWED: &str = "TLS certificate in force";
const TOKEN: &str = "Vault has given a token";

/// The official clients with their retries off, and a client that connects anew for each request.
struct Everybody {
    official: OfficialLoads,
    fresh: Load,
}

impl Everybody {
    async fn begin(chain: &Chain) -> anyhow::Result<Self> {
        chain.has_said(RENEWED, 1).await?;
        let root = format!("https://{}", chain.address()?);
        let access = Access { api_key: API_KEY, authorities: &chain.root_file()? };
        let official = OfficialLoads::begin_with(MODEL, &[&root], Some(access)).await?;
        Ok(Self { official, fresh: chain.load(2, Connections::OnePerRequest)? })
    }

    /// Goes on for this long; fails as soon as a request does.
    async fn go_on_for(&self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.official.go_on().await?;
        }
        Ok(())
    }

    async fn end(self) -> anyhow::Result<(u64, usize)> {
        Ok((self.official.end().await?, self.fresh.end().await?))
    }
}

#[tokio::test]
#[ignore = "ten minutes: ./tests/run full vault"]
async fn ten_minutes_of_short_lives_fail_no_request() {
    let lives = Lives {
        credentials: Duration::from_secs(90),
        token: Duration::from_secs(60),
        token_max: Duration::from_secs(60),
        certificate: Some(Duration::from_secs(120)),
        documents: true,
        ..Lives::default()
    };
    let chain = Chain::start(VaultLaunch::new(), lives).await.unwrap();
    let everybody = Everybody::begin(&chain).await.unwrap();
    everybody.go_on_for(Duration::from_secs(600)).await.unwrap();
    let (official, fresh) = everybody.end().await.unwrap();
    let (tokens, credentials, certificates) =
        (chain.said(TOKEN).unwrap(), chain.sts.given(), chain.said(RENEWED).unwrap());
    show(&format!("{official} requests of the official clients, {fresh} on a connection each: 0 failed"));
    show(&format!("{tokens} tokens, {credentials} AWS credentials, {certificates} certificates"));
    // The first of each is no renewal.
    assert!(tokens > 5 && credentials > 5 && certificates > 5, "{tokens} {credentials} {certificates}");
}

#[tokio::test]
#[ignore = "four minutes: ./tests/run full vault"]
async fn three_minutes_without_vault_fail_no_request_and_nothing_secret_is_told() {
    // What has to outlive the seal does; tokens do not, and certificates would be renewed within it.
    let lives = Lives {
        credentials: HOUR,
        token: Duration::from_secs(60),
        token_max: Duration::from_secs(60),
        certificate: Some(Duration::from_secs(280)),
        documents: true,
        ..Lives::default()
    };
    let mut chain = Chain::start(VaultLaunch::new().with_data(), lives).await.unwrap();
    let everybody = Everybody::begin(&chain).await.unwrap();
    everybody.go_on_for(Duration::from_secs(10)).await.unwrap();
    chain.vault.seal().await.unwrap();
    everybody.go_on_for(Duration::from_secs(180)).await.unwrap();
    let (tokens, certificates) = (chain.said(TOKEN).unwrap(), chain.said(RENEWED).unwrap());
    chain.vault.unseal().await.unwrap();
    chain.has_said(TOKEN, tokens + 1).await.unwrap();
    chain.has_said(RENEWED, certificates + 1).await.unwrap();
    everybody.go_on_for(Duration::from_secs(20)).await.unwrap();
    let (official, fresh) = everybody.end().await.unwrap();
    show(&format!("{official} requests of the official clients, {fresh} on a connection each: 0 failed"));
    assert!(chain.said("Vault is sealed").unwrap() > 0);
    let told = chain.told().await.unwrap();
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret} is told");
    }
}
