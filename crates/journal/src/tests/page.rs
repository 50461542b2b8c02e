//! The worked example of `docs/reference/journal.md` is what the code writes.

use std::fmt::Write as _;

use crate::body::{CallIntended, Rest, Started};
use crate::chain::Chain;
use crate::codec::SegmentHeader;
use crate::id::JournalId;
use crate::record::{Kind, NewRecord};

const PAGE: &str = include_str!("../../../../docs/reference/journal.md");

/// A segment with two records: the journal begins, and a call is about to be made.
fn segment() -> Vec<u8> {
    let id: JournalId = "00112233445566778899aabbccddeeff".parse().unwrap();
    let mut chain = Chain::new(id);
    let header =
        SegmentHeader { journal: id, first: 1, previous: chain.head().hash, time_us: 1_700_000_000_000_000 };
    let mut bytes = header.encode();
    let record = |kind, number: u64, body| NewRecord {
        kind,
        version: 1,
        time_us: 1_700_000_000_000_000 + number,
        body,
    };
    let started = serde_json::to_vec(&Started { by: "example".to_owned(), rest: Rest::new() }).unwrap();
    assert!(chain.append(0, &record(Kind::STARTED, 1, started), &mut bytes));
    let intended = CallIntended { call: "c-1".to_owned(), ..CallIntended::default() };
    let intended = serde_json::to_vec(&intended).unwrap();
    assert!(chain.append(1, &record(Kind::CALL_INTENDED, 2, intended), &mut bytes));
    bytes
}

/// Sixteen bytes a line, each line with its offset.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (index, line) in bytes.chunks(16).enumerate() {
        let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{:04x}  {}", index * 16, digits.join(" ")).unwrap();
    }
    text
}

#[test]
fn the_example_of_the_page_is_what_is_written() {
    let expected = dump(&segment());
    assert!(PAGE.contains(&expected), "docs/reference/journal.md should have these bytes:\n{expected}");
}

#[test]
fn the_page_names_every_kind() {
    for kind in (1..=6).chain(256..=258).map(Kind) {
        assert!(PAGE.contains(&format!("| {} | `{kind}` |", kind.0)), "{} {kind}", kind.0);
    }
}
