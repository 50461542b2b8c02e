//! The four phases of a process, in the only order they can be passed through.
//!
//! Owns the names. Who moves from one phase to the next is in `shutdown`.

use std::fmt;

/// Where a process is in its life. Phases are ordered and never go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Listeners and dependencies are being set up; no request is served yet.
    Starting,
    /// Requests are served.
    Ready,
    /// New work is turned away, open work is finished.
    Draining,
    /// All work is finished or has been cut off; background tasks end now.
    Stopped,
}

impl Phase {
    /// The name used in logs, metrics and the health page.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
