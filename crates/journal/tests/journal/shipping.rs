//! Records on their way to somebody else, while more are written and old segments are removed.

use nova_journal::{Chain, Durability, Journal, ReadError, Verification, verify};

use crate::bed::{config, folder, record};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_follows_a_writer_over_segments_and_gives_each_record_once() {
    const COUNT: u64 = 2000;
    let root = tempfile::tempdir().unwrap();
    let journal = std::sync::Arc::new(Journal::create(config(root.path(), 16 * 1024)).unwrap());
    let id = journal.id();
    let writing = std::sync::Arc::clone(&journal);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        for number in 0..COUNT {
            let durability = if number % 100 == 0 { Durability::Committed } else { Durability::Written };
            writing.append(record(number), durability).await.unwrap();
        }
        writing.commit().await.unwrap();
    });

    // The other side: it has the frames, the chain, and what it acknowledged.
    let mut chain = Chain::new(id);
    let mut ours = 0;
    let mut removed = 0;
    let mut standing = journal.standing();
    let mut reader = journal.reader(1);
    while ours < COUNT {
        let (given, records) = tokio::task::spawn_blocking(move || {
            let records = reader.read(20_000).unwrap();
            (reader, records)
        })
        .await
        .unwrap();
        reader = given;
        for read in &records {
            let shipped = chain.accept(read.frame()).unwrap();
            assert_eq!(&shipped, read);
            assert!(shipped.sequence() <= journal.head().sequence, "not yet on disk: {shipped:?}");
            if !shipped.kind().is_own() {
                assert_eq!(shipped.body(), record(ours).body);
                ours += 1;
            }
        }
        if records.is_empty() {
            standing.changed().await.unwrap();
        } else {
            removed += journal.remove_through(chain.head().sequence).await.unwrap();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert!(removed > 5, "{removed} segments removed");
    let gone = journal.reader(1).read(1000).unwrap_err();
    assert!(matches!(gone, ReadError::Removed { wanted: 1, first } if first > 1), "{gone:?}");
    let end = std::sync::Arc::into_inner(journal).unwrap().close("closed").await.unwrap();
    let known = Verification { journal: None, heads: vec![chain.head(), end] };
    let report = verify(&folder(root.path(), id), &known, &mut |_| ()).unwrap();
    assert!(report.is_sound() && report.first > 1, "{report}");
}

#[tokio::test]
async fn a_reader_begins_at_any_record() {
    let bed = crate::bed::Bed::new(100).await;
    for from in 1..=bed.last() + 2 {
        let mut reader = nova_journal::Reader::of(bed.root.path(), bed.id, from);
        let first = reader.read(1).unwrap();
        match first.first() {
            Some(first) => assert_eq!(first.sequence(), from),
            None => assert!(from > bed.last()),
        }
    }
}

#[tokio::test]
async fn what_was_changed_is_never_shipped() {
    let bed = crate::bed::Bed::new(100).await;
    let segment = &bed.segments[1];
    let mut bytes = segment.bytes.clone();
    let place = segment.records[3].start + 40;
    bytes[place] ^= 1;
    std::fs::write(&segment.path, bytes).unwrap();
    let mut reader = nova_journal::Reader::of(bed.root.path(), bed.id, 1);
    let mut last = 0;
    let fault = loop {
        match reader.read(700) {
            Ok(records) => last = records.last().expect("a fault before the end").sequence(),
            Err(ReadError::Damaged(fault)) => break fault,
            Err(error) => panic!("{error:?}"),
        }
    };
    assert_eq!((last, fault.sequence), (segment.first + 2, segment.first + 3));
}
