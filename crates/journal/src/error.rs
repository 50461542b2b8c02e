//! Why a journal cannot be opened, written to, read or removed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fault::Fault;
use crate::id::JournalId;
use crate::record::{BODY_BYTES_MAX, Kind};

/// A file or folder, and what the system says of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{doing} {} failed", path.display())]
pub struct FileError {
    /// What was tried.
    pub doing: &'static str,
    /// With what.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: Arc<io::Error>,
}

impl FileError {
    /// For `map_err`.
    pub(crate) fn on(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { doing, path: path.to_owned(), source: Arc::new(source) }
    }
}

/// A journal cannot be begun, gone on with, adopted or removed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system.
    #[error("the journal's files cannot be used; check that data_dir is writable and has space")]
    File(#[from] FileError),
    /// Somebody else writes it.
    #[error("journal {0} is in use by another process; stop that process, or let it be")]
    InUse(JournalId),
    /// It was changed.
    #[error("journal {journal} is damaged and is left as it is; keep a copy, and look at it with verify")]
    Damaged {
        /// The journal.
        journal: JournalId,
        /// Where.
        #[source]
        fault: Fault,
    },
    /// It has an end.
    #[error("journal {0} has ended; begin another one")]
    Ended(JournalId),
    /// There is nothing in it.
    #[error("journal {0} has no record; begin another one")]
    Empty(JournalId),
    /// It is not at the head that was told.
    #[error("journal {0} is not at the head that was acknowledged; ship the rest of it first")]
    NotAtHead(JournalId),
    /// Its first record could not be written.
    #[error("the first record cannot be written")]
    Write(#[from] Cause),
    /// The system gives no randomness for an id.
    #[error("a journal cannot be named; does the system give random bytes?")]
    Random,
}

/// Why a journal cannot write.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Cause {
    /// Its own limit.
    #[error(
        "all journals together have reached their limit of {bytes_max} bytes; have the agent acknowledge them, or raise the limit"
    )]
    Limit {
        /// The limit.
        bytes_max: u64,
    },
    /// The disk's.
    #[error("the disk is full; make room, or move data_dir")]
    NoSpace(#[source] FileError),
    /// The file system was made read-only, as the kernel does after errors of the disk.
    #[error("the file system is read-only; look into the kernel's log, repair it and mount it anew")]
    ReadOnly(#[source] FileError),
    /// Anything else, above all a failing disk.
    #[error("the disk does not take what is written; look into the kernel's log")]
    Disk(#[source] FileError),
    /// The journal's own body cannot be encoded, which no body can come to.
    #[error("a record of the journal's own cannot be encoded")]
    Encoding,
}

impl Cause {
    /// A short name for metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Limit { .. } => "limit",
            Self::NoSpace(_) => "no_space",
            Self::ReadOnly(_) => "read_only",
            Self::Disk(_) => "disk",
            Self::Encoding => "encoding",
        }
    }
}

impl From<FileError> for Cause {
    fn from(error: FileError) -> Self {
        match error.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(error),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(error),
            _ => Self::Disk(error),
        }
    }
}

/// A record was not written as it was asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// It is not in the journal. (If the program ends before the disk takes anything again, it may be found there all the same.)
    #[error("the record was not written")]
    NotWritten(#[source] Cause),
    /// It is in the journal, and is not known to be on disk.
    #[error("the record was written, and is not known to be on disk")]
    NotCommitted(#[source] Cause),
    /// The queue is full: the disk is slower than what is appended.
    #[error("the journal's queue is full: the disk does not keep up")]
    Busy,
    /// The body is too long.
    #[error("a body of {0} bytes is longer than the limit of {BODY_BYTES_MAX}")]
    TooLong(usize),
    /// The kind is the journal's own.
    #[error("records of kind {0} are the journal's own")]
    OwnKind(Kind),
    /// The journal has ended.
    #[error("the journal was closed")]
    Closed,
}

/// Records cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system.
    #[error("the journal's files cannot be read")]
    File(#[from] FileError),
    /// The record is no longer there.
    #[error("record {wanted} was removed; the first that is there is {first}")]
    Removed {
        /// The record that was asked for.
        wanted: u64,
        /// The first that is there.
        first: u64,
    },
    /// The journal was changed.
    #[error("the journal is damaged")]
    Damaged(#[from] Fault),
}
