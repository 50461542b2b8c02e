//! The thread that waits for the disk.

use std::sync::Arc;
use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::thread;

use crate::engine::SyncTicket;
use crate::queue::Queue;

/// Hands a ticket to the thread; its result comes by the queue. One at a time.
#[derive(Debug)]
pub(crate) struct Syncer {
    tickets: SyncSender<SyncTicket>,
    queue: Arc<Queue>,
}

impl Syncer {
    /// Starts the thread, which ends when this is dropped.
    pub(crate) fn start(queue: Arc<Queue>) -> std::io::Result<Self> {
        let (tickets, taken) = sync_channel::<SyncTicket>(1);
        let results = Arc::clone(&queue);
        thread::Builder::new().name("journal-sync".to_owned()).spawn(move || {
            for ticket in taken {
                let result = ticket.file.sync();
                results.synced(ticket, result);
            }
        })?;
        Ok(Self { tickets, queue })
    }

    /// Begins a `sync`.
    pub(crate) fn begin(&self, ticket: SyncTicket) {
        // The thread ends with this handle, not before. Should it have died, the writer does its work.
        if let Err(SendError(ticket)) = self.tickets.send(ticket) {
            let result = ticket.file.sync();
            self.queue.synced(ticket, result);
        }
    }
}
