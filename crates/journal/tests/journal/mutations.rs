//! A thousand things done to a copy, each found, and found where it was done.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use nova_journal::{FaultKind, Head, Verification, verify};

use crate::bed::{Bed, Segment};

/// Numbers that look random and are the same in every run (SplitMix64, by Sebastiano Vigna).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

/// What is done: the files that are different, where nothing is a file that is gone; and the record at which it has to be found.
struct Mutation {
    what: &'static str,
    files: BTreeMap<PathBuf, Option<Vec<u8>>>,
    at: u64,
    /// A change of a record whose hash was computed anew shows at the next, and of the last one at a registered head alone.
    until: u64,
}

fn one(what: &'static str, segment: &Segment, bytes: Vec<u8>, at: u64) -> Mutation {
    Mutation { what, files: BTreeMap::from([(segment.path.clone(), Some(bytes))]), at, until: at }
}

fn edit(bed: &Bed, draw: &mut Draw) -> Mutation {
    let segment = &bed.segments[draw.below(bed.segments.len())];
    let place = draw.below(segment.bytes.len());
    let mut bytes = segment.bytes.clone();
    bytes[place] ^= u8::try_from(draw.below(255) + 1).unwrap();
    one("a byte changed", segment, bytes, segment.sequence_at(place))
}

/// Somebody who knows the format: the checksum is right again, and perhaps the hash too.
fn forge(bed: &Bed, draw: &mut Draw) -> Mutation {
    let segment = &bed.segments[draw.below(bed.segments.len())];
    let index = draw.below(segment.records.len());
    let place = segment.records[index].clone();
    let sequence = segment.first + index as u64;
    let mut bytes = segment.bytes.clone();
    let frame = &mut bytes[place.clone()];
    let body = 36 + draw.below(frame.len() - 36 - 32);
    frame[body] ^= 0x01;
    let has_hash = draw.below(2) == 0;
    if has_hash {
        let previous = if sequence == 1 { [0; 32] } else { *bed.head(sequence - 1).hash.as_bytes() };
        let content = frame.len() - 32;
        let parts = [&previous[..], bed.id.as_bytes(), &frame[..4], &frame[8..content]].concat();
        frame[content..].copy_from_slice(digest(&SHA256, &parts).as_ref());
    }
    let sum = crc32fast::hash(&[&frame[..4], &frame[8..]].concat());
    frame[4..8].copy_from_slice(&sum.to_le_bytes());
    let shows_at = if has_hash { sequence + 1 } else { sequence };
    // A seal that does not say what its segment has is noticed by itself; the last record is noticed by its registered head.
    let mut mutation = one("a record forged", segment, bytes, sequence.min(shows_at));
    mutation.until = shows_at;
    mutation
}

fn delete(bed: &Bed, draw: &mut Draw) -> Mutation {
    let segment = &bed.segments[draw.below(bed.segments.len())];
    let index = draw.below(segment.records.len());
    let mut bytes = segment.bytes.clone();
    bytes.drain(segment.records[index].clone());
    one("a record deleted", segment, bytes, segment.first + index as u64)
}

fn repeat(bed: &Bed, draw: &mut Draw) -> Mutation {
    let segment = &bed.segments[draw.below(bed.segments.len())];
    let (from, to) = (draw.below(segment.records.len()), draw.below(segment.records.len()));
    let copy = segment.bytes[segment.records[from].clone()].to_vec();
    let place = segment.records[to].start;
    let mut bytes = segment.bytes.clone();
    bytes.splice(place..place, copy);
    // A record before itself is in its place, and the one behind it is one too many.
    let at = if from == to { to + 1 } else { to };
    one("a record repeated", segment, bytes, segment.first + at as u64)
}

fn swap(bed: &Bed, draw: &mut Draw) -> Mutation {
    let segment = &bed.segments[draw.below(bed.segments.len())];
    let count = segment.records.len();
    let (a, b) = (draw.below(count), draw.below(count));
    let (a, b) = if a == b { (0, 1) } else { (a.min(b), a.max(b)) };
    let of = |index: usize| &segment.bytes[segment.records[index].clone()];
    let order = (0..count).map(|index| {
        if index == a {
            b
        } else if index == b {
            a
        } else {
            index
        }
    });
    let bytes = [&segment.bytes[..80]].into_iter().chain(order.map(of)).collect::<Vec<_>>().concat();
    one("records swapped", segment, bytes, segment.first + a as u64)
}

fn truncate(bed: &Bed, draw: &mut Draw) -> Mutation {
    let segment = &bed.segments[draw.below(bed.segments.len())];
    let length = draw.below(segment.bytes.len());
    let bytes = segment.bytes[..length].to_vec();
    one("a segment truncated", segment, bytes, segment.sequence_at(length))
}

