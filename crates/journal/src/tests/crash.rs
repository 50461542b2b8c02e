//! Stopped at each call that changes something, with nothing, half or all of it done; then the program is gone, or the power.

use std::path::PathBuf;

use super::sim::{Ending, PARTS, Sim};
use crate::adopt::{Adoption, adopt_on, lock_journal};
use crate::body::{Ended, Lost, Rest, Started};
use crate::chain::Chain;
use crate::config::JournalConfig;
use crate::engine::Engine;
use crate::error::{Cause, FileError, OpenError};
use crate::fs::FileSystem as _;
use crate::id::{Head, JournalId};
use crate::layout;
use crate::reader::Reader;
use crate::record::{Kind, NewRecord, Record};
use crate::recovery::recover;
use crate::verify::{Verification, verify_on};

const ID: JournalId = JournalId([7; 16]);

pub(super) fn config() -> JournalConfig {
    JournalConfig {
        // Some segments within a few dozens of records.
        segment_bytes: 1500,
        ..JournalConfig::new(PathBuf::from("/journal"), "test".to_owned())
    }
}

pub(super) fn record(number: u64) -> NewRecord {
    let body = format!("record {number} {}", "x".repeat(usize::try_from(number % 5).unwrap() * 60));
    NewRecord { kind: Kind(300), version: 1, time_us: number, body: body.into_bytes() }
}

/// What the workload was told before it was stopped.
#[derive(Debug, Default, Clone)]
struct Told {
    /// Bodies and heads of the records that were written, in order.
    written: Vec<(Vec<u8>, Head)>,
    /// The last head that was told to be on disk.
    committed: Option<Head>,
    /// The last head at all, of the journal's own records too.
    last: Option<Head>,
    ended: bool,
}

fn begin(sim: &Sim) -> Result<Engine, OpenError> {
    let config = config();
    let folder = layout::journal(&config.root, ID);
    sim.create_folder(&config.root).map_err(FileError::on("creating", &config.root))?;
    sim.create_folder(&folder).map_err(FileError::on("creating", &folder))?;
    let lock = lock_journal(sim, &config.root, ID)?;
    Ok(Engine::new(sim.arc(), config.engine(), Chain::new(ID), None, lock))
}

/// A journal from its beginning to its end, with everything that an engine does.
fn workload(sim: &Sim, told: &mut Told) -> Result<(), OpenError> {
    let mut engine = begin(sim)?;
    let started = engine.start("test")?;
    (told.committed, told.last) = (Some(started), Some(started));
    run(&mut engine, told)?;
    told.ended = true;
    Ok(())
}

fn run(engine: &mut Engine, told: &mut Told) -> Result<(), Cause> {
    for batch in 0..16_u64 {
        let records: Vec<_> = (0..=batch % 4).map(|number| record(batch * 10 + number)).collect();
        let heads = engine.write(records.iter())?;
        told.last = heads.last().copied();
        told.written.extend(records.into_iter().map(|record| record.body).zip(heads));
        if batch % 3 == 1 {
            told.committed = Some(engine.commit()?);
        }
        if batch == 4 {
            told.last = Some(engine.write_own(&Lost { records: 3, ..Lost::default() })?);
        }
        if batch == 6 || batch == 12 {
            let acknowledged = told.committed.map_or(0, |head| head.sequence);
            assert!(engine.remove_through(acknowledged)? > 0);
            told.committed = Some(engine.durable);
        }
    }
    let ended = Ended { by: "test".to_owned(), reason: "closed".to_owned(), cut_bytes: 0, rest: Rest::new() };
    told.committed = Some(engine.end(&ended)?);
    Ok(())
}

