//! Snapshots: of what is there, put back after it was lost, and refused to who may not.

use anyhow::Context as _;
use nova_hashistack::consul::Consistency;
use nova_hashistack::snapshot::{self, SnapshotError};
use nova_test_support::server::ConsulLaunch;

use super::{client, client_with};

#[tokio::test]
async fn a_snapshot_brings_back_what_was_there_when_it_was_taken() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("consul.snap");
    client.kv().put("nova/a", "before").await?;
    let taken = client.snapshots().save(&path, Consistency::Default).await?;
    assert!(taken.index > 0 && taken.term > 0 && taken.state_bytes > 0, "{taken:?}");
    assert_eq!(snapshot::verify(&path)?, taken);
    client.kv().put("nova/a", "after").await?;
    client.kv().put("nova/b", "after").await?;
    assert_eq!(client.snapshots().restore(&path).await?, taken);
    let entry = client.kv().get("nova/a", Consistency::Consistent).await?.value.context("it is back")?;
    assert_eq!(&entry.value[..], b"before");
    assert!(client.kv().get("nova/b", Consistency::Consistent).await?.value.is_none());
    Ok(())
}

/// Consul's own tool agrees that it is a snapshot.
#[tokio::test]
async fn a_snapshot_is_one_for_consuls_own_tool() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("consul.snap");
    let taken = client(&consul)?.snapshots().save(&path, Consistency::Stale).await?;
    let inspected = consul.script(&format!("consul snapshot inspect '{}'", path.display()))?.finish().await?;
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    assert!(inspected.stdout.contains(&taken.id), "{inspected:?}");
    let saved = format!("consul snapshot save '{}'", folder.path().join("tool.snap").display());
    assert_eq!(consul.script(&saved)?.finish().await?.code, Some(0));
    snapshot::verify(&folder.path().join("tool.snap"))?;
    Ok(())
}

#[tokio::test]
async fn a_snapshot_needs_a_management_token() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let token = consul.token_for("reader", r#"key_prefix "" { policy = "write" }"#).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("consul.snap");
    let error = client_with(&consul, &token)?.snapshots().save(&path, Consistency::Default).await;
    let error = error.expect_err("no management token");
    assert!(matches!(&error, SnapshotError::Server(error) if error.is_permission_denied()), "{error:?}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
    let last = client(&consul)?.snapshots().save(&path, Consistency::Default).await?;
    client_with(&consul, &token)?.snapshots().save(&path, Consistency::Default).await.expect_err("as before");
    assert_eq!(snapshot::verify(&path)?, last);
    Ok(())
}
