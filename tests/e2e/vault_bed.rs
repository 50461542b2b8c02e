//! The Vault that tests start: real, of the pinned version, to be sealed, killed and cut off.

use anyhow::ensure;
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::pki::{Authority, write_authorities, write_pair};
use nova_test_support::server::{ServerCertificate, Vault, VaultLaunch, pinned_version};
use nova_test_support::wire::{Mode, Wire};
use serde_json::json;

use crate::pki::SERVER;

const SECRET: &str = "/v1/secret/data/nova/keys";

async fn status(vault: &Vault, path: &str) -> u16 {
    vault.api().send(Method::GET, path, "").await.unwrap().status.as_u16()
}

/// The value at [`SECRET`] and its version.
async fn read(vault: &Vault) -> anyhow::Result<(String, u64)> {
    let secret = vault.api().get(SECRET).await?;
    let (value, version) = (&secret["data"]["data"]["key"], &secret["data"]["metadata"]["version"]);
    ensure!(value.is_string() && version.is_u64(), "{secret}");
    Ok((value.as_str().unwrap_or_default().to_owned(), version.as_u64().unwrap_or_default()))
}

/// Writes [`SECRET`] if its version is this one; returns the status.
async fn write(vault: &Vault, value: &str, version: u64) -> u16 {
    let body = json!({ "options": { "cas": version }, "data": { "key": value } });
    vault.api().send(Method::POST, SECRET, &body.to_string()).await.unwrap().status.as_u16()
}

#[tokio::test]
async fn two_vaults_run_at_once_and_know_nothing_of_each_other() {
    let (one, other) =
        tokio::try_join!(VaultLaunch::new().start(), VaultLaunch::new().with_data().start()).unwrap();
    assert_ne!(one.address(), other.address());
    for vault in [&one, &other] {
        assert_eq!(status(vault, SECRET).await, 404);
        let health = vault.api().get("/v1/sys/health").await.unwrap();
        assert_eq!(health["version"], pinned_version("vault").unwrap().as_str(), "{health}");
    }
    assert_eq!(write(&one, "first", 0).await, 200);
    assert_eq!(status(&other, SECRET).await, 404);
}

#[tokio::test]
async fn a_killed_vault_comes_back_unsealed_at_its_address_with_every_version() {
    let mut vault = VaultLaunch::new().with_data().start().await.unwrap();
    let address = vault.address();
    assert_eq!(write(&vault, "first", 0).await, 200);
    assert_eq!(write(&vault, "second", 1).await, 200);
    assert_eq!(write(&vault, "late", 1).await, 400, "a write on a version that has passed");
    vault.kill().await.unwrap();
    assert!(read(&vault).await.is_err(), "a killed Vault answers");
    vault.restart().await.unwrap();
    assert_eq!(vault.address(), address);
    assert_eq!(read(&vault).await.unwrap(), ("second".to_owned(), 2));
    let first = vault.api().get(&format!("{SECRET}?version=1")).await.unwrap();
    assert_eq!(first["data"]["data"]["key"], "first", "{first}");
}

#[tokio::test]
async fn a_vault_without_data_begins_anew_after_a_restart() {
    let mut vault = VaultLaunch::new().start().await.unwrap();
    assert_eq!(write(&vault, "first", 0).await, 200);
    vault.restart().await.unwrap();
    assert_eq!(status(&vault, SECRET).await, 404);
    assert_eq!(write(&vault, "first", 0).await, 200);
}

