//! The header of a segment: which journal it is a part of, and where.
//!
//! A later version may lengthen the header; this one passes over what it does not know. What it could not pass over would have another
//! number as its format, and is refused.

use super::take;
use crate::id::{JournalId, RecordHash};

/// What every segment begins with.
const MAGIC: [u8; 8] = *b"novajnl\n";
/// The format that this version writes and reads.
const FORMAT: u16 = 1;
/// A header as this version writes it.
pub(crate) const HEADER_BYTES: usize = 8 + 2 + 2 + 16 + 8 + 32 + 8 + 4;
/// The longest header that is read.
pub(crate) const HEADER_BYTES_MAX: usize = 4096;
/// As much as is needed to know how long the header is.
const START_BYTES: usize = 8 + 2 + 2;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) journal: JournalId,
    /// The sequence of the segment's first record.
    pub(crate) first: u64,
    /// The hash of the record before it.
    pub(crate) previous: RecordHash,
    /// When the segment was begun.
    pub(crate) time_us: u64,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Not a segment at all, cut, or changed.
    Changed,
    /// A format that this version does not read.
    Format(u16),
}

/// The length of the header that begins with these bytes.
pub(crate) fn header_length(start: &[u8]) -> Result<usize, HeaderFault> {
    let mut rest = start.get(..START_BYTES).ok_or(HeaderFault::Changed)?;
    let mut read = || Some((take::<8>(&mut rest)?, take::<2>(&mut rest)?, take::<2>(&mut rest)?));
    let (magic, format, length) = read().ok_or(HeaderFault::Changed)?;
    let length = usize::from(u16::from_le_bytes(length));
    if magic != MAGIC || !(HEADER_BYTES..=HEADER_BYTES_MAX).contains(&length) {
        return Err(HeaderFault::Changed);
    }
    match u16::from_le_bytes(format) {
        FORMAT => Ok(length),
        other => Err(HeaderFault::Format(other)),
    }
}

impl SegmentHeader {
    /// The header's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        // 80, which fits.
        out.extend_from_slice(&u16::try_from(HEADER_BYTES).unwrap_or_default().to_le_bytes());
        out.extend_from_slice(&self.journal.0);
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.previous.0);
        out.extend_from_slice(&self.time_us.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// Reads a header that is as long as [`header_length`] says.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        if header_length(bytes)? != bytes.len() {
            return Err(HeaderFault::Changed);
        }
        let (covered, sum) = bytes.split_last_chunk::<4>().ok_or(HeaderFault::Changed)?;
        if crc32fast::hash(covered) != u32::from_le_bytes(*sum) {
            return Err(HeaderFault::Changed);
        }
        let mut rest = covered.get(START_BYTES..).unwrap_or_default();
        let mut read = || {
            Some(Self {
                journal: JournalId(take(&mut rest)?),
                first: u64::from_le_bytes(take(&mut rest)?),
                previous: RecordHash(take(&mut rest)?),
                time_us: u64::from_le_bytes(take(&mut rest)?),
            })
        };
        read().ok_or(HeaderFault::Changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            journal: JournalId([7; 16]),
            first: 12,
            previous: RecordHash([9; 32]),
            time_us: 1_700_000_000_000_000,
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written_and_no_byte_of_it_changes_unseen() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header()));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x40;
            assert!(SegmentHeader::decode(&changed).is_err(), "byte {place}");
            assert!(SegmentHeader::decode(&bytes[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_longer_header_of_a_later_version_is_read() {
        let mut bytes = header().encode();
        bytes.truncate(HEADER_BYTES - 4);
        bytes.extend_from_slice(b"something new");
        let length = u16::try_from(bytes.len() + 4).unwrap();
        bytes[10..12].copy_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header()));
    }

    #[test]
    fn another_format_is_told_apart_from_damage() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderFault::Format(2)));
    }
}
