//! A disk that is full, read-only or failing, and comes back.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use super::sim::{Call, Ending, Sim};
use crate::adopt::{Adoption, adopt_on};
use crate::body::Lost;
use crate::config::{JournalConfig, WhenFull};
use crate::error::{AppendError, Cause};
use crate::id::JournalId;
use crate::journal::{Durability, Journal, Receipt};
use crate::layout;
use crate::reader::Reader;
use crate::record::{Kind, NewRecord, Record};
use crate::verify::{Verification, verify_on};

fn config(when_full: WhenFull) -> JournalConfig {
    JournalConfig {
        when_full,
        segment_bytes: 64 * 1024,
        ..JournalConfig::new("/journal".into(), "test".to_owned())
    }
}

fn journal(sim: &Sim, when_full: WhenFull) -> Journal {
    Journal::create_on(sim.arc(), config(when_full)).unwrap()
}

fn record(number: u64) -> NewRecord {
    NewRecord::now(Kind(300), 1, number.to_string().into_bytes())
}

/// A record of a hundred kilobytes, so that some fill the memory.
fn large(number: u64) -> NewRecord {
    let mut body = number.to_string().into_bytes();
    body.resize(100 * 1024, b' ');
    NewRecord::now(Kind(301), 1, body)
}

async fn is_down(journal: &Journal, wanted: bool) {
    journal.standing().wait_for(|standing| standing.down.is_some() == wanted).await.unwrap();
}

