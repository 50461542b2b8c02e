//! One writer at a time, files for nobody else, and the ways in which a journal ends.

use std::os::unix::fs::PermissionsExt as _;

use nova_journal::body::{Ended, Reopened, Started};
use nova_journal::{
    Adoption, Durability, Head, Journal, OpenError, Reader, Verification, adopt, discard, journals, verify,
};

use crate::bed::{config, folder, read_all, record};

/// The writer's thread lets go of the lock a moment after its handle is dropped.
async fn reopen(config: &nova_journal::JournalConfig, id: nova_journal::JournalId) -> Journal {
    loop {
        match Journal::open(config.clone(), id) {
            Ok((journal, recovery)) => {
                assert_eq!(recovery.cut_bytes, 0);
                return journal;
            }
            Err(OpenError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_second_writer_is_refused_and_an_ended_journal_too() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path(), 4096);
    let journal = Journal::create(config.clone()).unwrap();
    let id = journal.id();
    assert!(matches!(Journal::open(config.clone(), id), Err(OpenError::InUse(found)) if found == id));
    assert!(matches!(adopt(&config, id), Err(OpenError::InUse(_))));
    assert!(matches!(discard(&config, &journal.head()), Err(OpenError::InUse(_))));
    let head = journal.close("closed").await.unwrap();
    assert!(matches!(Journal::open(config.clone(), id), Err(OpenError::Ended(_))));
    assert_eq!(adopt(&config, id).unwrap(), Adoption::Ended { head, cut_bytes: 0 });
}

#[tokio::test]
async fn nobody_else_may_read_or_enter() {
    let root = tempfile::tempdir().unwrap();
    let config = config(&root.path().join("journal"), 4096);
    let journal = Journal::create(config.clone()).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&config.root), 0o700);
    let folder = folder(&config.root, journal.id());
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[tokio::test]
async fn a_journal_that_is_left_is_gone_on_with_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path(), 4096);
    let journal = Journal::create(config.clone()).unwrap();
    let id = journal.id();
    journal.append(record(1), Durability::Committed).await.unwrap();
    drop(journal);
    let journal = reopen(&config, id).await;
    journal.append(record(2), Durability::Committed).await.unwrap();
    let end = journal.close("drained").await.unwrap();
    let records = read_all(Reader::of(root.path(), id, 1));
    let kinds: Vec<String> = records.iter().map(|record| record.kind().to_string()).collect();
    assert_eq!(kinds, ["started", "kind_300", "reopened", "kind_300", "ended", "sealed"]);
    assert_eq!(records[0].read::<Started>().unwrap().by, "test");
    assert_eq!(records[2].read::<Reopened>().unwrap().cut_bytes, 0);
    assert_eq!(records[4].read::<Ended>().unwrap().reason, "drained");
    let known = Verification { journal: None, heads: vec![end] };
    assert!(verify(&folder(root.path(), id), &known, &mut |_| ()).unwrap().ended);
}

#[tokio::test]
async fn a_journal_is_removed_only_at_the_head_at_which_it_ended() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path(), 4096);
    let journal = Journal::create(config.clone()).unwrap();
    let first = journal.head();
    for number in 0..50 {
        journal.enqueue(record(number)).unwrap();
    }
    let end = journal.close("closed").await.unwrap();
    assert!(matches!(discard(&config, &first), Err(OpenError::NotAtHead(_))));
    assert!(matches!(discard(&config, &Head { hash: first.hash, ..end }), Err(OpenError::NotAtHead(_))));
    discard(&config, &end).unwrap();
    assert_eq!(journals(root.path()).unwrap(), []);
}

#[test]
fn a_journal_that_never_began_is_cleared_away() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path(), 4096);
    let id = "00112233445566778899aabbccddeeff".parse().unwrap();
    std::fs::create_dir(folder(root.path(), id)).unwrap();
    std::fs::write(folder(root.path(), id).join("00000000000000000001.new"), b"half a head").unwrap();
    assert!(matches!(Journal::open(config.clone(), id), Err(OpenError::Empty(_))));
    assert_eq!(adopt(&config, id).unwrap(), Adoption::Empty);
    assert_eq!(journals(root.path()).unwrap(), []);
}
