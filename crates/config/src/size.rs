//! Sizes as they are written: a whole number and a binary unit, `"25MiB"`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What a size looks like, for messages.
pub(crate) const FORM: &str = "a size: a whole number and B, KiB, MiB or GiB, such as \"25MiB\"";

const UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A number of bytes, written as `"512KiB"`, `"25MiB"` or `"1GiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SizeText(u64);

impl SizeText {
    pub(crate) const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for SizeText {
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

impl TryFrom<String> for SizeText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for SizeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.0 == 0 {
            ("B", 1)
        } else {
            UNITS.iter().rev().find(|(_, scale)| self.0.is_multiple_of(*scale)).copied().unwrap_or(("B", 1))
        };
        write!(f, "{}{}", self.0 / unit.1, unit.0)
    }
}

impl From<SizeText> for String {
    fn from(size: SizeText) -> Self {
        size.to_string()
    }
}

impl JsonSchema for SizeText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{1,12}(B|KiB|MiB|GiB)$",
            "x-form": FORM,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_whole_number_and_a_binary_unit() {
        for (text, bytes) in [("0B", 0), ("1KiB", 1024), ("25MiB", 26_214_400), ("1GiB", 1 << 30)] {
            assert_eq!(text.parse::<SizeText>().unwrap().get(), bytes);
            assert_eq!(text.parse::<SizeText>().unwrap().to_string(), text);
        }
        for bad in
            ["", "25", "25MB", "25 MiB", "1.5MiB", "-1B", "99999999999999999999B", "9999999999999999999GiB"]
        {
            assert!(bad.parse::<SizeText>().is_err(), "{bad:?}");
        }
    }
}
