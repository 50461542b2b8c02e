//! What can be wrong with a journal, and where.

use std::fmt;

use serde::Serialize;

use crate::id::JournalId;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum FaultKind {
    /// The record, or the header of the segment that begins with it, was changed.
    Changed,
    /// The record does not follow from the one before: either of both was changed, by somebody who computed the checksum anew.
    Unchained,
    /// Records are missing, from the fault's sequence up to this one.
    Missing {
        /// The last that is missing.
        through: u64,
    },
    /// Another record stands in its place, and it stands elsewhere.
    Swapped {
        /// The record that stands in its place.
        found: u64,
    },
    /// The segment ends too early, in the middle of this record or before it.
    Cut,
    /// A segment of another journal stands here.
    Foreign {
        /// The other journal.
        found: JournalId,
    },
    /// A segment has a name that is not its own.
    Misnamed {
        /// The first record that its header tells.
        found: u64,
    },
    /// Whole segments are missing, from the fault's sequence up to this one, and no record says that they may be.
    SegmentRemoved {
        /// The last record that is missing.
        through: u64,
    },
    /// There are bytes behind the seal of a segment, or records behind the end of the journal.
    Trailing,
    /// The journal is whole within itself, and is not the one whose head was registered.
    Rewritten {
        /// The registered record at which it shows. What was changed is between the fault's sequence and this.
        registered: u64,
    },
    /// Registered records are missing at the end.
    CutAfter {
        /// The last one that was registered.
        registered: u64,
    },
    /// The segment is of a format that this version does not read.
    Format {
        /// The format's number.
        found: u16,
    },
}

/// The first place at which a journal is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub segment: String,
    /// Where in it, in bytes from its beginning.
    pub offset: u64,
    /// The first record that is not as it should be, or is not there.
    pub sequence: u64,
    /// What is wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, sequence, kind } = self;
        match kind {
            FaultKind::Changed => write!(f, "record {sequence} was changed"),
            FaultKind::Unchained => {
                write!(
                    f,
                    "record {sequence} does not follow from what is before it: it, or the one before, was changed"
                )
            }
            FaultKind::Missing { through } if through == sequence => {
                write!(f, "record {sequence} is missing")
            }
            FaultKind::Missing { through } => write!(f, "records {sequence} to {through} are missing"),
            FaultKind::Swapped { found } => write!(f, "record {found} stands in place of record {sequence}"),
            FaultKind::Cut => write!(f, "the segment was cut at record {sequence}"),
            FaultKind::Foreign { found } => {
                write!(f, "a segment of journal {found} stands in place of the one of record {sequence}")
            }
            FaultKind::Misnamed { found } => {
                write!(f, "the segment of record {found} stands in place of the one of record {sequence}")
            }
            FaultKind::SegmentRemoved { through } => {
                write!(f, "the segments of records {sequence} to {through} are missing")
            }
            FaultKind::Trailing => write!(f, "something was added after the end, at record {sequence}"),
            FaultKind::Rewritten { registered } => write!(
                f,
                "the journal was written anew: record {registered} is not the registered one, and the first that differs is {sequence} at the earliest"
            ),
            FaultKind::CutAfter { registered } => {
                write!(f, "the journal was cut: records {sequence} to {registered} are missing at its end")
            }
            FaultKind::Format { found } => {
                write!(f, "record {sequence} is in format {found}, which needs a later version to be read")
            }
        }?;
        write!(f, " ({segment}, byte {offset})")
    }
}

impl std::error::Error for Fault {}
