//! The drain: the one order in which a process stops serving, with a deadline at each step.
//!
//! Owns the waiting. Listeners and connections watch the tokens of [`crate::Shutdown`] themselves.

use std::time::Duration;

use slog::{info, warn};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use crate::{Phase, Tasks};

/// How long open work gets to say its last word (an error event on a stream) after it has been forced.
pub const FORCE_GRACE: Duration = Duration::from_secs(2);

/// How often the number of open connections is logged while waiting.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All open work was finished.
    Drained,
    /// The deadline passed, or somebody forced: some work was cut off.
    Forced,
}

impl Tasks {
    /// Drains the process: phase [`Phase::Draining`], `min_delay` for load balancers to look elsewhere, stop
    /// accepting, up to `drain_timeout` for open connections, then force. Ends in phase [`Phase::Stopped`].
    ///
    /// A second stop request, or [`crate::Shutdown::force`], skips to the end at once. Open work then has
    /// [`FORCE_GRACE`] to close its streams.
    pub async fn drain(&self, min_delay: Duration, drain_timeout: Duration) -> Outcome {
        let shutdown = &self.shutdown;
        shutdown.request_once();
        shutdown.advance(Phase::Draining);
        info!(self.logger, "draining"; "left" => self.connections.len(),
            "min_delay_ms" => millis(min_delay), "timeout_ms" => millis(drain_timeout));
        tokio::select! {
            () = sleep(min_delay) => {}
            () = shutdown.forced().cancelled() => {}
        }
        shutdown.draining().cancel();
        self.connections.close();

        // Biased to the finished work: with nothing left open, a forced stop has nothing to cut off.
        let drained = tokio::select! {
            biased;
            () = self.connections.wait() => true,
            () = shutdown.forced().cancelled() => false,
            () = sleep(drain_timeout) => false,
            () = self.report_connections_left() => false,
        };
        let outcome = match drained {
            true if shutdown.has_cut() => Outcome::Forced,
            true => Outcome::Drained,
            false => self.force_connections().await,
        };
        shutdown.advance(Phase::Stopped);
        outcome
    }

    async fn force_connections(&self) -> Outcome {
        warn!(self.logger, "drain forced: open connections are cut off"; "left" => self.connections.len());
        self.shutdown.force();
        if timeout(FORCE_GRACE, self.connections.wait()).await.is_err() {
            warn!(self.logger, "connections ignored the forced stop"; "left" => self.connections.len());
        }
        Outcome::Forced
    }

    /// Never completes: the drain's other branches end it.
    async fn report_connections_left(&self) {
        let mut tick = interval_at(Instant::now() + REPORT_EVERY, REPORT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            info!(self.logger, "waiting for open connections"; "left" => self.connections.len());
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
