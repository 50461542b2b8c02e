//! The geographies of system-defined inference profiles.

use std::fmt;

use serde::Deserialize;

/// The prefix of an inference profile id. Requests stay within it.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Geography {
    /// Japan.
    Jp,
    /// Australia.
    Au,
    /// Canada.
    Ca,
    /// United States.
    Us,
    /// GovCloud.
    UsGov,
    /// Europe.
    Eu,
    /// Asia and the Pacific.
    Apac,
    /// Any commercial region.
    Global,
}

impl Geography {
    /// All of them, those of one country before those that contain it, so that the first fitting one is the narrowest.
    pub const ALL: [Self; 8] =
        [Self::Jp, Self::Au, Self::Ca, Self::Us, Self::UsGov, Self::Eu, Self::Apac, Self::Global];

    /// The prefix as it is written, without the dot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jp => "jp",
            Self::Au => "au",
            Self::Ca => "ca",
            Self::Us => "us",
            Self::UsGov => "us-gov",
            Self::Eu => "eu",
            Self::Apac => "apac",
            Self::Global => "global",
        }
    }

    /// The geography of that prefix.
    #[must_use]
    pub fn parse(prefix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|geography| geography.as_str() == prefix)
    }

    /// The narrowest geography that an AWS region lies in. None where AWS has none: South America, Mexico, Africa, the Middle East, China.
    ///
    /// Where a region lies, not which profiles can be called from it: Israel can call Europe's, and is not in Europe.
    #[must_use]
    pub fn of_region(region: &str) -> Option<Self> {
        let (area, rest) = region.split_once('-')?;
        match (area, rest) {
            ("us", rest) if rest.starts_with("gov-") => Some(Self::UsGov),
            ("us", rest) if rest.starts_with("iso") => None,
            ("us", _) => Some(Self::Us),
            ("ca", _) => Some(Self::Ca),
            ("eu", rest) if rest.starts_with("iso") => None,
            ("eu" | "eusc", _) => Some(Self::Eu),
            // Tokyo and Osaka; Sydney and Melbourne.
            ("ap", "northeast-1" | "northeast-3") => Some(Self::Jp),
            ("ap", "southeast-2" | "southeast-4") => Some(Self::Au),
            ("ap", _) => Some(Self::Apac),
            _ => None,
        }
    }

    /// Whether all that stays in `self` stays in `outer`.
    #[must_use]
    pub fn is_within(self, outer: Self) -> bool {
        self == outer
            || matches!((self, outer), (Self::Jp | Self::Au, Self::Apac))
            || (outer == Self::Global && self != Self::UsGov)
    }

    /// Splits `us.amazon.nova-lite-v1:0` into the geography and the foundation model's id.
    #[must_use]
    pub fn split(profile_id: &str) -> Option<(Self, &str)> {
        let (prefix, rest) = profile_id.split_once('.')?;
        Some((Self::parse(prefix)?, rest))
    }
}

impl fmt::Display for Geography {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
