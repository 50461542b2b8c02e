//! Signals as a stream, so that a test can send them without touching the process.
//!
//! Owns SIGTERM, SIGINT and SIGHUP. What a reload does is the program's.

use std::io;

use slog::{Logger, info};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::mpsc;

use crate::Shutdown;

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: drain.
    Terminate,
    /// SIGINT: drain.
    Interrupt,
    /// SIGHUP: read configuration, keys and certificates again.
    Reload,
}

impl Signal {
    /// The signal's POSIX name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Reload => "SIGHUP",
        }
    }
}

/// Where signals come from.
pub trait SignalSource: Send {
    /// The next signal, or none when the source has ended for good.
    fn next(&mut self) -> impl Future<Output = Option<Signal>> + Send;
}

/// The signals of this process.
#[derive(Debug)]
pub struct OsSignals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    reload: unix::Signal,
}

impl OsSignals {
    /// Takes over SIGTERM, SIGINT and SIGHUP from their default action for the rest of the process's life.
    ///
    /// # Errors
    /// When the operating system refuses a handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            reload: unix::signal(SignalKind::hangup())?,
        })
    }
}

impl SignalSource for OsSignals {
    async fn next(&mut self) -> Option<Signal> {
        tokio::select! {
            got = self.terminate.recv() => got.map(|()| Signal::Terminate),
            got = self.interrupt.recv() => got.map(|()| Signal::Interrupt),
            got = self.reload.recv() => got.map(|()| Signal::Reload),
        }
    }
}

/// Signals sent by hand: for tests, and for programs embedded in another.
impl SignalSource for mpsc::Receiver<Signal> {
    async fn next(&mut self) -> Option<Signal> {
        self.recv().await
    }
}

/// Passes stop signals to `shutdown` (the second one forces) and calls `on_reload` for each SIGHUP, until
/// [`Shutdown::stopped`] or the source's end.
///
/// `on_reload` must return at once, for instance by waking the task that reloads.
pub async fn watch_signals(
    mut source: impl SignalSource,
    shutdown: Shutdown,
    logger: Logger,
    mut on_reload: impl FnMut() + Send,
) {
    loop {
        let signal = tokio::select! {
            signal = source.next() => signal,
            () = shutdown.stopped() => return,
        };
        match signal {
            None => return shutdown.stopped().await,
            Some(Signal::Reload) => {
                info!(logger, "reload requested"; "signal" => Signal::Reload.as_str());
                on_reload();
            }
            Some(stop) => {
                let first = shutdown.request();
                let action = if first { "drain" } else { "force" };
                info!(logger, "stop requested"; "signal" => stop.as_str(), "action" => action);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use slog::o;

    use super::*;
    use crate::Phase;

    #[tokio::test]
    async fn signals_drain_then_force_and_reload_in_between() {
        let (send, receive) = mpsc::channel(4);
        for signal in [Signal::Reload, Signal::Terminate, Signal::Reload] {
            send.send(signal).await.unwrap();
        }
        let shutdown = Shutdown::new();
        let logger = Logger::root(slog::Discard, o!());
        let mut reloads = 0;
        let watching = watch_signals(receive, shutdown.clone(), logger, || reloads += 1);
        tokio::join!(watching, async {
            shutdown.requested().await;
            assert!(!shutdown.forced().is_cancelled());
            send.send(Signal::Interrupt).await.unwrap();
            shutdown.forced().cancelled().await;
            shutdown.advance(Phase::Stopped);
        });
        assert_eq!(reloads, 2);
    }
}
