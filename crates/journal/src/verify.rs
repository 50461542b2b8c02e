//! The offline check of a journal's folder or of a copy of it: reads every byte once, and names the first that is not as it should be.
//!
//! What can be found without help: every change, gap, swap, cut and removed segment before the last record. What needs registered heads: a
//! journal that was cut at its end, or written anew as a whole by somebody who has the program. Records after the last registered head are
//! counted as unverified. Changes nothing, takes no lock, and needs memory for one record.

mod report;

use std::path::Path;
use std::sync::Arc;

use crate::body::{self, Lost, Removed};
use crate::chain::Chain;
use crate::codec::{FrameRef, HeaderFault, SegmentHeader};
use crate::cursor::Cursor;
use crate::error::FileError;
use crate::fault::{Fault, FaultKind};
use crate::fs::{Disk, FileSystem};
use crate::id::{Head, JournalId, RecordHash};
use crate::layout;
use crate::record::Kind;
use crate::scan::{End, scan};

pub use report::{Progress, Report, Tail};

/// After so many records progress is told.
const PROGRESS_RECORDS: u64 = 64 * 1024;

/// What is known of a journal from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Which journal it should be. Without it, it is the one that the folder is named after, or else that of the first segment.
    pub journal: Option<JournalId>,
    /// Heads that were registered, anchored or acknowledged elsewhere, in any order; those of other journals are passed over.
    pub heads: Vec<Head>,
}

/// Checks the journal in this folder, which is its own: the segments are directly in it. Blocks on the file system.
///
/// # Errors
/// When a file cannot be read. What is wrong with the content is in the report.
pub fn verify(
    folder: &Path,
    known: &Verification,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, FileError> {
    verify_on(&Disk, folder, known, progress)
}

/// The same on another file system.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(
    fs: &dyn FileSystem,
    folder: &Path,
    known: &Verification,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, FileError> {
    let mut names = fs.names(folder).map_err(FileError::on("listing", folder))?;
    names.sort();
    let firsts = layout::segments(&names);
    let named = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    let mut walk = Walk {
        fs,
        folder,
        journal: known.journal.or(named),
        heads: Vec::new(),
        chain: None,
        last: (0, 0),
        missing_start: None,
        report: Report::new(firsts.len()),
        progress,
    };
    let is_ours = |name: &String| {
        layout::first_of(name).is_some() || layout::is_lock(name) || layout::is_unfinished(name)
    };
    walk.report.strangers = names.into_iter().filter(|name| !is_ours(name)).collect();
    let fault = walk.segments(&firsts, &known.heads)?;
    let fault = fault.or_else(|| walk.end(&known.heads));
    let mut report = walk.report;
    report.fault = fault;
    Ok(report)
}

/// The way through the segments.
struct Walk<'a> {
    fs: &'a dyn FileSystem,
    folder: &'a Path,
    journal: Option<JournalId>,
    /// Registered heads that are still ahead, the next one last.
    heads: Vec<Head>,
    chain: Option<Chain>,
    /// The segment that was checked last, and its good bytes.
    last: (u64, u64),
    /// The journal begins after this record, which has this hash, and no record said yet that it may.
    missing_start: Option<(u64, RecordHash)>,
    report: Report,
    progress: &'a mut dyn FnMut(Progress),
}

/// What is noticed of one record after the other.
struct Seen<'a> {
    heads: &'a mut Vec<Head>,
    missing_start: &'a mut Option<(u64, RecordHash)>,
    report: &'a mut Report,
    progress: &'a mut dyn FnMut(Progress),
    /// The first registered head that is another.
    rewritten: Option<u64>,
}

