//! Windows and blackout dates, at the edges of clocks and months.

use rstest::rstest;

use super::*;

fn stamp(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window_of(start: &str, rrule: &str, hours: u64, zone: &str) -> GateKind {
    GateKind::Window {
        start: start.parse().unwrap(),
        rrule: rrule.to_owned(),
        duration: Duration::from_secs(hours * 3600),
        time_zone: zone.to_owned(),
    }
}

/// What the gate says, as `open until` or `closed until`.
fn said(gate: &GateKind, now: &str) -> String {
    let until = |until: Option<Timestamp>| {
        until.map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"))
    };
    match at(gate, stamp(now)) {
        Opening::Open(to) => format!("open {}", until(to)),
        Opening::Closed(to) => format!("closed {}", until(to)),
    }
}

#[rstest]
// Weekdays of working hours, in winter and in summer.
#[case(
    "2026-01-05T09:00",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    8,
    "2026-01-06T07:59:59Z",
    "closed until 2026-01-06T08:00:00Z"
)]
#[case(
    "2026-01-05T09:00",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    8,
    "2026-01-06T08:00:00Z",
    "open until 2026-01-06T16:00:00Z"
)]
#[case(
    "2026-01-05T09:00",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    8,
    "2026-01-06T16:00:00Z",
    "closed until 2026-01-08T08:00:00Z"
)]
#[case(
    "2026-01-05T09:00",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    8,
    "2026-07-07T07:00:00Z",
    "open until 2026-07-07T15:00:00Z"
)]
// Before the first of all.
#[case("2026-01-05T09:00", "FREQ=DAILY", 1, "2025-12-31T00:00:00Z", "closed until 2026-01-05T08:00:00Z")]
// Over midnight.
#[case("2026-01-05T22:00", "FREQ=DAILY", 6, "2026-02-02T02:00:00Z", "open until 2026-02-02T03:00:00Z")]
// The night in which clocks go forward at 02:00: 02:30 is not there, and the window opens as much later, for its whole length.
#[case("2026-01-04T02:30", "FREQ=WEEKLY", 2, "2026-03-29T01:00:00Z", "closed until 2026-03-29T01:30:00Z")]
#[case("2026-01-04T02:30", "FREQ=WEEKLY", 2, "2026-03-29T03:29:59Z", "open until 2026-03-29T03:30:00Z")]
// The night in which clocks go back at 03:00: 02:30 is there twice, and the window opens at the first.
#[case("2026-01-04T02:30", "FREQ=WEEKLY", 1, "2026-10-25T00:30:00Z", "open until 2026-10-25T01:30:00Z")]
#[case("2026-01-04T02:30", "FREQ=WEEKLY", 1, "2026-10-25T01:30:00Z", "closed until 2026-11-01T01:30:00Z")]
// Months without a 31st have no window; the last day is another matter.
#[case("2026-01-31T00:00", "FREQ=MONTHLY", 1, "2026-02-10T00:00:00Z", "closed until 2026-03-30T22:00:00Z")]
#[case(
    "2026-01-31T00:00",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    1,
    "2026-02-10T00:00:00Z",
    "closed until 2026-02-27T23:00:00Z"
)]
// The last Sunday of a month, and the second Tuesday.
#[case(
    "2026-01-01T01:00",
    "FREQ=MONTHLY;BYDAY=-1SU",
    1,
    "2026-02-01T12:00:00Z",
    "closed until 2026-02-22T00:00:00Z"
)]
#[case(
    "2026-01-01T01:00",
    "FREQ=MONTHLY;BYDAY=2TU",
    1,
    "2026-02-01T12:00:00Z",
    "closed until 2026-02-10T00:00:00Z"
)]
// Every other week, counted from the week of the start.
#[case(
    "2026-01-05T09:00",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
    1,
    "2026-01-06T00:00:00Z",
    "closed until 2026-01-19T08:00:00Z"
)]
// The leap day.
#[case("2024-02-29T12:00", "FREQ=YEARLY", 1, "2026-01-01T00:00:00Z", "closed until 2028-02-29T11:00:00Z")]
// A day that never comes.
#[case(
    "2026-01-01T12:00",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    1,
    "2026-01-01T00:00:00Z",
    "closed for ever"
)]
fn windows_open_and_close(
    #[case] start: &str,
    #[case] rrule: &str,
    #[case] hours: u64,
    #[case] now: &str,
    #[case] expected: &str,
) {
    assert_eq!(said(&window_of(start, rrule, hours, "Europe/Berlin"), now), expected);
}

#[test]
fn windows_that_touch_are_one() {
    let always = window_of("2026-01-01T00:00", "FREQ=WEEKLY;BYDAY=MO,TU", 24, "UTC");
    assert_eq!(said(&always, "2026-01-05T12:00:00Z"), "open until 2026-01-07T00:00:00Z");
}

#[test]
fn a_blackout_closes_from_its_first_moment_to_its_last() {
    let freeze = GateKind::Blackout {
        from: "2026-12-20T00:00".parse().unwrap(),
        until: "2027-01-04T06:00".parse().unwrap(),
        time_zone: "America/New_York".to_owned(),
    };
    for (now, expected) in [
        ("2026-12-20T04:59:59Z", "open until 2026-12-20T05:00:00Z"),
        ("2026-12-20T05:00:00Z", "closed until 2027-01-04T11:00:00Z"),
        ("2027-01-04T11:00:00Z", "open for ever"),
    ] {
        assert_eq!(said(&freeze, now), expected, "{now}");
    }
}

#[test]
fn what_is_not_understood_is_closed() {
    assert_eq!(
        said(&window_of("2026-01-01T00:00", "FREQ=HOURLY", 1, "UTC"), "2026-01-01T00:00:00Z"),
        "closed for ever"
    );
    let nowhere = window_of("2026-01-01T00:00", "FREQ=DAILY", 1, "Europe/Nowhere");
    assert_eq!(said(&nowhere, "2026-01-01T00:00:00Z"), "closed for ever");
}

#[rstest]
#[case("BYDAY=MO", "FREQ is missing")]
#[case("FREQ=HOURLY", "FREQ=HOURLY is not DAILY, WEEKLY, MONTHLY or YEARLY")]
#[case("FREQ=DAILY;COUNT=3", "COUNT would close the window for ever; leave it out")]
#[case("FREQ=DAILY;BYSETPOS=1", "BYSETPOS is not known here")]
#[case("FREQ=WEEKLY;BYDAY=1MO", "a number before a weekday needs FREQ=MONTHLY")]
#[case("FREQ=WEEKLY;BYDAY=XX", "\"XX\" is not a weekday such as MO or -1SU")]
#[case("FREQ=WEEKLY;BYDAY=", "\"\" is not a weekday such as MO or -1SU")]
#[case("FREQ=MONTHLY;BYMONTHDAY=32", "\"32\" is not a whole number from -31 to 31")]
#[case("FREQ=MONTHLY;BYMONTHDAY=0", "no month has a day 0")]
#[case("FREQ=DAILY;INTERVAL=0", "\"0\" is not a whole number from 1 to 1000")]
#[case("FREQ=DAILY;FREQ=DAILY", "FREQ is written twice")]
#[case("DAILY", "\"DAILY\" is not NAME=VALUE")]
fn a_rule_that_is_not_understood_says_why(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(text.parse::<Recurrence>().unwrap_err(), expected);
}
