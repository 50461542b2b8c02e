//! The chain: the number and the hash of each record follow from the one before.
//!
//! Pure. Used by the writer to make records and by every reader to check them, also far from the journal's folder. Knows nothing of
//! segments and files.

use aws_lc_rs::digest::{Context, SHA256, digest};

use crate::codec::{self, FrameRef};
use crate::id::{HASH_BYTES, Head, JournalId, RecordHash};
use crate::record::{NewRecord, Record};

/// Why a frame is not the next record of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// The bytes are no whole frame with the right checksum.
    #[error("the bytes are not one whole frame: the record was changed or cut on its way")]
    Frame,
    /// The record has another number.
    #[error("record {found} stands where record {expected} should: ask for the records from {expected} on")]
    Sequence {
        /// The number that should follow.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// The record's hash is not that of its content and what is before it.
    #[error("record {sequence} does not belong to what is before it: it, or what is before it, was changed")]
    Hash {
        /// The record.
        sequence: u64,
    },
}

/// Where a chain stands: the journal, and the last record of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    head: Head,
}

impl Chain {
    /// The chain of a journal before its first record.
    #[must_use]
    pub const fn new(journal: JournalId) -> Self {
        Self { head: Head { journal, sequence: 0, hash: RecordHash::NONE } }
    }

    /// The chain that has come to this head.
    #[must_use]
    pub const fn at(head: Head) -> Self {
        Self { head }
    }

    /// The last record.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// The number of the next record. Numbers do not come round: 2^64 records are 58,000 years at ten million a second.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.head.sequence.saturating_add(1)
    }

    /// Checks a frame that was shipped ([`Record::frame`]), and goes on to it.
    ///
    /// # Errors
    /// When the frame is not the next record of this chain; the chain then stands where it stood.
    pub fn accept(&mut self, frame: &[u8]) -> Result<Record, ChainFault> {
        let frame = codec::decode(frame).map_err(|_| ChainFault::Frame)?;
        self.step(&frame)?;
        Ok(Record::of(&frame))
    }

    /// The same for a frame that was decoded already.
    pub(crate) fn step(&mut self, frame: &FrameRef<'_>) -> Result<(), ChainFault> {
        let expected = self.next();
        if frame.sequence != expected {
            return Err(ChainFault::Sequence { expected, found: frame.sequence });
        }
        let (length, content) = frame.hashed();
        // A record cannot have been on disk before it was written: no writer says so.
        if self.hash(length, content) != frame.hash || frame.durable >= frame.sequence {
            return Err(ChainFault::Hash { sequence: expected });
        }
        self.head.sequence = expected;
        self.head.hash = frame.hash;
        Ok(())
    }

    /// Appends the next record's frame to `out` and goes on to it. Nothing happens, and `false` is given, when its body is too long.
    pub(crate) fn append(&mut self, durable: u64, record: &NewRecord, out: &mut Vec<u8>) -> bool {
        let sequence = self.next();
        let hash =
            codec::encode(sequence, durable, record, out, |length, content| self.hash(length, content));
        if let Some(hash) = hash {
            self.head.sequence = sequence;
            self.head.hash = hash;
        }
        hash.is_some()
    }

    /// SHA-256 over the hash before, the journal's id, the frame's length, and its content.
    fn hash(&self, length: &[u8], content: &[u8]) -> RecordHash {
        /// Most records fit: one call over one piece of memory costs half of what a context with four updates does.
        const ON_STACK: usize = 1024;
        let Head { journal, hash, .. } = &self.head;
        let parts = [&hash.0[..], &journal.0[..], length, content];
        let mut together = [0; ON_STACK];
        let mut used = 0;
        for part in parts {
            let Some(place) = together.get_mut(used..used + part.len()) else { return by_parts(parts) };
            place.copy_from_slice(part);
            used += part.len();
        }
        sha256(digest(&SHA256, together.get(..used).unwrap_or_default()).as_ref())
    }
}

fn by_parts(parts: [&[u8]; 4]) -> RecordHash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    sha256(context.finish().as_ref())
}

fn sha256(digest: &[u8]) -> RecordHash {
    // SHA-256 has these 32 bytes always.
    RecordHash(digest.first_chunk::<HASH_BYTES>().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kind;

    fn record(body: &[u8]) -> NewRecord {
        NewRecord { kind: Kind(300), version: 1, time_us: 5, body: body.to_vec() }
    }

    fn frames(count: usize, size: usize) -> Vec<Vec<u8>> {
        let mut chain = Chain::new(JournalId([1; 16]));
        (0..count)
            .map(|_| {
                let mut out = Vec::new();
                assert!(chain.append(0, &record(&vec![b'x'; size]), &mut out));
                out
            })
            .collect()
    }

    #[test]
    fn shipped_frames_are_accepted_in_their_order_alone() {
        for size in [10, 5000] {
            let frames = frames(3, size);
            let mut chain = Chain::new(JournalId([1; 16]));
            let first = chain.accept(&frames[0]).unwrap();
            assert_eq!((first.sequence(), first.body().len()), (1, size));
            assert_eq!(chain.accept(&frames[2]), Err(ChainFault::Sequence { expected: 2, found: 3 }));
            assert_eq!(chain.accept(&frames[0]), Err(ChainFault::Sequence { expected: 2, found: 1 }));
            assert_eq!(chain.accept(&frames[1]).unwrap().hash(), chain.head().hash);
            assert_eq!(chain.accept(&frames[2][..40]), Err(ChainFault::Frame));
            assert_eq!(chain.accept(&frames[2]).unwrap().sequence(), 3);
        }
    }

    #[test]
    fn another_journal_or_another_past_is_noticed() {
        let frames = frames(2, 10);
        let mut other = Chain::new(JournalId([2; 16]));
        assert_eq!(other.accept(&frames[0]), Err(ChainFault::Hash { sequence: 1 }));
        let mut forged = Chain::new(JournalId([1; 16]));
        assert!(forged.append(0, &record(b"another past"), &mut Vec::new()));
        assert_eq!(forged.accept(&frames[1]), Err(ChainFault::Hash { sequence: 2 }));
    }

    #[test]
    fn the_hash_does_not_depend_on_the_way_it_is_computed() {
        let chain = Chain::new(JournalId([3; 16]));
        for size in [0, 1, 900, 971, 972, 973, 5000] {
            let content = vec![b'y'; size];
            let parts = [&chain.head.hash.0[..], &chain.head.journal.0[..], b"1234", &content];
            assert_eq!(chain.hash(b"1234", &content), by_parts(parts), "{size}");
        }
    }
}
