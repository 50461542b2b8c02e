//! What happened to a watch, counted for whoever shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cursor::News;
use super::pace::Came;

/// Counters of a watch, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct WatchCounters(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    wakeups: AtomicU64,
    unchanged: AtomicU64,
    resets: AtomicU64,
    errors: AtomicU64,
}

/// What was counted since the watch began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchCounts {
    /// Calls that came back before their wait was over.
    pub wakeups: u64,
    /// Those of them that brought nothing new.
    pub unchanged: u64,
    /// Answers whose index had gone backwards, or had other content at an index that was seen before.
    pub resets: u64,
    /// Calls that failed.
    pub errors: u64,
}

impl WatchCounters {
    /// What was counted until now.
    pub fn counts(&self) -> WatchCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { wakeups, unchanged, resets, errors } = &*self.0;
        WatchCounts { wakeups: of(wakeups), unchanged: of(unchanged), resets: of(resets), errors: of(errors) }
    }

    pub(super) fn answered(&self, came: Came, news: News) {
        let is_early = came == Came::Early;
        let add = |counter: &AtomicU64, happened: bool| {
            counter.fetch_add(u64::from(happened), Ordering::Relaxed);
        };
        add(&self.0.wakeups, is_early);
        add(&self.0.unchanged, is_early && news != News::Changed);
        add(&self.0.resets, matches!(news, News::Reset | News::ToConfirm));
    }

    pub(super) fn failed(&self) {
        self.0.errors.fetch_add(1, Ordering::Relaxed);
    }
}
