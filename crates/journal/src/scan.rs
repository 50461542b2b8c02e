//! Reads one segment to its end, checks every record of it, and says how it ends.
//!
//! Used by recovery, which goes on where the last segment ends, and by the offline check, which reads all of them. Changes nothing.

use std::io;

use crate::body::{self, Sealed};
use crate::chain::{Chain, ChainFault};
use crate::codec::FrameRef;
use crate::cursor::{Cursor, Step};
use crate::fault::FaultKind;
use crate::record::Kind;
use crate::tear::{self, Tear};

/// The most that can be torn: what a writer has in the file and not on disk is bounded by less (`engine`).
pub(crate) const TORN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How a segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// With its seal.
    Sealed,
    /// With a whole record, and no seal.
    Open,
    /// With bytes of a write that did not come to its end.
    Torn {
        /// How many.
        bytes: u64,
    },
    /// With what should not be there.
    Fault(FaultKind),
}

/// What a segment has.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// After its last good record.
    pub(crate) chain: Chain,
    /// Bytes up to there.
    pub(crate) length: u64,
    /// Good records, the seal included.
    pub(crate) records: u64,
    /// The journal has ended within it.
    pub(crate) ended: bool,
    /// What follows the last good record.
    pub(crate) end: End,
}

/// Reads on from the cursor, which stands behind the header. `is_last` allows for a tear and for a missing seal. `visit` sees every good
/// record.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn scan(
    cursor: &mut Cursor,
    start: Chain,
    is_last: bool,
    visit: &mut dyn FnMut(&FrameRef<'_>),
) -> io::Result<Scanned> {
    let first = start.next();
    let mut scanned =
        Scanned { chain: start, length: cursor.offset(), records: 0, ended: false, end: End::Open };
    let mut sealed = false;
    loop {
        let before = scanned.chain;
        let fault = match cursor.next()? {
            Step::End if sealed => return Ok(Scanned { end: End::Sealed, ..scanned }),
            _ if sealed => Some(FaultKind::Trailing),
            Step::End if is_last => return Ok(scanned),
            Step::End => Some(FaultKind::Cut),
            Step::Short | Step::Bad if is_last => return torn_or_changed(cursor, scanned),
            Step::Short => Some(FaultKind::Cut),
            Step::Bad => Some(FaultKind::Changed),
            Step::Frame(frame) if scanned.ended && frame.kind != Kind::SEALED => Some(FaultKind::Trailing),
            Step::Frame(frame) => match scanned.chain.step(&frame) {
                Err(ChainFault::Sequence { found, .. }) => {
                    let through = found.saturating_sub(1);
                    // The offset of the fault is that of the frame; the search moves the cursor only.
                    Some(match found > before.next() && !stands_ahead(cursor, before.next())? {
                        true => FaultKind::Missing { through },
                        false => FaultKind::Swapped { found },
                    })
                }
                Err(_) => Some(FaultKind::Unchained),
                Ok(()) if frame.kind == Kind::SEALED && !is_true_seal(&frame, first, &before) => {
                    scanned.chain = before;
                    Some(FaultKind::Changed)
                }
                Ok(()) => {
                    sealed = frame.kind == Kind::SEALED;
                    scanned.ended |= frame.kind == Kind::ENDED;
                    visit(&frame);
                    None
                }
            },
        };
        if let Some(kind) = fault {
            return Ok(Scanned { end: End::Fault(kind), ..scanned });
        }
        scanned.records += 1;
        scanned.length = cursor.offset();
    }
}

/// What is at the end of the last segment when it is no record.
fn torn_or_changed(cursor: &mut Cursor, scanned: Scanned) -> io::Result<Scanned> {
    let (offset, expected) = (cursor.offset(), scanned.chain.next());
    let end = match cursor.rest(TORN_BYTES_MAX)? {
        Some(rest) if tear::judge(rest, offset, expected) == Tear::Torn => {
            End::Torn { bytes: u64::try_from(rest.len()).unwrap_or(u64::MAX) }
        }
        _ => End::Fault(FaultKind::Changed),
    };
    Ok(Scanned { end, ..scanned })
}

/// True when the record stands further on in the same segment.
fn stands_ahead(cursor: &mut Cursor, sequence: u64) -> io::Result<bool> {
    while let Step::Frame(frame) = cursor.next()? {
        if frame.sequence == sequence {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A seal has to say what the segment has.
fn is_true_seal(frame: &FrameRef<'_>, first: u64, before: &Chain) -> bool {
    let last = before.head().sequence;
    body::read::<Sealed>(frame.kind, frame.body()).is_ok_and(|seal| {
        (seal.first, seal.last, seal.head) == (first, last, before.head().hash)
            && seal.records == (last + 1).saturating_sub(first)
    })
}
