//! Follows the watch: tells the state of Consul, and passes on documents when a change has come to rest.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use nova_config::Documents;
use nova_hashistack::consul::WatchEvent;
use nova_lifecycle::Shutdown;
use slog::Logger;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::View;
use crate::events;
use crate::receipt::{ConsulStanding, ReceiptStore};

/// How long a change waits for those that belong to it: keys are written one after the other by `consul kv put`.
const DEBOUNCE: Duration = Duration::from_millis(250);

/// A watch, and what it has told so far.
pub(crate) struct Following {
    events: BoxStream<'static, WatchEvent>,
    view: View,
}

impl Following {
    pub(crate) fn new(events: BoxStream<'static, WatchEvent>, view: View) -> Self {
        Self { events, view }
    }

    /// Waits for the first event, and gives the documents in it.
    pub(super) async fn first(&mut self) -> Option<Documents> {
        self.next().await
    }

    /// The next event; the documents in it, if it has some that are to be judged. Never completes once the watch has ended.
    async fn next(&mut self) -> Option<Documents> {
        match self.events.next().await {
            Some(WatchEvent::Changed(answer)) => return self.view.answered(answer),
            Some(WatchEvent::Failed { error, .. }) => self.view.failed(&error),
            Some(WatchEvent::Unchanged(answer)) => self.view.unchanged(&answer),
            // The watch has no end of its own.
            None => std::future::pending().await,
        }
        None
    }

    /// Writes how things stand into a receipt.
    pub(super) fn tell(&self, standing: &mut ConsulStanding, now: Timestamp) {
        let (state, error) = self.view.state();
        if standing.state != state {
            standing.since = now;
        }
        standing.state = state;
        standing.error = error;
        standing.seen_index = self.view.seen_index();
        standing.last_contact_ms =
            self.view.last_contact().map(|behind| u64::try_from(behind.as_millis()).unwrap_or(u64::MAX));
    }
}

/// Follows until the process stops.
pub(crate) async fn follow(
    mut following: Following,
    receipts: ReceiptStore,
    documents: watch::Sender<Option<Documents>>,
    log: Logger,
    shutdown: Shutdown,
) {
    // What came last, and when it counts. A change that goes on is not waited for any longer: the later one follows it.
    let mut pending: Option<(Documents, Instant)> = None;
    tell(&following, &receipts, &log, true);
    loop {
        let due = pending.as_ref().map(|(_, due)| *due);
        tokio::select! {
            came = following.next() => {
                tell(&following, &receipts, &log, false);
                if let Some(came) = came {
                    pending = Some((came, due.unwrap_or_else(|| Instant::now() + DEBOUNCE)));
                }
            }
            () = rest(due) => {
                if let Some((came, _)) = pending.take() {
                    documents.send_replace(Some(came));
                }
            }
            () = shutdown.stopped() => return,
        }
    }
}

async fn rest(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Tells the state in the receipt, and in log and metrics where it has changed.
fn tell(following: &Following, receipts: &ReceiptStore, log: &Logger, is_first: bool) {
    let before = receipts.current().consul.state;
    receipts.change(|receipt| following.tell(&mut receipt.consul, Timestamp::now()));
    let (state, error) = following.view.state();
    if is_first || before != state {
        events::consul_state(log, state, error.as_deref());
    }
}

#[cfg(test)]
mod tests;
