//! Dates that come again: the part of RFC 5545's recurrence rules that maintenance windows need.
//!
//! `FREQ` (`DAILY`, `WEEKLY`, `MONTHLY`, `YEARLY`), `INTERVAL`, `BYDAY` (with ordinals, such as `-1SU`, by month), `BYMONTHDAY` and
//! `BYMONTH`. The rest is refused by name, `COUNT` and `UNTIL` among it: a window that one day opens no more is found out when it is
//! needed. A whole implementation would bring a second library of dates with a second database of time zones, and rules of seconds
//! that have to be bounded; a rule of dates is decided for each date by itself.

use std::str::FromStr;

use jiff::civil::{Date, Weekday};

/// When something comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    frequency: Frequency,
    interval: i32,
    /// Weekdays, each with which one of the month it is; zero means each.
    weekdays: Vec<(i8, Weekday)>,
    /// Days of the month; negative ones count from its end.
    month_days: Vec<i8>,
    months: Vec<i8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Recurrence {
    /// Whether it comes on `date`, when it comes for the first time on `start` or on the first date after it that fits.
    #[must_use]
    pub fn has(&self, start: Date, date: Date) -> bool {
        date >= start && self.is_in_step(start, date) && self.fits(start, date)
    }

    /// Whether the date is in a day, week, month or year that is not left out.
    fn is_in_step(&self, start: Date, date: Date) -> bool {
        let passed = match self.frequency {
            Frequency::Daily => days_between(start, date),
            Frequency::Weekly => days_between(monday(start), monday(date)) / 7,
            Frequency::Monthly => months(date) - months(start),
            Frequency::Yearly => i32::from(date.year()) - i32::from(start.year()),
        };
        passed.rem_euclid(self.interval) == 0
    }

    fn fits(&self, start: Date, date: Date) -> bool {
        let month_fits = match (self.frequency, self.months.is_empty()) {
            // Only the month of the start, unless days or weekdays are of any.
            (Frequency::Yearly, true) => date.month() == start.month(),
            (_, true) => true,
            (_, false) => self.months.contains(&date.month()),
        };
        let days = date.days_in_month();
        let month_day_fits = self.month_days.is_empty()
            || self.month_days.iter().any(|&day| match day {
                1.. => date.day() == day,
                _ => date.day() == days.saturating_add(1).saturating_add(day),
            });
        let weekday_fits = self.weekdays.is_empty() || self.weekdays.iter().any(|one| is_weekday(date, *one));
        month_fits && month_day_fits && weekday_fits && self.fits_the_start(start, date)
    }

    /// What is not said is as the start has it.
    fn fits_the_start(&self, start: Date, date: Date) -> bool {
        if !self.weekdays.is_empty() || !self.month_days.is_empty() {
            return true;
        }
        match self.frequency {
            Frequency::Daily => true,
            Frequency::Weekly => date.weekday() == start.weekday(),
            Frequency::Monthly | Frequency::Yearly => date.day() == start.day(),
        }
    }
}

fn is_weekday(date: Date, (which, weekday): (i8, Weekday)) -> bool {
    let from_start = (date.day() - 1) / 7 + 1;
    let from_end = (date.days_in_month() - date.day()) / 7 + 1;
    date.weekday() == weekday && (which == 0 || which == from_start || which == -from_end)
}

fn days_between(from: Date, to: Date) -> i32 {
    from.duration_until(to).as_hours().checked_div(24).and_then(|days| i32::try_from(days).ok()).unwrap_or(-1)
}

fn monday(date: Date) -> Date {
    let back = i64::from(date.weekday().to_monday_zero_offset());
    date.saturating_sub(jiff::Span::new().days(back))
}

fn months(date: Date) -> i32 {
    i32::from(date.year()) * 12 + i32::from(date.month())
}

impl FromStr for Recurrence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut frequency = None;
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            weekdays: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
        };
        let mut seen: Vec<&str> = Vec::new();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is not NAME=VALUE"))?;
            if seen.contains(&name) {
                return Err(format!("{name} is written twice"));
            }
            seen.push(name);
            match name {
                "FREQ" => frequency = Some(frequency_of(value)?),
                "INTERVAL" => rule.interval = whole(value, 1..=1000)?,
                "BYDAY" => rule.weekdays = list(value, weekday)?,
                "BYMONTHDAY" => rule.month_days = list(value, month_day)?,
                "BYMONTH" => rule.months = list(value, |month| whole(month, 1..=12))?,
                "COUNT" | "UNTIL" => {
                    return Err(format!("{name} would close the window for ever; leave it out"));
                }
                _ => return Err(format!("{name} is not known here")),
            }
        }
        rule.frequency = frequency.ok_or("FREQ is missing")?;
        let has_ordinals = rule.weekdays.iter().any(|(which, _)| *which != 0);
        if has_ordinals && !matches!(rule.frequency, Frequency::Monthly | Frequency::Yearly) {
            return Err("a number before a weekday needs FREQ=MONTHLY".to_owned());
        }
        if rule.frequency == Frequency::Weekly && !rule.month_days.is_empty() {
            return Err("BYMONTHDAY does not go with FREQ=WEEKLY".to_owned());
        }
        if rule.frequency == Frequency::Yearly && rule.months.is_empty() && !rule.weekdays.is_empty() {
            return Err("BYDAY needs BYMONTH with FREQ=YEARLY".to_owned());
        }
        Ok(rule)
    }
}

fn frequency_of(text: &str) -> Result<Frequency, String> {
    match text {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        _ => Err(format!("FREQ={text} is not DAILY, WEEKLY, MONTHLY or YEARLY")),
    }
}

fn list<T>(text: &str, of: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(of).collect()
}

fn whole<T>(text: &str, range: std::ops::RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("{text:?} is not a whole number from {} to {}", range.start(), range.end()))
}

fn month_day(text: &str) -> Result<i8, String> {
    whole(text, -31..=31)
        .and_then(|day| if day == 0 { Err("no month has a day 0".to_owned()) } else { Ok(day) })
}

fn weekday(text: &str) -> Result<(i8, Weekday), String> {
    let place = text.len().checked_sub(2).filter(|&place| text.is_char_boundary(place));
    let wrong = || format!("{text:?} is not a weekday such as MO or -1SU");
    let (which, name) = place.map(|place| text.split_at(place)).ok_or_else(wrong)?;
    let weekday = match name {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return Err(wrong()),
    };
    match which {
        "" => Ok((0, weekday)),
        which => whole(which, -5..=5).map(|which| (which, weekday)).and_then(|found| match found {
            (0, _) => Err(wrong()),
            found => Ok(found),
        }),
    }
}
