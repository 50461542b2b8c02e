//! What becomes of the file, against a server that follows a script.

use super::archive::tests::snapshot;
use super::*;
use crate::consul::{Consistency, ConsulClient, ConsulConfig};
use crate::scripted::{Line, Script, line};

struct Bed {
    script: Script,
    folder: tempfile::TempDir,
    client: ConsulClient,
}

impl Bed {
    async fn start(lines: impl IntoIterator<Item = Line>) -> Self {
        let script = Script::start(lines).await;
        let client = ConsulClient::new(ConsulConfig::new(script.address.parse().unwrap())).unwrap();
        Self { script, folder: tempfile::tempdir().unwrap(), client }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("consul.snap")
    }

    /// The names of what is in the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn whole() -> Line {
    line(200, snapshot(b"state"))
}

#[tokio::test]
async fn a_snapshot_replaces_the_last_one_when_it_is_whole() {
    let bed = Bed::start([whole()]).await;
    std::fs::write(bed.path(), "the last one").unwrap();
    let taken = bed.client.snapshots().save(&bed.path(), Consistency::Stale).await.unwrap();
    assert_eq!(taken.index, 12);
    assert_eq!(std::fs::read(bed.path()).unwrap(), snapshot(b"state"));
    assert_eq!(bed.names(), ["consul.snap"]);
    assert_eq!(bed.script.calls(), ["GET /v1/snapshot?stale"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_snapshot_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let bed = Bed::start([whole()]).await;
    bed.client.snapshots().save(&bed.path(), Consistency::Default).await.unwrap();
    assert_eq!(std::fs::metadata(bed.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_with_a_good_status_leaves_the_last_one() {
    let mut half = snapshot(&[b'x'; 5000]);
    half.truncate(half.len() / 2);
    let bed = Bed::start([line(200, half)]).await;
    std::fs::write(bed.path(), "the last one").unwrap();
    let error = bed.client.snapshots().save(&bed.path(), Consistency::Default).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(bed.path()).unwrap(), b"the last one");
    assert_eq!(bed.names(), ["consul.snap"]);
}

#[tokio::test]
async fn a_refused_snapshot_and_a_folder_that_is_not_there_are_told() {
    let bed = Bed::start([line(403, "Permission denied"), whole()]).await;
    let error = bed.client.snapshots().save(&bed.path(), Consistency::Default).await.unwrap_err();
    assert!(matches!(&error, SnapshotError::Server(error) if error.is_permission_denied()), "{error:?}");
    let nowhere = bed.folder.path().join("none/consul.snap");
    let error = bed.client.snapshots().save(&nowhere, Consistency::Default).await.unwrap_err();
    assert!(error.to_string().contains("none/consul.snap cannot be written"), "{error}");
    assert!(bed.names().is_empty());
}

#[tokio::test]
async fn only_a_whole_snapshot_is_put_back() {
    let bed = Bed::start([line(200, "")]).await;
    let error = bed.client.snapshots().restore(&bed.path()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    std::fs::write(bed.path(), "no snapshot").unwrap();
    let error = bed.client.snapshots().restore(&bed.path()).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged { .. }), "{error:?}");
    assert!(bed.script.asked().is_empty());

    std::fs::write(bed.path(), snapshot(b"state")).unwrap();
    assert_eq!(bed.client.snapshots().restore(&bed.path()).await.unwrap().index, 12);
    let asked = bed.script.asked();
    assert_eq!(bed.script.calls(), ["PUT /v1/snapshot"]);
    assert_eq!(asked[0].body, snapshot(b"state"));
}
