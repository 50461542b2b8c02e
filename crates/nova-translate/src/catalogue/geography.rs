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

    /// Splits `us.amazon.nova-lite-v1:0` into the geography and the foundation model's id.
    #[must_use]
    pub fn split(profile_id: &str) -> Option<(Self, &str)> {
        let (prefix, rest) = profile_id.split_once('.')?;
        let geography = Self::ALL.into_iter().find(|geography| geography.as_str() == prefix)?;
        Some((geography, rest))
    }
}

impl fmt::Display for Geography {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
