//! How far a clock is off, by the `Date` of an answer. Pure, but for who looks at the time before and after.

use jiff::Timestamp;
use nova_hashistack::transport::{Answer, Call, HashistackError, Transport};

use super::super::fact::{Asked, Skew, Trouble};

/// The largest answer of a question that is asked for its time.
const MAX_ANSWER: usize = 1 << 20;

/// `Date` has whole seconds, cut off (RFC 9110, section 5.6.7): on average it is half a second behind.
const HALF_SECOND_MS: i64 = 500;

/// Sends the call, and measures the clock of whoever answers.
///
/// # Errors
/// As [`Transport::open`].
pub(super) async fn dated(
    transport: &Transport,
    call: &Call,
) -> Result<(Answer, Asked<Skew>), HashistackError> {
    let before = Timestamp::now();
    let open = transport.open(call).await?;
    let after = Timestamp::now();
    let skew = match open.header("date") {
        Some(date) => skew(date, before, after),
        None => Err(Trouble::NotAsked("its answers have no Date".to_owned())),
    };
    Ok((open.read(MAX_ANSWER).await?, skew))
}

/// How far the clock that wrote `date` is ahead of the one that told `before` and `after`.
fn skew(date: &str, before: Timestamp, after: Timestamp) -> Asked<Skew> {
    let told = jiff::fmt::rfc2822::parse(date)
        .map_err(|error| Trouble::Odd(format!("its Date {date:?} is none: {error}")))?;
    let way = after.as_millisecond() - before.as_millisecond();
    let middle = before.as_millisecond() + way / 2;
    Ok(Skew {
        ahead_ms: told.timestamp().as_millisecond() + HALF_SECOND_MS - middle,
        margin_ms: HALF_SECOND_MS + way / 2,
    })
}

/// As [`skew`], for a time in whole seconds since the epoch.
pub(super) fn skew_of_seconds(told: i64, before: Timestamp, after: Timestamp) -> Skew {
    let way = after.as_millisecond() - before.as_millisecond();
    Skew {
        ahead_ms: told.saturating_mul(1000) + HALF_SECOND_MS - (before.as_millisecond() + way / 2),
        margin_ms: HALF_SECOND_MS + way / 2,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("Sun, 01 Mar 2026 12:00:00 GMT", 500 - 100, 600)]
    #[case("Sun, 01 Mar 2026 12:00:45 GMT", 45_500 - 100, 600)]
    #[case("Sun, 01 Mar 2026 11:59:00 GMT", -59_500 - 100, 600)]
    fn a_clock_is_compared_with_the_middle_of_the_question(
        #[case] date: &str,
        #[case] ahead_ms: i64,
        #[case] margin_ms: i64,
    ) {
        let (before, after) = (at("2026-03-01T12:00:00Z"), at("2026-03-01T12:00:00.2Z"));
        assert_eq!(skew(date, before, after), Ok(Skew { ahead_ms, margin_ms }));
        let seconds = at("2026-03-01T12:00:00Z").as_second();
        assert_eq!(skew_of_seconds(seconds, before, after), Skew { ahead_ms: 400, margin_ms: 600 });
    }

    #[test]
    fn what_is_no_date_is_told() {
        let now = at("2026-03-01T12:00:00Z");
        assert!(matches!(skew("soon", now, now), Err(Trouble::Odd(told)) if told.contains("soon")));
    }
}
