//! Dates of prices: a day, which begins at midnight UTC as AWS's billing day does, or an instant.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// A text that is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no date: write a day such as \"2026-09-01\", or an instant such as \"2026-09-01T12:00:00Z\""
)]
pub struct DateError(String);

/// Reads a day, whose midnight in UTC is meant, or an instant of RFC 3339.
///
/// # Errors
/// When it is neither.
pub fn instant(text: &str) -> Result<Timestamp, DateError> {
    let error = || DateError(text.to_owned());
    if text.contains('T') {
        return text.parse().map_err(|_| error());
    }
    let day: Date = text.parse().map_err(|_| error())?;
    Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(|_| error())
}

/// The shortest text that [`instant`] reads back: the day where the instant is a midnight.
#[must_use]
pub fn shown(instant: Timestamp) -> String {
    let civil = Offset::UTC.to_datetime(instant);
    if civil.time() == jiff::civil::Time::midnight() { civil.date().to_string() } else { instant.to_string() }
}

/// The day of UTC that an instant is in.
#[must_use]
pub fn day(instant: Timestamp) -> String {
    Offset::UTC.to_datetime(instant).date().to_string()
}

/// Whole days from one instant to another, negative where the second is earlier.
#[must_use]
pub fn days_between(from: Timestamp, until: Timestamp) -> i64 {
    (until.as_second() - from.as_second()).div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_midnight() {
        let midnight = instant("2026-09-01").unwrap();
        assert_eq!(midnight, "2026-09-01T00:00:00Z".parse().unwrap());
        assert_eq!(shown(midnight), "2026-09-01");
        assert_eq!(shown(instant("2026-09-01T02:00:00+02:00").unwrap()), "2026-09-01");
        assert_eq!(shown(instant("2026-09-01T12:00:00Z").unwrap()), "2026-09-01T12:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "2026", "2026-13-01", "yesterday", "2026-09-01T25:00:00Z"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_whole() {
        let day = |text| instant(text).unwrap();
        assert_eq!(days_between(day("2026-09-01"), day("2026-11-30")), 90);
        assert_eq!(days_between(day("2026-09-01"), day("2026-09-01T23:59:59Z")), 0);
        assert_eq!(days_between(day("2026-09-02"), day("2026-09-01")), -1);
    }
}
