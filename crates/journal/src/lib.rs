//! Journals: append-only files of records, chained by hashes, that survive crashes and tell when they were changed.
//!
//! A proxy writes one journal: what it means to do before it does it, and what came of it. The usage ledger and the audit trail are two
//! readings of the same records. This crate owns the format (`docs/reference/journal.md`), the writer, the reader, the recovery after a
//! crash and the offline check. It does not know where records are shipped to, what they cost, or who signs heads.
//!
//! What decides is pure and works on bytes and values (`codec`, `chain`, `tear`, `layout`, `body`); what touches files goes through
//! [`fs::FileSystem`].

mod adopt;
pub mod body;
mod chain;
mod codec;
mod config;
mod cursor;
mod engine;
mod error;
mod fault;
pub mod fs;
mod id;
mod journal;
mod layout;
mod queue;
mod reader;
mod record;
mod recovery;
mod scan;
mod tear;
mod verify;
mod writer;

pub use adopt::{Adoption, adopt, adopt_on, discard, discard_on, journals, journals_on};
pub use chain::{Chain, ChainFault};
pub use config::{JournalConfig, WhenFull};
pub use error::{AppendError, Cause, FileError, OpenError, ReadError};
pub use fault::{Fault, FaultKind};
pub use id::{Head, HexError, JournalId, RecordHash};
pub use journal::{Durability, Journal, Receipt, Standing};
pub use reader::Reader;
pub use record::{BODY_BYTES_MAX, Kind, NewRecord, Record};
pub use recovery::Recovery;
pub use verify::{Progress, Report, Tail, Verification, verify, verify_on};

#[cfg(test)]
mod tests;
