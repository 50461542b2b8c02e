//! The last segment cut at every byte, and everything else that a tail may look like.

use super::crash::{config, record};
use super::sim::Sim;
use crate::adopt::{Adoption, adopt_on};
use crate::codec::HEADER_BYTES;
use crate::engine::Engine;
use crate::error::OpenError;
use crate::fault::FaultKind;
use crate::fs::FileSystem as _;
use crate::id::{Head, JournalId};
use crate::layout;
use crate::verify::{Tail, Verification, verify_on};

const ID: JournalId = JournalId([9; 16]);

struct Bed {
    sim: Sim,
    /// The last segment's first record and its path.
    first: u64,
    path: std::path::PathBuf,
    /// Heads after each of the last segment's records, with the byte behind it.
    ends: Vec<(usize, Head)>,
}

/// A journal with some segments, the last of which is open and on disk.
fn bed() -> Bed {
    let sim = Sim::default();
    let config = config();
    let folder = layout::journal(&config.root, ID);
    sim.create_folder(&config.root).unwrap();
    sim.create_folder(&folder).unwrap();
    let lock = crate::adopt::lock_journal(&sim, &config.root, ID).unwrap();
    let mut engine = Engine::new(sim.arc(), config.engine(), crate::chain::Chain::new(ID), None, lock);
    engine.start("test").unwrap();
    let mut ends = Vec::new();
    let mut first = 1;
    let mut number = 0;
    while first == 1 || ends.len() < 6 {
        let head = engine.write(std::iter::once(&record(number))).unwrap()[0];
        engine.commit().unwrap();
        let open = engine.open.as_ref().unwrap();
        if open.first != first {
            first = open.first;
            ends.clear();
        }
        ends.push((usize::try_from(open.committed).unwrap(), head));
        number += 1;
    }
    let path = folder.join(layout::segment_name(first));
    Bed { sim, first, path, ends }
}

#[test]
fn a_cut_at_every_byte_of_the_last_segment_keeps_every_whole_record() {
    let bed = bed();
    let whole = bed.sim.bytes(&bed.path).len();
    let registered = bed.ends.last().unwrap().1;
    assert_eq!(bed.ends.last().unwrap().0, whole);
    for length in 0..=whole {
        let sim = bed.sim.after(super::sim::Ending::Killed);
        sim.edit(&bed.path, |bytes| bytes.truncate(length));
        let kept = bed.ends.iter().rev().find(|(end, _)| *end <= length);
        let (end, sequence) = kept.map_or((HEADER_BYTES, bed.first - 1), |(end, head)| (*end, head.sequence));

        // The check, before anything is changed.
        let folder = layout::journal(&config().root, ID);
        let known = Verification { journal: None, heads: vec![registered] };
        let report = verify_on(&sim, &folder, &known, &mut |_| ()).unwrap();
        if length < whole {
            let fault = report.fault.clone().unwrap();
            assert_eq!(fault.sequence, sequence + 1, "cut at {length}: {report}");
            assert_eq!(fault.segment, layout::segment_name(bed.first), "cut at {length}: {report}");
        } else {
            assert!(report.is_sound(), "{report}");
        }

        let adopted = adopt_on(&sim.arc(), &config(), ID);
        if length < HEADER_BYTES {
            // No crash does this: a segment has its name only when its header is on disk.
            assert!(matches!(adopted, Err(OpenError::Damaged { .. })), "cut at {length}: {adopted:?}");
            continue;
        }
        let Ok(Adoption::Ended { head, cut_bytes }) = adopted else { panic!("cut at {length}: {adopted:?}") };
        assert_eq!(cut_bytes, (length - end) as u64, "cut at {length}");
        // The end and the seal are behind the records that were kept; both may have come into a new segment, behind another seal.
        let added = head.sequence - sequence;
        assert!(added == 2 || added == 3, "cut at {length}: {added} records were added");
        let known = Verification { journal: None, heads: vec![head] };
        let report = verify_on(&sim, &folder, &known, &mut |_| ()).unwrap();
        assert!(report.is_sound() && report.ended && report.unverified == 0, "cut at {length}: {report}");
    }
}

#[test]
fn a_torn_tail_is_told_and_is_no_fault_without_a_registered_head() {
    let bed = bed();
    let (end, head) = bed.ends[3];
    bed.sim.edit(&bed.path, |bytes| bytes.truncate(end + 30));
    let folder = layout::journal(&config().root, ID);
    let known = Verification { journal: None, heads: vec![bed.ends[1].1] };
    let report = verify_on(&bed.sim, &folder, &known, &mut |_| ()).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.tail, Tail::Torn { bytes: 30, offset: end as u64 });
    assert_eq!((report.head, report.unverified), (Some(head), 2));
}

#[test]
fn a_changed_byte_in_the_open_segment_is_never_cut_off_as_if_it_were_torn() {
    let bed = bed();
    let whole = bed.sim.bytes(&bed.path);
    let cut = bed.sim.after(super::sim::Ending::Killed);
    for place in 0..whole.len() {
        let sim = cut.after(super::sim::Ending::Killed);
        sim.edit(&bed.path, |bytes| bytes[place] ^= 0x15);
        let adopted = adopt_on(&sim.arc(), &config(), ID);
        let is_last_length = place >= bed.ends[4].0 && place < bed.ends[4].0 + 4;
        match adopted {
            Err(OpenError::Damaged { .. }) => {}
            // The length of the last record of all, made longer than the file: no trace tells it from a write that broke off.
            Ok(Adoption::Ended { cut_bytes, .. }) if is_last_length => assert!(cut_bytes > 0),
            other => panic!("byte {place}: {other:?}"),
        }
        if !is_last_length {
            assert_eq!(
                sim.bytes(&bed.path).len(),
                whole.len(),
                "byte {place}: what was damaged is left as it is"
            );
        }
    }
}

#[test]
fn a_segment_in_a_later_format_is_left_alone() {
    let bed = bed();
    bed.sim.edit(&bed.path, |bytes| bytes[8] = 2);
    let Err(OpenError::Damaged { fault, .. }) = adopt_on(&bed.sim.arc(), &config(), ID) else { panic!() };
    assert_eq!(fault.kind, FaultKind::Format { found: 2 });
}
