//! Snapshots of Vault's own storage: of what is there, put back after it was lost, and refused to who may not.

use std::collections::BTreeMap;

use nova_hashistack::snapshot::{self, SnapshotError};
use nova_test_support::server::VaultLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{client, client_with};

fn fields(value: &str) -> BTreeMap<String, SecretString> {
    BTreeMap::from([("pepper".to_owned(), SecretString::from(value))])
}

#[tokio::test]
async fn a_snapshot_brings_back_what_was_there_and_needs_a_policy() {
    let vault = VaultLaunch::new().with_data().start().await.unwrap();
    let client = client(&vault).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.snap");
    client.kv("secret").write("nova/keys", 0, &fields("before")).await.unwrap();
    let taken = client.snapshots().save(&path).await.unwrap();
    assert!(taken.index > 0 && taken.state_bytes > 0, "{taken:?}");
    assert_eq!(snapshot::verify_sealed(&path).unwrap(), taken);
    // What is in it nobody can read who has not Vault's own key.
    let bytes = std::fs::read(&path).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("before"));

    client.kv("secret").write("nova/keys", 1, &fields("after")).await.unwrap();
    assert_eq!(client.snapshots().restore(&path).await.unwrap(), taken);
    wait_for("the secret to be as it was", DEADLINE, async || {
        let found = client.kv("secret").read("nova/keys").await;
        Ok(match found {
            Ok(Some(found)) if found.fields["pepper"].expose_secret() == "before" => Look::Ready(()),
            other => Look::NotYet(format!("{other:?}")),
        })
    })
    .await
    .unwrap();

    let token = vault.token_for("nothing", "path \"secret/*\" { capabilities = [\"read\"] }").await.unwrap();
    let nobody = client_with(&vault, &token).unwrap();
    let refused = nobody.snapshots().save(&folder.path().join("none.snap")).await.unwrap_err();
    assert!(matches!(&refused, SnapshotError::Server(error) if error.is_permission_denied()), "{refused:?}");
    assert!(!folder.path().join("none.snap").exists());
}

#[tokio::test]
async fn a_snapshot_of_another_vault_is_refused_unless_it_is_forced() {
    let (one, other) =
        tokio::try_join!(VaultLaunch::new().with_data().start(), VaultLaunch::new().with_data().start())
            .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.snap");
    client(&one).unwrap().snapshots().save(&path).await.unwrap();
    let refused = client(&other).unwrap().snapshots().restore(&path).await.unwrap_err();
    assert!(matches!(&refused, SnapshotError::Server(_)), "{refused:?}");
    // It answers as before.
    assert!(client(&other).unwrap().kv("secret").read("nova/keys").await.unwrap().is_none());
    client(&other).unwrap().snapshots().restore_foreign(&path).await.unwrap();
}
