//! The switchboard of a stop: the phase, the request to stop, and the two tokens that work listens to.
//!
//! Owns the state and its legal changes. The order and the waiting are in `drain`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Phase;

/// A shared handle to the process's phase and its stop tokens. Clones are the same switchboard.
#[derive(Clone, Debug)]
pub struct Shutdown {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: watch::Sender<Phase>,
    /// Whether a person or the orchestrator has asked; our own causes do not set it.
    asked: AtomicBool,
    /// Whether open work was ended before its end.
    cut: AtomicBool,
    requested: CancellationToken,
    draining: CancellationToken,
    forced: CancellationToken,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A process in phase [`Phase::Starting`] that nobody has asked to stop.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                phase: watch::Sender::new(Phase::Starting),
                asked: AtomicBool::new(false),
                cut: AtomicBool::new(false),
                requested: CancellationToken::new(),
                draining: CancellationToken::new(),
                forced: CancellationToken::new(),
            }),
        }
    }

    /// The current phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.inner.phase.borrow()
    }

    /// A receiver that sees every later change of the phase.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Phase> {
        self.inner.phase.subscribe()
    }

    /// Says that set-up is finished. Without effect once a drain has begun.
    pub fn set_ready(&self) {
        self.advance(Phase::Ready);
    }

    /// Asks for a stop: the first call asks for a drain, every later one forces it at once.
    ///
    /// Returns whether this was the first request.
    pub fn request(&self) -> bool {
        let first = !self.inner.asked.swap(true, Ordering::Relaxed);
        if first {
            self.inner.requested.cancel();
        } else {
            self.force();
        }
        first
    }

    /// Asks for a drain, and does nothing where one was asked for already.
    ///
    /// For the program's own causes, such as a lost critical task: the orchestrator's signal that follows is its
    /// first, and must not cut off open work.
    pub fn request_once(&self) {
        self.inner.requested.cancel();
    }

    /// Cuts off all open work: cancels [`Shutdown::forced`], and [`Shutdown::draining`] with it.
    pub fn force(&self) {
        self.inner.requested.cancel();
        self.inner.draining.cancel();
        self.inner.forced.cancel();
    }

    /// Tells that a piece of work ended early because of [`Shutdown::forced`]: however fast it gave way, the drain was
    /// not a clean one.
    pub fn report_cut(&self) {
        self.inner.cut.store(true, Ordering::Release);
    }

    /// Whether any work was cut.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.inner.cut.load(Ordering::Acquire)
    }

    /// Completes once somebody has asked for a stop.
    pub async fn requested(&self) {
        self.inner.requested.cancelled().await;
    }

    /// Cancelled when somebody has asked for a stop: connections are still taken, and responses say that theirs ends.
    #[must_use]
    pub fn announced(&self) -> &CancellationToken {
        &self.inner.requested
    }

    /// Whether somebody has asked for a stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.inner.requested.is_cancelled()
    }

    /// Cancelled when listeners must stop accepting and connections must wind down
    /// (HTTP/2 `GOAWAY`, HTTP/1 `connection: close`).
    #[must_use]
    pub fn draining(&self) -> &CancellationToken {
        &self.inner.draining
    }

    /// Cancelled when open work must end now; a stream then gets its final error event.
    #[must_use]
    pub fn forced(&self) -> &CancellationToken {
        &self.inner.forced
    }

    /// Completes in phase [`Phase::Stopped`]: what background tasks wait for, so that metrics and records
    /// are still served and written while requests drain.
    pub async fn stopped(&self) {
        let mut phase = self.watch();
        // The sender lives in `self`, so the channel cannot close while this waits.
        while *phase.borrow_and_update() != Phase::Stopped {
            if phase.changed().await.is_err() {
                return;
            }
        }
    }

    /// Moves to `next` unless the process is there already or beyond.
    pub(crate) fn advance(&self, next: Phase) {
        self.inner.phase.send_if_modified(|phase| {
            let forward = *phase < next;
            if forward {
                *phase = next;
            }
            forward
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_never_go_back() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.phase(), Phase::Starting);
        shutdown.set_ready();
        assert_eq!(shutdown.phase(), Phase::Ready);
        shutdown.advance(Phase::Draining);
        shutdown.set_ready();
        assert_eq!(shutdown.phase(), Phase::Draining);
    }

    #[test]
    fn the_second_request_forces() {
        let shutdown = Shutdown::new();
        assert!(shutdown.request());
        assert!(!shutdown.forced().is_cancelled());
        assert!(!shutdown.request());
        assert!(shutdown.forced().is_cancelled());
        assert!(shutdown.draining().is_cancelled());
    }

    #[test]
    fn a_cause_of_our_own_never_forces() {
        let shutdown = Shutdown::new();
        shutdown.request_once();
        shutdown.request_once();
        assert!(shutdown.is_requested());
        assert!(shutdown.request());
        assert!(!shutdown.forced().is_cancelled());
    }
}
