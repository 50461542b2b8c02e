//! Gates that the clock opens: maintenance windows and blackout dates.
//!
//! Pure. Approvals are in the record, and webhooks are asked by the engine.

pub mod recurrence;

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::policy::GateKind;
use recurrence::Recurrence;

/// How many days ahead the next window is looked for: February 29 is at most eight years away.
const HORIZON_DAYS: u32 = 8 * 366 + 31;

/// The longest that a window may be open.
pub const MAX_WINDOW: Duration = Duration::from_secs(31 * 24 * 3600);

/// What the time says of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is open, until then where it closes again. Gates that the time does not open count as open here.
    Open(Option<Timestamp>),
    /// It is closed, until then where it ever opens.
    Closed(Option<Timestamp>),
}

/// What the time says of a gate. What cannot be understood is closed: a policy that was read has been judged before.
#[must_use]
pub fn at(gate: &GateKind, now: Timestamp) -> Opening {
    match gate {
        GateKind::Approval | GateKind::Webhook { .. } => Opening::Open(None),
        GateKind::Window { start, rrule, duration, time_zone } => {
            match (rrule.parse::<Recurrence>(), TimeZone::get(time_zone)) {
                (Ok(rule), Ok(zone)) => window(*start, &rule, *duration, &zone, now),
                _ => Opening::Closed(None),
            }
        }
        GateKind::Blackout { from, until, time_zone } => match TimeZone::get(time_zone) {
            Ok(zone) => blackout(*from, *until, &zone, now),
            Err(_) => Opening::Closed(None),
        },
    }
}

/// A local time as a moment. Where a clock is put forward over it, it is as much later; where a clock is put back over it, it is the
/// first of the two.
fn moment(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

fn blackout(from: DateTime, until: DateTime, zone: &TimeZone, now: Timestamp) -> Opening {
    let (Some(from), Some(until)) = (moment(from, zone), moment(until, zone)) else {
        return Opening::Closed(None);
    };
    if now < from {
        Opening::Open(Some(from))
    } else if now < until {
        Opening::Closed(Some(until))
    } else {
        Opening::Open(None)
    }
}

/// A window opens at the local time of its start on each date of its rule, and closes when its duration has passed: one of eight hours is
/// open for eight hours also in the night in which a clock is put forward.
fn window(
    start: DateTime,
    rule: &Recurrence,
    duration: Duration,
    zone: &TimeZone,
    now: Timestamp,
) -> Opening {
    let duration = duration.min(MAX_WINDOW);
    let days_back = i64::try_from(duration.as_secs() / 86_400).unwrap_or(31).saturating_add(2);
    let today = zone.to_datetime(now).date();
    let mut date = today.saturating_sub(days_back.days());
    let mut open_until: Option<Timestamp> = None;
    for _ in 0..HORIZON_DAYS {
        if rule.has(start.date(), date)
            && let Some(opens) = moment(date.to_datetime(start.time()), zone)
            && let Ok(closes) = opens.checked_add(duration)
        {
            match open_until {
                // Windows that touch are one.
                Some(until) if opens <= until => open_until = Some(until.max(closes)),
                Some(until) => return Opening::Open(Some(until)),
                None if opens <= now && now < closes => open_until = Some(closes),
                None if opens > now => return Opening::Closed(Some(opens)),
                None => {}
            }
        } else if let Some(until) = open_until
            && zone.to_datetime(until).date() < date
        {
            return Opening::Open(Some(until));
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    open_until.map_or(Opening::Closed(None), |until| Opening::Open(Some(until)))
}

#[cfg(test)]
mod tests;
