//! What the offline check found.

use std::fmt;

use serde::Serialize;

use crate::fault::Fault;
use crate::id::{Head, JournalId};

/// How far the check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records that were checked.
    pub records: u64,
    /// Segments that were checked, or are.
    pub segments: usize,
    /// All segments.
    pub segments_all: usize,
}

/// How the journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Tail {
    /// With a seal.
    Sealed,
    /// With a whole record: somebody writes on, or was stopped.
    Open,
    /// With a part of a write that did not come to its end. No record was told to be on disk there, unless a registered head says so.
    Torn {
        /// How many bytes.
        bytes: u64,
        /// From where on in the last segment.
        offset: u64,
    },
}

/// What the check found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The journal.
    pub journal: Option<JournalId>,
    /// Its first record that is there.
    pub first: u64,
    /// Its last good record.
    pub head: Option<Head>,
    /// Good records.
    pub records: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Segments in the folder.
    pub segments: usize,
    #[serde(skip)]
    pub(crate) segments_sound: usize,
    /// It has an end: nothing may follow.
    pub ended: bool,
    /// How it ends.
    pub tail: Tail,
    /// Records that its writer lost and counted.
    pub lost: u64,
    /// Records up to here may be missing: they were acknowledged elsewhere.
    pub removed_through: u64,
    /// The last registered head that it agrees with.
    pub registered: Option<Head>,
    /// Good records after that head: a change of them by somebody who can compute hashes would not be noticed.
    pub unverified: u64,
    /// Files that are none of a journal's. They were not read.
    pub strangers: Vec<String>,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

impl Report {
    pub(crate) const fn new(segments: usize) -> Self {
        Self {
            journal: None,
            first: 0,
            head: None,
            records: 0,
            bytes: 0,
            segments,
            segments_sound: 0,
            ended: false,
            tail: Tail::Open,
            lost: 0,
            removed_through: 0,
            registered: None,
            unverified: 0,
            strangers: Vec::new(),
            fault: None,
        }
    }

    pub(crate) const fn progress(&self) -> Progress {
        Progress { records: self.records, segments: self.segments_sound, segments_all: self.segments }
    }

    /// True when nothing is wrong. Records may still be unverified, or lost and counted.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.fault.is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Some(fault) => write!(f, "not sound: {fault}")?,
            None => f.write_str("sound")?,
        }
        write!(f, "; {} records in {} segments", self.records, self.segments)?;
        if self.lost > 0 {
            write!(f, ", {} lost and counted", self.lost)?;
        }
        match self.registered {
            Some(head) => write!(f, "; registered up to {}", head.sequence)?,
            None => f.write_str("; no registered head")?,
        }
        write!(f, ", {} unverified", self.unverified)?;
        match self.tail {
            Tail::Torn { bytes, .. } => write!(f, "; {bytes} bytes of a torn tail"),
            Tail::Sealed if self.ended => f.write_str("; ended"),
            Tail::Sealed | Tail::Open => Ok(()),
        }
    }
}
