//! Torn or damaged? What the bytes at the end of a segment without a seal tell when they are no record.
//!
//! Pure. A write that was under way when the power failed leaves a part of itself: the file ends within a record, or whole sectors of it
//! were never written and read as zeros, and records behind the hole were never told to be on disk. Anything else was not done by a crash.

use crate::codec::{self, BadFrame, FRAME_BYTES_MIN};

/// Disks write sectors of this size, or of multiples of it, as a whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tear {
    /// A write that did not come to its end; nothing in it was ever told to be on disk.
    Torn,
    /// Somebody or something changed what was there.
    Damaged,
}

/// Judges what begins where record `expected` should: `rest` is everything up to the end of the file, and `offset` its place in the file.
pub(crate) fn judge(rest: &[u8], offset: u64, expected: u64) -> Tear {
    if was_durable(rest, expected) {
        return Tear::Damaged;
    }
    let torn_region = match rest.first_chunk::<4>().map(|start| codec::frame_length(*start)) {
        // The file ends within the record.
        None => return Tear::Torn,
        Some(Ok(length)) => match rest.get(..length) {
            None => return Tear::Torn,
            Some(frame) => frame,
        },
        Some(Err(_)) => rest,
    };
    if has_hole(torn_region, offset) { Tear::Torn } else { Tear::Damaged }
}

/// True when a whole record further on says that `expected` was on disk when it was written.
fn was_durable(rest: &[u8], expected: u64) -> bool {
    let most = u64::try_from(rest.len() / FRAME_BYTES_MIN).unwrap_or(u64::MAX);
    let plausible = expected..=expected.saturating_add(most);
    (1..rest.len()).any(|at| {
        let Some(bytes) = rest.get(at..) else { return false };
        // The sequence is looked at before the checksum is computed: hardly any place passes it by chance.
        let sequence = bytes.get(8..).and_then(|bytes| bytes.first_chunk::<8>());
        if !sequence.is_some_and(|bytes| plausible.contains(&u64::from_le_bytes(*bytes))) {
            return false;
        }
        whole(bytes).is_ok_and(|durable| durable >= expected)
    })
}

/// What the frame at the front says to have been on disk.
fn whole(bytes: &[u8]) -> Result<u64, BadFrame> {
    let start = bytes.first_chunk::<4>().ok_or(BadFrame::Length)?;
    let frame = bytes.get(..codec::frame_length(*start)?).ok_or(BadFrame::Length)?;
    Ok(codec::decode(frame)?.durable)
}

/// True when the part of some sector that is in the region is all zeros.
fn has_hole(region: &[u8], offset: u64) -> bool {
    let to_border = SECTOR_BYTES - offset % SECTOR_BYTES;
    let first = usize::try_from(to_border).unwrap_or(usize::MAX).min(region.len());
    let (head, others) = region.split_at(first);
    let sector = usize::try_from(SECTOR_BYTES).unwrap_or(usize::MAX);
    std::iter::once(head)
        .chain(others.chunks(sector))
        .any(|part| !part.is_empty() && part.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain;
    use crate::id::JournalId;
    use crate::record::{Kind, NewRecord};

    /// Records 1 to 4 of about 300 bytes; `durable` is what the last two say.
    fn bytes(durable: u64) -> (Vec<u8>, Vec<usize>) {
        let mut chain = Chain::new(JournalId([1; 16]));
        let (mut out, mut ends) = (Vec::new(), Vec::new());
        for number in 1..=4_u64 {
            let record = NewRecord { kind: Kind(300), version: 1, time_us: 5, body: vec![b'a'; 230] };
            assert!(chain.append(if number > 2 { durable } else { 0 }, &record, &mut out));
            ends.push(out.len());
        }
        (out, ends)
    }

    #[test]
    fn a_record_that_the_file_ends_in_is_torn() {
        let (all, ends) = bytes(0);
        for cut in ends[1] + 1..ends[2] {
            assert_eq!(judge(&all[ends[1]..cut], ends[1] as u64, 3), Tear::Torn, "{cut}");
        }
    }

    #[test]
    fn a_changed_byte_is_damage() {
        let (all, ends) = bytes(0);
        for place in 8..ends[0] {
            let mut all = all.clone();
            all[place] ^= 1;
            assert_eq!(judge(&all, 0, 1), Tear::Damaged, "{place}");
        }
    }

    #[test]
    fn sectors_that_were_never_written_are_a_tear() {
        let (mut all, _) = bytes(0);
        all[512..1024].fill(0);
        // Record 2 is bytes 298 to 596.
        assert_eq!(judge(&all[298..], 298, 2), Tear::Torn);
        let (mut all, _) = bytes(0);
        all[..512].fill(0);
        assert_eq!(judge(&all, 0, 1), Tear::Torn);
    }

    #[test]
    fn zeros_in_place_of_a_record_that_was_on_disk_are_damage() {
        let (mut all, ends) = bytes(2);
        all[ends[0]..ends[1]].fill(0);
        assert_eq!(judge(&all[ends[0]..], ends[0] as u64, 2), Tear::Damaged);
        let (mut all, ends) = bytes(1);
        all[ends[0]..ends[1]].fill(0);
        assert_eq!(judge(&all[ends[0]..], ends[0] as u64, 2), Tear::Torn);
    }
}
