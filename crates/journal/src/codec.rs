//! The bytes of a record's frame, and in `codec/header.rs` those of a segment's header.
//!
//! Pure: from values to bytes and back. Says whether bytes are a whole frame; whether that frame belongs where it stands is for `chain`.
//! The page `docs/reference/journal.md` says the same byte by byte.

mod header;

pub(crate) use header::{HEADER_BYTES, HEADER_BYTES_MAX, HeaderFault, SegmentHeader, header_length};

use crate::id::{HASH_BYTES, RecordHash};
use crate::record::{BODY_BYTES_MAX, Kind, NewRecord};

/// Length, checksum, sequence, durable, time, kind, version.
const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 8 + 2 + 2;
/// What a frame has beside its body.
pub(crate) const FRAME_BYTES_MIN: usize = HEAD_BYTES + HASH_BYTES;
/// The longest frame.
pub(crate) const FRAME_BYTES_MAX: usize = FRAME_BYTES_MIN + BODY_BYTES_MAX;
/// How long the frame of a record is.
pub(crate) fn frame_bytes(record: &NewRecord) -> usize {
    FRAME_BYTES_MIN + record.body.len()
}

/// Where the checksum stands: the only bytes of a frame that it does not cover.
const CHECKSUM: std::ops::Range<usize> = 4..8;

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadFrame {
    /// The length is none that a frame can have.
    Length,
    /// The checksum is another.
    Checksum,
}

/// A whole frame whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameRef<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) sequence: u64,
    /// The last record that was known to be on disk when this one was written.
    pub(crate) durable: u64,
    pub(crate) time_us: u64,
    pub(crate) kind: Kind,
    pub(crate) version: u16,
    pub(crate) hash: RecordHash,
}

impl<'a> FrameRef<'a> {
    pub(crate) fn body(&self) -> &'a [u8] {
        body(self.bytes)
    }

    /// What the hash covers besides the hash before and the journal's id: the length, and everything between checksum and hash.
    pub(crate) fn hashed(&self) -> (&'a [u8], &'a [u8]) {
        let content = self.bytes.len().saturating_sub(HASH_BYTES);
        (
            self.bytes.get(..CHECKSUM.start).unwrap_or_default(),
            self.bytes.get(CHECKSUM.end..content).unwrap_or_default(),
        )
    }
}

/// The body of a frame; nothing for what is too short to be one.
pub(crate) fn body(frame: &[u8]) -> &[u8] {
    frame.get(HEAD_BYTES..frame.len().saturating_sub(HASH_BYTES)).unwrap_or_default()
}

/// Takes `N` bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

/// The length that the first four bytes say, when a frame can have it.
pub(crate) fn frame_length(start: [u8; 4]) -> Result<usize, BadFrame> {
    let length = usize::try_from(u32::from_le_bytes(start)).map_err(|_| BadFrame::Length)?;
    if (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&length) { Ok(length) } else { Err(BadFrame::Length) }
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(frame.get(..CHECKSUM.start).unwrap_or_default());
    hasher.update(frame.get(CHECKSUM.end..).unwrap_or_default());
    hasher.finalize()
}

/// Reads exactly one frame: `bytes` has the length that its first four bytes say.
pub(crate) fn decode(bytes: &[u8]) -> Result<FrameRef<'_>, BadFrame> {
    let mut rest = bytes;
    let read = |rest: &mut &[u8]| {
        Some((
            take::<4>(rest)?,
            u32::from_le_bytes(take(rest)?),
            u64::from_le_bytes(take(rest)?),
            u64::from_le_bytes(take(rest)?),
            u64::from_le_bytes(take(rest)?),
            u16::from_le_bytes(take(rest)?),
            u16::from_le_bytes(take(rest)?),
            *rest.last_chunk::<HASH_BYTES>()?,
        ))
    };
    let Some((length, sum, sequence, durable, time_us, kind, version, hash)) = read(&mut rest) else {
        return Err(BadFrame::Length);
    };
    if frame_length(length)? != bytes.len() {
        return Err(BadFrame::Length);
    }
    if checksum(bytes) != sum {
        return Err(BadFrame::Checksum);
    }
    Ok(FrameRef { bytes, sequence, durable, time_us, kind: Kind(kind), version, hash: RecordHash(hash) })
}

