//! The level, changeable while loggers are in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slog::{Drain, Level, Never, OwnedKVList, Record};

/// A handle to the level. Clones change the same one.
#[derive(Clone, Debug)]
pub struct LevelControl(Arc<AtomicUsize>);

impl LevelControl {
    pub(super) fn new(level: Level) -> Self {
        Self(Arc::new(AtomicUsize::new(level.as_usize())))
    }

    /// Logs `level` and what is more severe from now on.
    pub fn set(&self, level: Level) {
        self.0.store(level.as_usize(), Ordering::Relaxed);
    }

    /// The least severe level that is logged.
    #[must_use]
    pub fn get(&self) -> Level {
        Level::from_usize(self.0.load(Ordering::Relaxed)).unwrap_or(Level::Info)
    }

    fn allows(&self, level: Level) -> bool {
        level.as_usize() <= self.0.load(Ordering::Relaxed)
    }
}

/// Lets through what the level allows.
pub(super) struct LevelGate<D> {
    level: LevelControl,
    drain: D,
}

impl<D> LevelGate<D> {
    pub(super) fn new(level: LevelControl, drain: D) -> Self {
        Self { level, drain }
    }
}

impl<D: Drain<Ok = (), Err = Never>> Drain for LevelGate<D> {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        if self.level.allows(record.level()) { self.drain.log(record, values) } else { Ok(()) }
    }

    fn is_enabled(&self, level: Level) -> bool {
        self.level.allows(level) && self.drain.is_enabled(level)
    }
}
