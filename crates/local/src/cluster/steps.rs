//! What a person sees while a cluster comes up: each step when it is done, on standard error, and a spinner for the one under way.

use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The steps so far.
#[derive(Debug)]
pub(super) struct Steps {
    /// It shows nothing where standard error is no terminal.
    bar: ProgressBar,
    begun: Instant,
    is_quiet: bool,
}

impl Steps {
    /// Begins with nothing under way. `is_quiet` is for scripts.
    pub(super) fn begin(is_quiet: bool) -> Self {
        let bar = if is_quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, begun: Instant::now(), is_quiet }
    }

    /// Says what is under way.
    pub(super) fn now(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Says what is done.
    pub(super) fn done(&self, what: &str) {
        if self.is_quiet {
            return;
        }
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("{seconds:>4} s  {what}");
        self.bar.suspend(|| {
            // Nobody can be told that standard error is closed.
            drop(writeln!(std::io::stderr(), "{line}"));
        });
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
