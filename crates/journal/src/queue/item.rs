//! What goes through the queue: records, commands, and the ways back to those who wait.

use tokio::sync::oneshot;

use crate::engine::SyncTicket;
use crate::error::AppendError;
use crate::id::Head;
use crate::journal::{Durability, Receipt};
use crate::record::NewRecord;

/// Tells a caller what became of the record.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, AppendError>>;
/// Where the writer's answer about a record comes.
pub(crate) type Answer = oneshot::Receiver<Result<Receipt, AppendError>>;

/// A record that waits for the writer.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) record: NewRecord,
    pub(crate) durability: Durability,
    pub(crate) reply: Option<Reply<Receipt>>,
    /// What it has taken of the queue's room.
    pub(crate) cost: usize,
}

/// What else the writer is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Bring everything that was appended so far to disk.
    Commit(Reply<Head>),
    /// Remove segments up to this record.
    Remove(u64, Reply<usize>),
    /// End the journal, for this reason.
    Close(String, Reply<Head>),
}

/// What the writer has to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) items: Vec<Item>,
    pub(crate) commands: Vec<Command>,
    pub(crate) synced: Option<(SyncTicket, std::io::Result<()>)>,
    pub(crate) is_abandoned: bool,
}
