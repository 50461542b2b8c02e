//! The time that signatures carry: the machine's clock, corrected by what Bedrock says its own clock is.
//!
//! AWS refuses a signature that is more than five minutes off. A machine whose clock drifted that far would fail every call, so
//! the `Date` header of a refusal corrects the signing time, and only that: nothing else in the program follows it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Tells the wall-clock time; injected so that tests decide it.
pub type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// A refusal within this much of agreement is not about the clock. The AWS SDKs use the same value.
const SKEW_THRESHOLD: Duration = Duration::from_mins(4);

/// The machine's clock.
pub fn system_clock() -> WallClock {
    Arc::new(SystemTime::now)
}

/// The wall clock plus the offset learned from Bedrock.
pub struct SigningClock {
    now: WallClock,
    offset_seconds: AtomicI64,
}

impl fmt::Debug for SigningClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningClock").field("offset_seconds", &self.offset_seconds()).finish_non_exhaustive()
    }
}

impl SigningClock {
    /// Follows `now`, without an offset as yet.
    pub fn new(now: WallClock) -> Self {
        Self { now, offset_seconds: AtomicI64::new(0) }
    }

    /// How far Bedrock's clock is ahead of this machine's, as far as it had to be learned.
    pub fn offset_seconds(&self) -> i64 {
        self.offset_seconds.load(Ordering::Relaxed)
    }

    /// The time to sign with.
    pub fn now(&self) -> SystemTime {
        let now = (self.now)();
        let offset = self.offset_seconds();
        let shift = Duration::from_secs(offset.unsigned_abs());
        if offset >= 0 { now.checked_add(shift) } else { now.checked_sub(shift) }.unwrap_or(now)
    }

    /// Learns from the `Date` header of a refused request. Returns whether the signing time moved, so that trying again can help.
    pub fn learn(&self, date_header: &str) -> bool {
        let Ok(date) = DateTime::from_str(date_header, Format::HttpDate) else {
            return false;
        };
        let Ok(since_epoch) = (self.now)().duration_since(UNIX_EPOCH) else {
            return false;
        };
        let Ok(here) = i64::try_from(since_epoch.as_secs()) else {
            return false;
        };
        let offset = date.secs().saturating_sub(here);
        let change = offset.saturating_sub(self.offset_seconds());
        if Duration::from_secs(change.unsigned_abs()) < SKEW_THRESHOLD {
            return false;
        }
        self.offset_seconds.store(offset, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_700_000_000; // Tue, 14 Nov 2023 22:13:20 GMT

    fn clock() -> SigningClock {
        SigningClock::new(Arc::new(|| UNIX_EPOCH + Duration::from_secs(NOON)))
    }

    #[test]
    fn a_large_skew_moves_the_signing_time_once() {
        let clock = clock();
        assert!(clock.learn("Tue, 14 Nov 2023 23:13:20 GMT"));
        assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_secs(NOON + 3600));
        assert!(
            !clock.learn("Tue, 14 Nov 2023 23:13:21 GMT"),
            "what is known already is no reason to try again"
        );
    }

    #[test]
    fn a_clock_that_is_ahead_moves_back() {
        let clock = clock();
        assert!(clock.learn("Tue, 14 Nov 2023 21:13:20 GMT"));
        assert_eq!(clock.offset_seconds(), -3600);
        assert!(
            clock.learn("Tue, 14 Nov 2023 22:13:20 GMT"),
            "a machine that was set right is followed again"
        );
        assert_eq!(clock.offset_seconds(), 0);
    }

    #[test]
    fn small_skew_and_bad_dates_change_nothing() {
        let clock = clock();
        assert!(!clock.learn("Tue, 14 Nov 2023 22:16:20 GMT"));
        assert!(!clock.learn("yesterday"));
        assert_eq!(clock.offset_seconds(), 0);
    }
}