/// Every record of a journal that is sound.
fn records(sim: &Sim, id: JournalId) -> Vec<Record> {
    let root = config(WhenFull::Refuse).root;
    let report = verify_on(sim, &layout::journal(&root, id), &Verification::default(), &mut |_| ()).unwrap();
    assert!(report.is_sound(), "{report}");
    let mut reader = Reader::on(sim.arc(), &root, id, 1);
    let mut all = Vec::new();
    loop {
        let more = reader.read(1 << 20).unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

fn numbers(records: &[Record], kind: Kind) -> Vec<u64> {
    let of_kind = records.iter().filter(|record| record.kind() == kind);
    of_kind.map(|record| String::from_utf8_lossy(record.body()).trim().parse().unwrap()).collect()
}

async fn full_refuses(error: ErrorKind, also_cutting: bool, name: &str) {
    let sim = Sim::default();
    let journal = journal(&sim, WhenFull::Refuse);
    journal.append(record(1), Durability::Written).await.unwrap();
    sim.refuse(move |call| {
        let fails = call == Call::Write || (also_cutting && call == Call::SetLength);
        fails.then(|| Error::from(error))
    });
    let refused = journal.append(record(2), Durability::Written).await.unwrap_err();
    let AppendError::NotWritten(cause) = refused else { panic!("{refused:?}") };
    assert_eq!(cause.name(), name);
    // What happened already is kept; what is about to happen is refused at once.
    journal.enqueue(record(3)).unwrap();
    assert!(matches!(journal.append(record(4), Durability::Queued).await, Ok(Receipt::Queued)));
    let refused = journal.append(record(5), Durability::Committed).await;
    assert!(matches!(refused, Err(AppendError::NotWritten(_))), "{refused:?}");
    is_down(&journal, true).await;
    sim.refuse_nothing();
    is_down(&journal, false).await;
    let committed = journal.append(record(6), Durability::Committed).await.unwrap();
    assert!(matches!(committed, Receipt::Committed(_)));
    let id = journal.id();
    journal.close("closed").await.unwrap();
    assert_eq!(numbers(&records(&sim, id), Kind(300)), [1, 3, 4, 6]);
}

#[tokio::test]
async fn a_full_disk_refuses_what_must_be_on_record_and_keeps_what_has_happened() {
    full_refuses(ErrorKind::StorageFull, false, "no_space").await;
}

#[tokio::test]
async fn a_read_only_disk_does_the_same() {
    full_refuses(ErrorKind::ReadOnlyFilesystem, true, "read_only").await;
}

#[tokio::test]
async fn a_failing_disk_does_the_same() {
    full_refuses(ErrorKind::Other, true, "disk").await;
}

#[tokio::test]
async fn with_serve_requests_go_on_and_a_record_counts_what_was_lost() {
    const COUNT: u64 = 200;
    let sim = Sim::default();
    let journal = journal(&sim, WhenFull::Serve);
    sim.refuse(|call| (call == Call::Write).then(|| ErrorKind::StorageFull.into()));
    let mut lost = 0;
    for number in 0..COUNT {
        match journal.append(large(number), Durability::Written).await.unwrap() {
            Receipt::Unwritten => {}
            Receipt::Lost => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(lost > 0 && lost < COUNT, "{lost} of {COUNT} found no room");
    sim.refuse_nothing();
    is_down(&journal, false).await;
    journal.append(record(1), Durability::Committed).await.unwrap();
    let id = journal.id();
    journal.close("closed").await.unwrap();
    let records = records(&sim, id);
    let counted: Vec<Lost> = records.iter().filter_map(|record| record.read().ok()).collect();
    assert_eq!(counted.iter().map(|counted| counted.records).sum::<u64>(), lost);
    assert_eq!(counted[0].kinds.get(&301), Some(&counted[0].records));
    assert_eq!(counted[0].cause, "no_space");
    // Those that found room are there in their order, and none twice.
    let there = numbers(&records, Kind(301));
    assert_eq!(there.len() as u64 + lost, COUNT);
    assert!(there.is_sorted());
}

#[tokio::test]
async fn a_failed_sync_is_told_and_what_was_written_survives_it() {
    let sim = Sim::default();
    let journal = journal(&sim, WhenFull::Refuse);
    let mut failures = 0;
    sim.refuse(move |call| {
        failures += u64::from(call == Call::Sync);
        (call == Call::Sync && failures <= 1).then(|| Error::other("EIO"))
    });
    let written = journal.append(record(1), Durability::Written).await.unwrap();
    let failed = journal.append(record(2), Durability::Committed).await;
    assert!(matches!(failed, Err(AppendError::NotCommitted(Cause::Disk(_)))), "{failed:?}");
    is_down(&journal, false).await;
    let head = journal.commit().await.unwrap();
    let id = journal.id();
    let after = sim.after(Ending::PowerLost);
    drop(journal);
    let adopted = adopt_on(&after.arc(), &config(WhenFull::Refuse), id).unwrap();
    assert!(matches!(adopted, Adoption::Ended { head: end, .. } if end.sequence == head.sequence + 2));
    let records = records(&after, id);
    assert_eq!(numbers(&records, Kind(300)), [1, 2]);
    let Receipt::Written(written) = written else { panic!("{written:?}") };
    assert_eq!(records[usize::try_from(written.sequence - 1).unwrap()].hash(), written.hash);
}

#[tokio::test]
async fn the_limit_of_the_journals_holds_and_what_is_acknowledged_makes_room() {
    let sim = Sim::default();
    let config = JournalConfig { disk_bytes_max: 600 * 1024, ..config(WhenFull::Refuse) };
    let journal = Journal::create_on(sim.arc(), config).unwrap();
    let mut last = journal.head();
    let cause = loop {
        match journal.append(large(1), Durability::Written).await {
            Ok(Receipt::Written(head)) => last = head,
            Err(AppendError::NotWritten(cause)) => break cause,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(cause.name(), "limit");
    assert!(last.sequence > 5, "{last:?}");
    assert!(journal.remove_through(last.sequence).await.unwrap() >= 4);
    is_down(&journal, false).await;
    journal.append(large(2), Durability::Committed).await.unwrap();
    let id = journal.id();
    let end = journal.close("closed").await.unwrap();
    let folder = layout::journal(std::path::Path::new("/journal"), id);
    let known = Verification { journal: None, heads: vec![end] };
    let report = verify_on(&sim, &folder, &known, &mut |_| ()).unwrap();
    assert!(
        report.is_sound() && report.first > 1 && report.removed_through + 1 == report.first,
        "{report:?}"
    );
}

#[tokio::test]
async fn a_disk_that_is_full_to_the_last_byte_gets_room_by_removing_what_is_acknowledged() {
    let sim = Sim::default();
    let journal = journal(&sim, WhenFull::Refuse);
    for number in 0..5 {
        journal.append(large(number), Durability::Committed).await.unwrap();
    }
    let acknowledged = journal.head().sequence;
    // Nothing can be written, not even that something is removed, until something is.
    let mut has_room = false;
    sim.refuse(move |call| {
        has_room |= call == Call::Remove;
        (call == Call::Write && !has_room).then(|| ErrorKind::StorageFull.into())
    });
    let refused = journal.append(record(1), Durability::Written).await;
    assert!(matches!(refused, Err(AppendError::NotWritten(Cause::NoSpace(_)))), "{refused:?}");
    assert!(journal.remove_through(acknowledged).await.unwrap() > 2);
    is_down(&journal, false).await;
    journal.append(record(2), Durability::Committed).await.unwrap();
    let (id, folder) = (journal.id(), layout::journal(&config(WhenFull::Refuse).root, journal.id()));
    let end = journal.close("closed").await.unwrap();
    let known = Verification { journal: Some(id), heads: vec![end] };
    let report = verify_on(&sim, &folder, &known, &mut |_| ()).unwrap();
    assert!(report.is_sound() && report.first > 1, "{report}");
}

#[tokio::test]
async fn callers_wait_for_room_and_are_told_when_the_disk_goes() {
    let sim = Sim::default();
    let config = JournalConfig { segment_bytes: 1 << 30, ..config(WhenFull::Refuse) };
    let journal = Arc::new(Journal::create_on(sim.arc(), config).unwrap());
    // The disk hangs: what is written cannot be brought to disk, and soon nothing more is taken.
    sim.gate(true);
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..300 {
        let journal = Arc::clone(&journal);
        callers.spawn(async move { journal.append(large(number), Durability::Committed).await });
    }
    let held = sim.clone();
    tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await.unwrap();
    while journal.queued_bytes() < 7 * 1024 * 1024 {
        tokio::task::yield_now().await;
    }
    let refused = loop {
        if let Err(error) = journal.enqueue(large(0)) {
            break error;
        }
    };
    assert!(matches!(refused, AppendError::Busy), "{refused:?}");
    sim.refuse(|call| (call == Call::Sync || call == Call::Write).then(|| Error::other("EIO")));
    sim.gate(false);
    let (mut not_committed, mut not_written) = (0, 0);
    while let Some(result) = callers.join_next().await {
        match result.unwrap() {
            Err(AppendError::NotCommitted(_)) => not_committed += 1,
            Err(AppendError::NotWritten(_)) => not_written += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(not_committed + not_written, 300);
    assert!(not_committed > 0 && not_written > 0, "{not_committed}, {not_written}");
}

#[tokio::test]
async fn what_cannot_be_a_record_is_refused() {
    let journal = journal(&Sim::default(), WhenFull::Refuse);
    let own = NewRecord::now(Kind::SEALED, 1, Vec::new());
    assert!(matches!(journal.enqueue(own), Err(AppendError::OwnKind(Kind::SEALED))));
    let long = NewRecord::now(Kind(300), 1, vec![0; crate::BODY_BYTES_MAX + 1]);
    assert!(matches!(journal.append(long, Durability::Queued).await, Err(AppendError::TooLong(_))));
}
