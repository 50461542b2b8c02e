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

    /// Learns from the `Date` header of the refusal of a request that was signed for `signed_at`. Returns whether that time was the fault,
    /// so that trying again can help.
    ///
    /// What counts is the time of that one signature: of many requests that a jump of the clock breaks, the first corrects the time, and
    /// all are worth another try.
    pub fn learn(&self, date_header: &str, signed_at: SystemTime) -> bool {
        let Ok(date) = DateTime::from_str(date_header, Format::HttpDate) else {
            return false;
        };
        let (Some(here), Some(signed_at)) = (unix_seconds((self.now)()), unix_seconds(signed_at)) else {
            return false;
        };
        if Duration::from_secs(date.secs().abs_diff(signed_at)) < SKEW_THRESHOLD {
            return false;
        }
        self.offset_seconds.store(date.secs().saturating_sub(here), Ordering::Relaxed);
        true
    }
}

/// None for a time before the epoch, which no clock is set to on purpose.
fn unix_seconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
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
        assert!(clock.learn("Tue, 14 Nov 2023 23:13:20 GMT", clock.now()));
        assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_secs(NOON + 3600));
        assert!(
            !clock.learn("Tue, 14 Nov 2023 23:13:21 GMT", clock.now()),
            "what is known already is no reason to try again"
        );
    }

    #[test]
    fn all_that_were_signed_before_the_correction_are_tried_again() {
        let clock = clock();
        let (first, second) = (clock.now(), clock.now());
        assert!(clock.learn("Tue, 14 Nov 2023 23:13:20 GMT", first));
        assert!(clock.learn("Tue, 14 Nov 2023 23:13:20 GMT", second), "its own signature was off as well");
        assert_eq!(clock.offset_seconds(), 3600);
    }

    #[test]
    fn a_clock_that_is_ahead_moves_back() {
        let clock = clock();
        assert!(clock.learn("Tue, 14 Nov 2023 21:13:20 GMT", clock.now()));
        assert_eq!(clock.offset_seconds(), -3600);
        assert!(
            clock.learn("Tue, 14 Nov 2023 22:13:20 GMT", clock.now()),
            "a machine that was set right is followed again"
        );
        assert_eq!(clock.offset_seconds(), 0);
    }

    #[test]
    fn small_skew_and_bad_dates_change_nothing() {
        let clock = clock();
        assert!(!clock.learn("Tue, 14 Nov 2023 22:16:20 GMT", clock.now()));
        assert!(!clock.learn("yesterday", clock.now()));
        assert_eq!(clock.offset_seconds(), 0);
    }
}
