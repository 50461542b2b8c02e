//! Snapshots of a real Nomad: of what is there, put back after it was lost, and refused to who may not.

use std::collections::BTreeMap;

use nova_hashistack::snapshot::{self, SnapshotError};
use nova_test_support::server::NomadLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{client, client_with};

#[tokio::test]
async fn a_snapshot_brings_back_what_was_there_and_needs_a_management_token() {
    let nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nomad.snap");
    let items = |value: &str| BTreeMap::from([("value".to_owned(), SecretString::from(value))]);
    client.variables().write("nova/a", &items("before"), 0).await.unwrap();
    let taken = client.snapshots().save(&path, false).await.unwrap();
    assert!(taken.index > 0 && taken.state_bytes > 0, "{taken:?}");
    assert_eq!(snapshot::verify(&path).unwrap(), taken);
    let stale = client.snapshots().save(&folder.path().join("stale.snap"), true).await.unwrap();
    assert!(stale.index >= taken.index, "{stale:?}");

    let before = client.variables().read("nova/a").await.unwrap().unwrap();
    client.variables().write("nova/a", &items("after"), before.modify_index).await.unwrap();
    assert_eq!(client.snapshots().restore(&path).await.unwrap(), taken);
    let back = wait_for("the variable to be as it was", DEADLINE, async || {
        let found = client.variables().read("nova/a").await;
        Ok(match found {
            Ok(Some(found)) if found.items["value"].expose_secret() == "before" => Look::Ready(found),
            other => Look::NotYet(format!("{other:?}")),
        })
    });
    assert_eq!(back.await.unwrap().modify_index, before.modify_index);

    let nobody = client_with(&nomad, "").unwrap();
    let refused = nobody.snapshots().save(&folder.path().join("none.snap"), false).await.unwrap_err();
    assert!(matches!(&refused, SnapshotError::Server(error) if error.is_permission_denied()), "{refused:?}");
    assert!(!folder.path().join("none.snap").exists());
}
