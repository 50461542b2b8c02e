//! Durations as they are written: a whole number and a unit, `"30s"`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What a duration looks like, for messages.
pub(crate) const FORM: &str = "a duration: a whole number and ms, s, m or h, such as \"30s\"";

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// A duration in whole milliseconds, written as `"100ms"`, `"30s"`, `"5m"` or `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DurationText(u64);

impl DurationText {
    pub(crate) const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// The duration itself.
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for DurationText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let scale = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale);
        number
            .parse::<u64>()
            .ok()
            .zip(scale)
            .and_then(|(number, scale)| number.checked_mul(scale))
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not {FORM}"))
    }
}

impl TryFrom<String> for DurationText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit that divides it, but "60s" rather than "1m" would be lost: equal values print equally.
        let unit = if self.0 == 0 {
            ("s", 1000)
        } else {
            UNITS.iter().rev().find(|(_, scale)| self.0.is_multiple_of(*scale)).copied().unwrap_or(("ms", 1))
        };
        write!(f, "{}{}", self.0 / unit.1, unit.0)
    }
}

impl From<DurationText> for String {
    fn from(duration: DurationText) -> Self {
        duration.to_string()
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{1,12}(ms|s|m|h)$",
            "x-form": FORM,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        let good = [("0s", 0), ("100ms", 100), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000)];
        for (text, millis) in good {
            assert_eq!(text.parse::<DurationText>().unwrap().get(), Duration::from_millis(millis));
        }
        for bad in
            ["", "s", "5", "5 s", "-5s", "1.5s", "5d", "99999999999999999999h", "9999999999999999999h", "５s"]
        {
            assert!(bad.parse::<DurationText>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn durations_print_in_their_largest_whole_unit() {
        for (millis, text) in
            [(0, "0s"), (100, "100ms"), (1500, "1500ms"), (90_000, "90s"), (3_600_000, "1h")]
        {
            assert_eq!(DurationText::from_millis(millis).to_string(), text);
        }
    }
}
