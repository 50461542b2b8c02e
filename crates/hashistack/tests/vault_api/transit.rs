//! Keys that stay in Vault: data keys for backups, signatures that anybody can check.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nova_hashistack::vault::TransitSignature;
use nova_test_support::server::{Vault, VaultLaunch};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{client, client_with};

async fn with_keys() -> anyhow::Result<Vault> {
    let vault = VaultLaunch::new().start().await?;
    let api = vault.api();
    api.post("/v1/sys/mounts/transit", &json!({ "type": "transit" })).await?;
    api.post("/v1/transit/keys/nova-backup", &json!({ "type": "aes256-gcm96" })).await?;
    api.post("/v1/transit/keys/nova-audit", &json!({ "type": "ed25519" })).await?;
    Ok(vault)
}

#[tokio::test]
async fn a_data_key_is_opened_again_by_whoever_may_and_stays_good_after_a_rotation() {
    let vault = with_keys().await.unwrap();
    let client = client(&vault).unwrap();
    let transit = client.transit("transit");
    let key = transit.data_key("nova-backup").await.unwrap();
    assert_eq!(key.plaintext.expose_secret().len(), 32);
    assert!(key.wrapped.starts_with("vault:v1:"), "{}", key.wrapped);
    let other = transit.data_key("nova-backup").await.unwrap();
    assert_ne!(other.plaintext.expose_secret(), key.plaintext.expose_secret());
    vault.api().post("/v1/transit/keys/nova-backup/rotate", &json!({})).await.unwrap();
    let rewrapped = transit.rewrap("nova-backup", &key.wrapped).await.unwrap();
    assert!(rewrapped.starts_with("vault:v2:"), "{rewrapped}");
    for wrapped in [&key.wrapped, &rewrapped] {
        let opened = transit.decrypt("nova-backup", wrapped).await.unwrap();
        assert_eq!(opened.expose_secret(), key.plaintext.expose_secret());
    }

    // Who writes backups cannot read them.
    let rules = "path \"transit/datakey/plaintext/nova-backup\" { capabilities = [\"update\"] }";
    let writer = client_with(&vault, &vault.token_for("writer", rules).await.unwrap()).unwrap();
    let made = writer.transit("transit").data_key("nova-backup").await.unwrap();
    let refused = writer.transit("transit").decrypt("nova-backup", &made.wrapped).await.unwrap_err();
    assert!(refused.is_permission_denied(), "{refused}");
}

#[tokio::test]
async fn what_was_changed_is_not_decrypted_and_neither_told() {
    let vault = with_keys().await.unwrap();
    let client = client(&vault).unwrap();
    let transit = client.transit("transit");
    let sealed = transit.encrypt("nova-backup", b"a secret").await.unwrap();
    assert_eq!(transit.decrypt("nova-backup", &sealed).await.unwrap().expose_secret(), b"a secret");
    let (head, text) = sealed.rsplit_once(':').unwrap();
    let mut bytes = STANDARD.decode(text).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let changed = format!("{head}:{}", STANDARD.encode(&bytes));
    let refused = transit.decrypt("nova-backup", &changed).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().status, 400, "{refused}");
    let gone = transit.data_key("nobody").await.unwrap_err();
    assert!(matches!(gone.refusal().unwrap().status, 400 | 404), "{gone}");
}

#[tokio::test]
async fn a_signature_is_checked_by_vault_and_without_it_by_the_public_key_of_its_version() {
    let vault = with_keys().await.unwrap();
    let client = client(&vault).unwrap();
    let transit = client.transit("transit");
    let first = transit.sign("nova-audit", b"the head of a chain").await.unwrap();
    vault.api().post("/v1/transit/keys/nova-audit/rotate", &json!({})).await.unwrap();
    let second = transit.sign("nova-audit", b"the head of a chain").await.unwrap();
    let keys = transit.public_keys("nova-audit").await.unwrap();
    assert_eq!(keys.len(), 2);
    for (number, signature) in [(1, &first), (2, &second)] {
        assert!(transit.verify("nova-audit", b"the head of a chain", signature).await.unwrap());
        assert!(!transit.verify("nova-audit", b"another head", signature).await.unwrap());
        let parsed = TransitSignature::parse(signature).unwrap();
        assert_eq!(parsed.key_version, number);
        let key = UnparsedPublicKey::new(&ED25519, STANDARD.decode(&keys[&parsed.key_version]).unwrap());
        key.verify(b"the head of a chain", &parsed.bytes).unwrap();
        key.verify(b"another head", &parsed.bytes).unwrap_err();
    }
}