fn remove(bed: &Bed, draw: &mut Draw) -> Mutation {
    let count = bed.segments.len();
    let from = draw.below(count);
    let gone = &bed.segments[from..(from + 1 + draw.below(3)).min(count)];
    // The first of the folder's segments is missed from record 1 on.
    let files = gone.iter().map(|segment| (segment.path.clone(), None)).collect();
    Mutation { what: "segments removed", files, at: gone[0].first, until: gone[0].first }
}

fn swap_segments(bed: &Bed, draw: &mut Draw) -> Mutation {
    let count = bed.segments.len();
    let a = draw.below(count - 1);
    let b = a + 1 + draw.below(count - a - 1);
    let (a, b) = (&bed.segments[a], &bed.segments[b]);
    let files = [(a.path.clone(), Some(b.bytes.clone())), (b.path.clone(), Some(a.bytes.clone()))]
        .into_iter()
        .collect();
    Mutation { what: "segments swapped", files, at: a.first, until: a.first }
}

/// A segment of another journal, under the name of one of this.
fn foreign(bed: &Bed, other: &Bed, draw: &mut Draw) -> Mutation {
    let segment = &bed.segments[draw.below(bed.segments.len())];
    let foreign = &other.segments[draw.below(other.segments.len())];
    one("a foreign segment", segment, foreign.bytes.clone(), segment.first)
}

#[tokio::test]
async fn a_thousand_changes_are_found_each_in_its_place() {
    let (bed, other) = (Bed::new(400).await, Bed::new(150).await);
    assert!(bed.segments.len() > 8, "{} segments", bed.segments.len());
    let heads: Vec<Head> =
        (1..=bed.last()).filter(|at| at % 40 == 0).chain([bed.last()]).map(|at| bed.head(at)).collect();
    let known = Verification { journal: Some(bed.id), heads };
    let check = || verify(&bed.folder(), &known, &mut |_| ()).unwrap();
    let report = check();
    assert!(report.is_sound() && report.unverified == 0, "{report}");

    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut draw = Draw(2026);
    for number in 0..1000 {
        let mutation = match number % 9 {
            0 => edit(&bed, &mut draw),
            1 => forge(&bed, &mut draw),
            2 => delete(&bed, &mut draw),
            3 => repeat(&bed, &mut draw),
            4 => swap(&bed, &mut draw),
            5 => truncate(&bed, &mut draw),
            6 => remove(&bed, &mut draw),
            7 => swap_segments(&bed, &mut draw),
            _ => foreign(&bed, &other, &mut draw),
        };
        for (path, bytes) in &mutation.files {
            match bytes {
                Some(bytes) => std::fs::write(path, bytes).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        let Mutation { what, at, until, .. } = mutation;
        let report = check();
        let fault =
            report.fault.clone().unwrap_or_else(|| panic!("{number}: {what} at {at}: not found: {report}"));
        let found = match fault.kind {
            // Between the registered head before and the one at which it shows.
            FaultKind::Rewritten { registered } => fault.sequence <= at && at <= registered,
            _ => (at..=until).contains(&fault.sequence),
        };
        assert!(found, "{number}: {what} at {at} to {until}: {fault:?}");
        *kinds.entry(what).or_default() += 1;
        for segment in bed.segments.iter().filter(|segment| mutation.files.contains_key(&segment.path)) {
            std::fs::write(&segment.path, &segment.bytes).unwrap();
        }
    }
    assert!(kinds.len() == 9 && kinds.values().all(|count| *count > 100), "{kinds:?}");
    assert!(check().is_sound());
}

#[tokio::test]
async fn what_lies_behind_the_last_registered_head_is_counted() {
    let bed = Bed::new(100).await;
    let known = Verification { journal: None, heads: vec![bed.head(40), bed.head(70)] };
    let report = verify(&bed.folder(), &known, &mut |_| ()).unwrap();
    assert_eq!((report.registered, report.unverified), (Some(bed.head(70)), bed.last() - 70));
    // A journal that is gone as a whole is missed by its registered heads alone.
    for segment in &bed.segments {
        std::fs::remove_file(&segment.path).unwrap();
    }
    let report = verify(&bed.folder(), &known, &mut |_| ()).unwrap();
    assert_eq!(report.fault.unwrap().kind, FaultKind::CutAfter { registered: 70 });
    let report = verify(&bed.folder(), &Verification::default(), &mut |_| ()).unwrap();
    assert!(report.is_sound() && report.records == 0 && report.registered.is_none());
}