/// Appends a frame to `out`. `hash` is told the content (what [`FrameRef::hashed`] gives) and answers with the record's hash.
///
/// Nothing is appended, and `None` given, when the body is longer than [`BODY_BYTES_MAX`].
pub(crate) fn encode(
    sequence: u64,
    durable: u64,
    record: &NewRecord,
    out: &mut Vec<u8>,
    hash: impl FnOnce(&[u8], &[u8]) -> RecordHash,
) -> Option<RecordHash> {
    if record.body.len() > BODY_BYTES_MAX {
        return None;
    }
    let start = out.len();
    let length = u32::try_from(FRAME_BYTES_MIN + record.body.len()).ok()?.to_le_bytes();
    out.extend_from_slice(&length);
    // Filled in when the rest is known.
    out.extend_from_slice(&[0; 4]);
    let content = out.len();
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&durable.to_le_bytes());
    out.extend_from_slice(&record.time_us.to_le_bytes());
    out.extend_from_slice(&record.kind.0.to_le_bytes());
    out.extend_from_slice(&record.version.to_le_bytes());
    out.extend_from_slice(&record.body);
    let hash = hash(&length, out.get(content..).unwrap_or_default());
    out.extend_from_slice(&hash.0);
    let sum = checksum(out.get(start..).unwrap_or_default()).to_le_bytes();
    if let Some(place) = out.get_mut(start + CHECKSUM.start..start + CHECKSUM.end) {
        place.copy_from_slice(&sum);
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash_of(length: &[u8], content: &[u8]) -> RecordHash {
        let mut hash = [0; HASH_BYTES];
        hash[0] = length.iter().chain(content).fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        RecordHash(hash)
    }

    proptest! {
        #[test]
        fn frames_are_read_as_they_were_written(
            sequence: u64, durable: u64, time_us: u64, kind: u16, version: u16,
            body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let record = NewRecord { kind: Kind(kind), version, time_us, body };
            let mut out = b"before".to_vec();
            let hash = encode(sequence, durable, &record, &mut out, hash_of).unwrap();
            let bytes = &out[6..];
            let frame = decode(bytes).unwrap();
            prop_assert_eq!(frame_length(*bytes.first_chunk().unwrap()).unwrap(), bytes.len());
            prop_assert_eq!((frame.sequence, frame.durable, frame.time_us), (sequence, durable, time_us));
            prop_assert_eq!((frame.kind, frame.version, frame.hash), (record.kind, version, hash));
            prop_assert_eq!(frame.body(), record.body);
            let (length, content) = frame.hashed();
            prop_assert_eq!(hash_of(length, content), hash);
        }

        #[test]
        fn a_changed_byte_is_noticed(
            body in proptest::collection::vec(any::<u8>(), 0..100), place: usize, change in 1_u8..,
        ) {
            let record = NewRecord { kind: Kind(300), version: 1, time_us: 5, body };
            let mut out = Vec::new();
            encode(3, 1, &record, &mut out, hash_of).unwrap();
            let place = place % out.len();
            out[place] ^= change;
            prop_assert!(decode(&out).is_err());
        }
    }

    #[test]
    fn a_body_that_is_too_long_is_not_written() {
        let record = NewRecord { kind: Kind(300), version: 1, time_us: 5, body: vec![0; BODY_BYTES_MAX + 1] };
        let mut out = Vec::new();
        assert_eq!(encode(1, 0, &record, &mut out, hash_of), None);
        assert!(out.is_empty());
    }
}
