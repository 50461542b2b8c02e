//! How long a watch waits before its next call: not at all where all is well, longer where nothing comes of it. Pure.

use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::cursor::News;

/// What may be spent at once.
const BUDGET: Duration = Duration::from_secs(15);
/// What a call costs that came back for nothing: two at once, and then one in this time.
const COST_OF_NOTHING: Duration = Duration::from_secs(15);
/// What a change costs: thirty at once, and then two a second, however often somebody writes.
const COST_OF_A_CHANGE: Duration = Duration::from_millis(500);
/// The pause after the first failure, before its random part.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between failures, before its random part: Consul is seen again within twice this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// When an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The call did not wait.
    AtOnce,
    /// Something woke the call before its wait was over.
    Early,
    /// The wait was over.
    AfterTheWait,
}

/// The pauses of one watch.
#[derive(Default)]
pub(super) struct Pace {
    /// When everything that was spent is there again.
    whole_at: Option<Instant>,
    backoff: Option<ExponentialBackoff>,
    /// The pause that the last failure asks for.
    failure: Option<Duration>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pace")
            .field("whole_at", &self.whole_at)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl Pace {
    /// How long to wait before the next call.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        let spent = self.whole_at.map_or(Duration::ZERO, |whole| whole.saturating_duration_since(now));
        let budget = spent.saturating_sub(BUDGET);
        self.failure.map_or(budget, |failure| failure.max(budget))
    }

    /// A call was answered.
    pub(super) fn answered(&mut self, now: Instant, came: Came, news: News) {
        self.failure = None;
        if came != Came::AtOnce || news == News::Changed {
            self.backoff = None;
        }
        let cost = match news {
            News::Changed => COST_OF_A_CHANGE,
            // Reads that follow a failure or a reset are not woken by anything, and those have their price already.
            News::Unchanged | News::Reset | News::ToConfirm if came == Came::Early => COST_OF_NOTHING,
            News::Unchanged | News::Reset | News::ToConfirm => return,
        };
        self.whole_at = Some(self.whole_at.map_or(now, |whole| whole.max(now)) + cost);
    }

    /// A call failed that had taken this long. One that held for longer than the longest pause is not of a series.
    pub(super) fn failed(&mut self, took: Duration) {
        if took > LONGEST_PAUSE {
            self.backoff = None;
        }
        let pauses = self.backoff.get_or_insert_with(|| {
            ExponentialBuilder::new()
                .with_min_delay(FIRST_PAUSE)
                .with_max_delay(LONGEST_PAUSE)
                .without_max_times()
                .with_jitter()
                .build()
        });
        self.failure = Some(pauses.next().unwrap_or(LONGEST_PAUSE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn changes_are_followed_without_a_pause_until_somebody_writes_all_the_time() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for _ in 0..30 {
            now += MOMENT;
            pace.answered(now, Came::Early, News::Changed);
            assert_eq!(pace.pause(now), Duration::ZERO);
        }
        for _ in 0..5 {
            pace.answered(now, Came::Early, News::Changed);
            now += pace.pause(now);
        }
        pace.answered(now, Came::Early, News::Changed);
        assert_eq!(pace.pause(now), COST_OF_A_CHANGE);
    }

    #[test]
    fn calls_that_come_back_for_nothing_are_made_twice_and_then_every_fifteen_seconds() {
        for news in [News::Unchanged, News::Reset, News::ToConfirm] {
            let (mut pace, now) = (Pace::default(), Instant::now());
            pace.answered(now, Came::Early, news);
            assert_eq!(pace.pause(now), Duration::ZERO);
            pace.answered(now, Came::Early, news);
            assert_eq!(pace.pause(now), COST_OF_NOTHING);
            let later = now + COST_OF_NOTHING;
            assert_eq!(pace.pause(later), Duration::ZERO);
            pace.answered(later, Came::Early, news);
            assert_eq!(pace.pause(later), COST_OF_NOTHING);
        }
    }

    #[test]
    fn a_wait_that_ends_costs_nothing() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..100 {
            pace.answered(now, Came::AfterTheWait, News::Unchanged);
        }
        assert_eq!(pace.pause(now), Duration::ZERO);
    }

    #[test]
    fn pauses_between_failures_grow_to_a_limit_and_have_a_random_part() {
        let now = Instant::now();
        let pauses = |failures: usize| {
            let mut pace = Pace::default();
            (0..failures)
                .map(|_| {
                    pace.failed(MOMENT);
                    pace.pause(now)
                })
                .collect::<Vec<_>>()
        };
        let mut least = FIRST_PAUSE;
        for pause in pauses(12) {
            assert!(pause >= least && pause <= least * 2, "{pause:?} from {least:?}");
            least = (least * 2).min(LONGEST_PAUSE);
        }
        assert_ne!(pauses(4), pauses(4));
    }

    #[test]
    fn an_answer_ends_the_pause_and_a_call_that_held_ends_the_series() {
        let now = Instant::now();
        let mut pace = Pace::default();
        (0..8).for_each(|_| pace.failed(MOMENT));
        // The read that follows a failure says that Consul is there; whether it holds is seen when it waits.
        pace.answered(now, Came::AtOnce, News::Unchanged);
        assert_eq!(pace.pause(now), Duration::ZERO);
        pace.failed(MOMENT);
        assert!(pace.pause(now) >= LONGEST_PAUSE);
        pace.failed(LONGEST_PAUSE + MOMENT);
        assert!(pace.pause(now) <= FIRST_PAUSE * 2);
    }
}