fn read_all(sim: &Sim) -> Vec<Record> {
    let root = config().root;
    let names = sim.names(&layout::journal(&root, ID)).unwrap();
    let first = layout::segments(&names)[0];
    let mut reader = Reader::on(sim.arc(), &root, ID, first);
    let mut all = Vec::new();
    loop {
        let records = reader.read(700).unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

/// The journal is whole, has what was told to be there, and nothing that was never written.
fn check(sim: &Sim, told: &Told, survives: Option<Head>, at: &str) {
    let folder = layout::journal(&config().root, ID);
    let known = Verification { journal: Some(ID), heads: survives.into_iter().collect() };
    let report = verify_on(sim, &folder, &known, &mut |_| ()).unwrap();
    assert!(report.is_sound() && report.ended, "{at}: {report}");
    let records = read_all(sim);
    for record in records.iter().filter(|record| !record.kind().is_own()) {
        // A batch that was being written may be there in part; what was told is there as it was told.
        let expected = told.written.iter().find(|(_, head)| head.sequence == record.sequence());
        if let Some((body, head)) = expected {
            assert_eq!((record.body(), record.hash()), (&body[..], head.hash), "{at}");
        }
    }
    let there = |head: &Head| records.iter().any(|record| record.sequence() == head.sequence);
    let first = records[0].sequence();
    let survives = survives.map_or(0, |head| head.sequence);
    for (_, head) in told.written.iter().filter(|(_, head)| (first..=survives).contains(&head.sequence)) {
        assert!(there(head), "{at}: {head:?} is gone");
    }
}

fn adopt_and_check(sim: &Sim, told: &Told, survives: Option<Head>, at: &str) {
    match adopt_on(&sim.arc(), &config(), ID) {
        Ok(Adoption::Ended { .. }) => check(sim, told, survives, at),
        Ok(Adoption::Empty) => assert_eq!(survives, None, "{at}: empty"),
        // The folder itself was never made.
        Err(OpenError::File(error)) => {
            assert_eq!(error.source.kind(), std::io::ErrorKind::NotFound, "{at}: {error:?}");
            assert_eq!(survives, None, "{at}");
        }
        Err(error) => panic!("{at}: {error:?}"),
    }
}

fn calls_of_workload() -> u64 {
    let sim = Sim::default();
    let mut told = Told::default();
    workload(&sim, &mut told).unwrap();
    assert!(told.ended);
    check(&sim, &told, told.committed, "whole");
    sim.calls()
}

/// Every place at which the workload can be stopped, with what it was told there.
fn stops() -> impl Iterator<Item = (Sim, Told, String)> {
    (0..calls_of_workload()).flat_map(|call| {
        (0..PARTS).map(move |part| {
            let sim = Sim::default();
            sim.stop_at(call, part);
            let mut told = Told::default();
            workload(&sim, &mut told).unwrap_err();
            (sim, told, format!("stopped at call {call} with part {part}"))
        })
    })
}

#[test]
fn a_kill_at_every_call_loses_nothing_that_was_written() {
    let mut count = 0;
    for (sim, told, at) in stops() {
        adopt_and_check(&sim.after(Ending::Killed), &told, told.last, &at);
        count += 1;
    }
    assert!(count > 200, "only {count} places");
}

#[test]
fn a_power_failure_at_every_call_loses_nothing_that_was_on_disk() {
    for (sim, told, at) in stops() {
        adopt_and_check(&sim.after(Ending::PowerLost), &told, told.committed, &at);
        for seed in 0..12 {
            let at = format!("{at}, seed {seed}");
            adopt_and_check(&sim.after(Ending::Torn(seed)), &told, told.committed, &at);
        }
    }
}

#[test]
fn an_adoption_that_is_stopped_at_every_call_is_done_by_the_next() {
    for (sim, told, at) in stops() {
        for call in 0.. {
            let sim = sim.after(Ending::Torn(call));
            sim.stop_at(call, u8::try_from(call % u64::from(PARTS)).unwrap());
            if adopt_on(&sim.arc(), &config(), ID).is_ok() {
                break;
            }
            if sim.calls() <= call {
                // It failed for want of a folder, before the stop.
                break;
            }
            let at = format!("{at}, adoption stopped at call {call}");
            adopt_and_check(&sim.after(Ending::Torn(call + 100)), &told, told.committed, &at);
            adopt_and_check(&sim.after(Ending::PowerLost), &told, told.committed, &at);
        }
    }
}

#[test]
fn a_journal_that_was_stopped_anywhere_can_be_written_on() {
    for (sim, mut told, at) in stops() {
        let sim = sim.after(Ending::Torn(3));
        let config = config();
        let Ok(lock) = lock_journal(&sim, &config.root, ID) else { continue };
        let recovered = match recover(&sim.arc(), config.engine(), ID, lock) {
            Ok(recovered) => recovered,
            Err(OpenError::Empty(_)) => continue,
            Err(error) => panic!("{at}: {error:?}"),
        };
        let mut engine = recovered.engine;
        if recovered.ended {
            continue;
        }
        told.written.retain(|(_, head)| head.sequence <= engine.chain.head().sequence);
        let head = engine.write(std::iter::once(&record(77))).unwrap()[0];
        told.written.push((record(77).body, head));
        let end = engine.end(&Ended::default()).unwrap();
        drop(engine);
        check(&sim, &told, Some(end), &at);
    }
}

#[test]
fn a_failed_sync_is_made_good_by_writing_anew() {
    // Between any two syncs one fails, and the kernel forgets what it could not write.
    for failing in 0..12_u64 {
        let sim = Sim::default();
        let mut engine = begin(&sim).unwrap();
        engine.start("test").unwrap();
        let mut count = 0;
        sim.refuse(move |call| {
            count += u64::from(call == super::sim::Call::Sync);
            (call == super::sim::Call::Sync && count == failing + 1).then(|| std::io::Error::other("EIO"))
        });
        let mut told = Told::default();
        let mut failures = 0;
        for number in 0..20 {
            let head = loop {
                match engine.write(std::iter::once(&record(number))) {
                    Ok(heads) => break heads[0],
                    Err(_) => failures += 1,
                }
            };
            told.written.push((record(number).body, head));
            if number % 3 == 0 {
                while engine.commit().is_err() {
                    failures += 1;
                }
                told.committed = Some(engine.durable);
            }
        }
        assert_eq!(failures, 1, "sync {failing}");
        let at = format!("sync {failing} failed");
        drop(engine);
        adopt_and_check(&sim.after(Ending::PowerLost), &told, told.committed, &at);
    }
}

#[test]
fn the_first_record_says_who_began() {
    let sim = Sim::default();
    workload(&sim, &mut Told::default()).unwrap();
    let mut engine = begin(&Sim::default()).unwrap();
    assert_eq!(engine.start("somebody").unwrap().sequence, 1);
    let sim = Sim::default();
    let mut engine = begin(&sim).unwrap();
    engine.start("somebody").unwrap();
    assert_eq!(read_all(&sim)[0].read::<Started>().unwrap().by, "somebody");
}