#[tokio::test]
async fn a_token_may_do_what_its_policy_says_and_nothing_else() {
    let vault = VaultLaunch::new().start().await.unwrap();
    assert_eq!(write(&vault, "first", 0).await, 200);
    let rules = r#"path "secret/data/nova/*" { capabilities = ["read"] }"#;
    let reader = vault.token_for("reader", rules).await.unwrap();
    let reader = vault.api().with_token(&reader);
    for (method, path, expected) in [
        (Method::GET, SECRET, 200),
        (Method::POST, SECRET, 403),
        (Method::GET, "/v1/secret/data/other", 403),
        (Method::GET, "/v1/sys/mounts", 403),
    ] {
        let reply = reader.send(method.clone(), path, r#"{"data":{}}"#).await.unwrap();
        assert_eq!(reply.status, expected, "{method} {path}: {}", reply.text());
    }
    for stranger in [vault.api().anonymous(), vault.api().with_token("hvs.nobody")] {
        assert_eq!(stranger.send(Method::GET, SECRET, "").await.unwrap().status, 403);
    }
}

#[tokio::test]
async fn a_sealed_vault_is_not_ready_and_knows_nothing_until_it_is_unsealed() {
    let mut vault = VaultLaunch::new().with_data().start().await.unwrap();
    assert_eq!(write(&vault, "first", 0).await, 200);
    vault.seal().await.unwrap();
    assert_eq!((status(&vault, "/v1/sys/health").await, status(&vault, SECRET).await), (503, 503));
    vault.unseal().await.unwrap();
    assert_eq!(read(&vault).await.unwrap(), ("first".to_owned(), 1));
    // A start seals it too.
    vault.restart_sealed().await.unwrap();
    assert_eq!((status(&vault, "/v1/sys/health").await, status(&vault, SECRET).await), (503, 503));
    vault.unseal().await.unwrap();
    assert_eq!(read(&vault).await.unwrap(), ("first".to_owned(), 1));
}

#[tokio::test]
async fn over_https_a_vault_knows_its_clients_by_their_certificates() {
    let (server, client) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new("Vault's").unwrap();
    for (folder, name) in [(&server, SERVER), (&client, "operator.test")] {
        write_authorities(folder.path(), &[&authority]).unwrap();
        write_pair(folder.path(), &authority.issue(name).unwrap()).unwrap();
    }
    let certificate = ServerCertificate {
        ca_file: server.path().join("ca.pem"),
        cert_file: server.path().join("cert.pem"),
        key_file: server.path().join("key.pem"),
    };
    for launch in [VaultLaunch::new(), VaultLaunch::new().with_data()] {
        let vault = launch.with_certificate(certificate.clone()).start().await.unwrap();
        assert_eq!(write(&vault, "first", 0).await, 200);
        let address = format!("https://{}", vault.https_address().unwrap());
        let folder = client.path().display();
        let known =
            format!("export VAULT_CLIENT_CERT='{folder}/cert.pem' VAULT_CLIENT_KEY='{folder}/key.pem'");
        for (who, is_known) in [(known.as_str(), true), ("", false)] {
            let script = format!("{who}\nvault kv get -field=key secret/nova/keys");
            let read = vault.script(&script).unwrap().env("VAULT_ADDR", &address);
            let read =
                read.env("VAULT_CACERT", client.path().join("ca.pem")).env("VAULT_TLS_SERVER_NAME", SERVER);
            let read = read.finish().await.unwrap();
            assert_eq!((read.code == Some(0), read.stdout == "first"), (is_known, is_known), "{read:?}");
        }
    }
}

#[tokio::test]
async fn a_vault_behind_a_cut_wire_is_out_of_reach_until_the_wire_is_whole() {
    let vault = VaultLaunch::new().start().await.unwrap();
    assert_eq!(write(&vault, "first", 0).await, 200);
    let wire = Wire::to(vault.address()).await.unwrap();
    let read = async || {
        let call = Call::new(Method::GET, &format!("http://{}{SECRET}", wire.address()))?;
        call.header("x-vault-token", vault.api().token().unwrap_or_default())?.send().await
    };
    assert_eq!(read().await.unwrap().status, 200);
    wire.set(Mode::Cut);
    assert!(read().await.is_err());
    wire.set(Mode::Pass);
    assert_eq!(read().await.unwrap().status, 200);
}
