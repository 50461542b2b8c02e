//! One `sync` for many.

use std::sync::Arc;

use super::sim::Sim;
use crate::config::JournalConfig;
use crate::journal::{Durability, Journal, Receipt};
use crate::record::{Kind, NewRecord};

fn journal(sim: &Sim) -> Arc<Journal> {
    let config = JournalConfig::new("/journal".into(), "test".to_owned());
    Arc::new(Journal::create_on(sim.arc(), config).unwrap())
}

fn record(number: u64) -> NewRecord {
    NewRecord::now(Kind(300), 1, number.to_string().into_bytes())
}

#[tokio::test]
async fn many_who_wait_for_the_disk_share_a_sync() {
    const CALLERS: u64 = 200;
    let sim = Sim::default();
    let journal = journal(&sim);
    let before = sim.syncs();
    sim.gate(true);
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..CALLERS {
        let journal = Arc::clone(&journal);
        callers.spawn(async move { journal.append(record(number), Durability::Committed).await });
    }
    // They are in the queue before the first sync may end.
    let held = sim.clone();
    tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await.unwrap();
    let written = journal.append(record(CALLERS), Durability::Written).await.unwrap();
    assert!(matches!(written, Receipt::Written(head) if head.sequence == CALLERS + 2), "{written:?}");
    sim.gate(false);
    while let Some(receipt) = callers.join_next().await {
        let Receipt::Committed(head) = receipt.unwrap().unwrap() else { panic!("not committed") };
        assert!(head.sequence <= journal.head().sequence);
    }
    let syncs = sim.syncs() - before;
    assert!(syncs <= 2, "{syncs} syncs for {CALLERS} callers");
    Arc::into_inner(journal).unwrap().close("closed").await.unwrap();
}

#[tokio::test]
async fn a_record_is_written_while_an_earlier_one_is_brought_to_disk() {
    let sim = Sim::default();
    let journal = journal(&sim);
    sim.gate(true);
    let mut slow = tokio::task::JoinSet::new();
    let first = Arc::clone(&journal);
    slow.spawn(async move { first.append(record(1), Durability::Committed).await });
    let held = sim.clone();
    tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await.unwrap();
    // The disk does not answer, and this does.
    let written = journal.append(record(2), Durability::Written).await.unwrap();
    assert!(matches!(written, Receipt::Written(_)), "{written:?}");
    assert_eq!(journal.head().sequence, 1, "nothing new is on disk");
    sim.gate(false);
    assert!(matches!(slow.join_next().await, Some(Ok(Ok(Receipt::Committed(_))))));
}

#[tokio::test]
async fn what_nobody_waits_for_is_on_disk_before_long() {
    let sim = Sim::default();
    let journal = journal(&sim);
    for number in 0..100 {
        journal.enqueue(record(number)).unwrap();
    }
    let mut standing = journal.standing();
    standing.wait_for(|standing| standing.head.sequence == 101).await.unwrap();
    assert!(sim.syncs() < 30, "{} syncs", sim.syncs());
}

#[tokio::test]
async fn a_commit_is_about_everything_before_it() {
    let sim = Sim::default();
    let journal = journal(&sim);
    for number in 0..10 {
        journal.append(record(number), Durability::Queued).await.unwrap();
    }
    assert_eq!(journal.commit().await.unwrap().sequence, 11);
    assert_eq!(journal.queued_bytes(), 0);
}