impl Walk<'_> {
    /// Checks all segments up to the first fault.
    fn segments(&mut self, firsts: &[u64], heads: &[Head]) -> Result<Option<Fault>, FileError> {
        for (index, first) in firsts.iter().enumerate() {
            let is_last = index + 1 == firsts.len();
            let name = layout::segment_name(*first);
            let path = self.folder.join(&name);
            let file = self.fs.open(&path).map_err(FileError::on("opening", &path))?;
            let mut cursor = Cursor::new(Arc::clone(&file), 0);
            let header = cursor.header().map_err(FileError::on("reading", &path))?;
            let start = match self.enter(*first, header, heads) {
                Ok(start) => start,
                Err((sequence, kind)) => {
                    return Ok(Some(Fault { segment: name, offset: 0, sequence, kind }));
                }
            };
            self.report.bytes += file.length().map_err(FileError::on("measuring", &path))?;
            let registered = self.report.registered.map_or(0, |head| head.sequence);
            let mut seen = Seen {
                heads: &mut self.heads,
                missing_start: &mut self.missing_start,
                report: &mut self.report,
                progress: &mut *self.progress,
                rewritten: None,
            };
            let scanned =
                scan(&mut cursor, start, is_last, &mut |frame| seen.record(frame, start.head().journal))
                    .map_err(FileError::on("reading", &path))?;
            let rewritten = seen.rewritten;
            let fault =
                |sequence, kind| Fault { segment: name.clone(), offset: scanned.length, sequence, kind };
            if let Some(at) = rewritten {
                let before = self.report.registered.map_or(registered, |head| head.sequence);
                return Ok(Some(fault(before + 1, FaultKind::Rewritten { registered: at })));
            }
            self.chain = Some(scanned.chain);
            self.last = (*first, scanned.length);
            self.report.ended |= scanned.ended;
            self.report.segments_sound += 1;
            self.report.tail = match scanned.end {
                End::Sealed => Tail::Sealed,
                End::Open => Tail::Open,
                End::Torn { bytes } => Tail::Torn { bytes, offset: scanned.length },
                End::Fault(kind) => return Ok(Some(fault(scanned.chain.next(), kind))),
            };
            (self.progress)(self.report.progress());
        }
        Ok(None)
    }

    /// Where the segment goes on from, or why it does not belong here and at which record.
    fn enter(
        &mut self,
        first: u64,
        header: Result<SegmentHeader, HeaderFault>,
        heads: &[Head],
    ) -> Result<Chain, (u64, FaultKind)> {
        let header = header.map_err(|fault| match fault {
            HeaderFault::Format(found) => (first, FaultKind::Format { found }),
            HeaderFault::Changed => (first, FaultKind::Changed),
        })?;
        let journal = *self.journal.get_or_insert(header.journal);
        if header.journal != journal {
            return Err((first, FaultKind::Foreign { found: header.journal }));
        }
        if header.first != first {
            return Err((first, FaultKind::Misnamed { found: header.first }));
        }
        let Some(chain) = self.chain else {
            self.report.journal = Some(journal);
            self.report.first = first;
            self.heads = heads.iter().filter(|head| head.journal == journal).copied().collect();
            self.heads.retain(|head| head.sequence >= first);
            self.heads.sort_by_key(|head| std::cmp::Reverse(head.sequence));
            let before = Head { journal, sequence: first.saturating_sub(1), hash: header.previous };
            if first > 1 {
                self.missing_start = Some((before.sequence, before.hash));
            } else if header.previous != RecordHash::NONE {
                return Err((first, FaultKind::Unchained));
            }
            return Ok(Chain::at(before));
        };
        if first > chain.next() {
            return Err((chain.next(), FaultKind::SegmentRemoved { through: first - 1 }));
        }
        if first < chain.next() {
            return Err((first, FaultKind::Swapped { found: header.first }));
        }
        if header.previous != chain.head().hash {
            return Err((first, FaultKind::Unchained));
        }
        Ok(chain)
    }

    /// What only the whole tells.
    fn end(&mut self, heads: &[Head]) -> Option<Fault> {
        let first = self.report.first.max(1);
        if let Some((through, _)) = self.missing_start {
            let segment = layout::segment_name(first);
            let kind = FaultKind::SegmentRemoved { through };
            return Some(Fault { segment, offset: 0, sequence: 1, kind });
        }
        if self.chain.is_none() {
            // Nothing is here at all: registered heads of the journal tell that something was.
            self.heads = heads.iter().filter(|head| Some(head.journal) == self.journal).copied().collect();
            self.heads.sort_by_key(|head| std::cmp::Reverse(head.sequence));
        }
        let registered = self.heads.iter().map(|head| head.sequence).max().filter(|last| *last > 0)?;
        let sequence = self.chain.map_or(1, |chain| chain.next());
        let (last, offset) = self.last;
        let segment = layout::segment_name(last.max(first));
        Some(Fault { segment, offset, sequence, kind: FaultKind::CutAfter { registered } })
    }
}

impl Seen<'_> {
    fn record(&mut self, frame: &FrameRef<'_>, journal: JournalId) {
        let head = Head { journal, sequence: frame.sequence, hash: frame.hash };
        self.report.head = Some(head);
        self.report.records += 1;
        while let Some(registered) = self.heads.pop_if(|next| next.sequence == frame.sequence) {
            if registered == head {
                if self.rewritten.is_none() {
                    self.report.registered = Some(head);
                }
            } else {
                self.rewritten.get_or_insert(frame.sequence);
            }
        }
        self.report.unverified =
            frame.sequence - self.report.registered.map_or(self.report.first - 1, |head| head.sequence);
        match frame.kind {
            Kind::LOST => {
                let lost = body::read::<Lost>(frame.kind, frame.body()).map_or(1, |lost| lost.records);
                self.report.lost += lost;
            }
            Kind::REMOVED => self.removed(frame),
            _ => {}
        }
        if self.report.records.is_multiple_of(PROGRESS_RECORDS) {
            (self.progress)(self.report.progress());
        }
    }

    /// A record that says that segments may be missing.
    fn removed(&mut self, frame: &FrameRef<'_>) {
        let Ok(removed) = body::read::<Removed>(frame.kind, frame.body()) else { return };
        self.report.removed_through = self.report.removed_through.max(removed.through);
        let Some((through, hash)) = *self.missing_start else { return };
        if removed.through > through || (removed.through == through && removed.head == hash) {
            *self.missing_start = None;
        }
    }
}
