//! The last known secrets, kept sealed: a start without Vault has them, where the customer wants it so.

use nova_test_support::server::VaultLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use serde_json::Value;

use super::HOUR;
use super::chain::{Chain, Lives, SECRETS};
use crate::fleet::has_kept;
use crate::load::Connections;

const USED: &str = "the last known secret is used";

#[tokio::test]
async fn with_the_cache_a_start_without_vault_serves_as_before_and_says_so() {
    let lives = Lives { certificate: Some(HOUR), sealed: true, ..Lives::default() };
    let mut chain = Chain::start(VaultLaunch::new().with_data(), lives).await.unwrap();
    let before = chain.receipt().await.unwrap();
    chain.vault.kill().await.unwrap();
    chain.restart_proxy().await.unwrap();
    chain.is_ready().await.unwrap();
    // The pepper, the credentials and the certificate.
    chain.has_said(USED, 3).await.unwrap();
    let load = chain.load(2, Connections::OnePerRequest).unwrap();
    load.more(6).await.unwrap();
    let after = chain.receipt().await.unwrap();
    let ages = |receipt: &Value| {
        let all = receipt["secrets"].as_array().cloned().unwrap_or_default();
        // Whole seconds are kept.
        let second = |secret: &Value| secret["read_at"].to_string().chars().take(20).collect::<String>();
        all.iter().map(|secret| (secret["name"].clone(), second(secret))).collect::<Vec<_>>()
    };
    assert_eq!(ages(&after).len(), 3, "{after}");
    assert_eq!(ages(&after)[1..], ages(&before)[1..], "{before}\n{after}");
    assert_eq!(after["vault"]["state"], "pending", "{after}");

    // Nothing that was kept tells what it is.
    let folder = chain.folder.path().join("data/sealed-secrets");
    let mut kept = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
        kept += 1;
    }
    assert_eq!(kept, 3);

    chain.vault.restart().await.unwrap();
    chain.has_said("secret read", 1).await.unwrap();
    chain.has_said("TLS certificate in force", 2).await.unwrap();
    load.more(6).await.unwrap();
    load.end().await.unwrap();
}

#[tokio::test]
async fn without_the_cache_nothing_secret_is_on_the_disk() {
    let lives = Lives { documents: true, ..Lives::default() };
    let chain = Chain::start(VaultLaunch::new(), lives).await.unwrap();
    chain.call().await.unwrap();
    let data_dir = chain.folder.path().join("data");
    // What is kept of the documents shows that the folder is written to.
    wait_until("the documents to be kept", DEADLINE, || {
        Ok(if has_kept(&data_dir) { Look::Ready(()) } else { Look::NotYet(()) })
    })
    .await
    .unwrap();
    let names = std::fs::read_dir(&data_dir).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["last-known-good.json"]);
    let told = chain.told().await.unwrap();
    assert!(SECRETS.iter().all(|secret| !told.contains(secret)));
}
