//! The dimensions of a price that are closed lists: what is counted, by which unit, in which service tier.
//!
//! Owns their names, which are those of books, overlays and reports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is counted and paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Tokens read that were in no cache: Bedrock's `inputTokens`. Also the tokens of a text that is embedded.
    Input,
    /// Tokens written: Bedrock's `outputTokens`, reasoning included.
    Output,
    /// Tokens read from the prompt cache: `cacheReadInputTokens`.
    CacheRead,
    /// Tokens written to the prompt cache for five minutes, the one lifetime that Nova has.
    CacheWrite,
    /// Tokens written to the prompt cache for an hour, as Bedrock's `cacheDetails` tell them; no Nova model takes that lifetime today.
    CacheWriteHour,
    /// Images that are embedded, by the piece.
    InputImage,
    /// Images that are drawn, by the piece.
    Image(ImageQuality, ImageSize),
}

/// The quality that an image was asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageQuality {
    /// `standard`.
    Standard,
    /// `premium`.
    Premium,
}

/// The class of size that an image is priced in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageSize {
    /// Up to 1024 by 1024 pixels.
    To1024,
    /// Up to 2048 by 2048 pixels.
    To2048,
}

impl ImageSize {
    /// The class of an image of this size in pixels.
    ///
    /// The price list says "up to 1024 by 1024" and not whether sides or pixels are meant. Here an image is of the smaller class when
    /// neither side is longer, which is never less than what is billed.
    #[must_use]
    pub fn of(width: u32, height: u32) -> Self {
        if width.max(height) <= 1024 { Self::To1024 } else { Self::To2048 }
    }
}

/// What a price is for so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// One token.
    Token,
    /// A thousand tokens, as most of AWS's price list.
    ThousandTokens,
    /// A million tokens.
    MillionTokens,
    /// One image.
    Image,
}

/// How soon Bedrock answers, and for which price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// On demand, which Bedrock calls `default`.
    #[default]
    Standard,
    /// Before others.
    Priority,
    /// After others.
    Flex,
    /// By a batch job, within a day.
    Batch,
}

/// A name that none of a list has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{written:?} is no {what}: write one of {known}")]
pub struct NameError {
    what: &'static str,
    written: String,
    known: String,
}

impl Kind {
    /// All, in the order of a bill.
    pub const ALL: [Self; 10] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWriteHour,
        Self::InputImage,
        Self::Image(ImageQuality::Standard, ImageSize::To1024),
        Self::Image(ImageQuality::Premium, ImageSize::To1024),
        Self::Image(ImageQuality::Standard, ImageSize::To2048),
        Self::Image(ImageQuality::Premium, ImageSize::To2048),
    ];

    /// The name in books and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWriteHour => "cache_write_1h",
            Self::InputImage => "input_image",
            Self::Image(ImageQuality::Standard, ImageSize::To1024) => "image_standard_1024",
            Self::Image(ImageQuality::Premium, ImageSize::To1024) => "image_premium_1024",
            Self::Image(ImageQuality::Standard, ImageSize::To2048) => "image_standard_2048",
            Self::Image(ImageQuality::Premium, ImageSize::To2048) => "image_premium_2048",
        }
    }

    /// Whether images are counted, and not tokens.
    #[must_use]
    pub fn counts_images(self) -> bool {
        matches!(self, Self::InputImage | Self::Image(..))
    }

    /// Whether a price of it can be per this unit.
    #[must_use]
    pub fn is_counted_in(self, unit: Unit) -> bool {
        self.counts_images() == (unit == Unit::Image)
    }
}

impl Unit {
    /// All.
    pub const ALL: [Self; 4] = [Self::Token, Self::ThousandTokens, Self::MillionTokens, Self::Image];

    /// As it is written in books, and in AWS's price list.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ThousandTokens => "1K tokens",
            Self::MillionTokens => "1M tokens",
            Self::Image => "image",
        }
    }

    /// How many pieces it is.
    #[must_use]
    pub fn size(self) -> u32 {
        match self {
            Self::Token | Self::Image => 1,
            Self::ThousandTokens => 1000,
            Self::MillionTokens => 1_000_000,
        }
    }
}

impl Tier {
    /// All, the usual one first.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Priority, Self::Flex, Self::Batch];

    /// The name in books and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Priority => "priority",
            Self::Flex => "flex",
            Self::Batch => "batch",
        }
    }
}

fn named<T: Copy>(
    what: &'static str,
    written: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, NameError> {
    all.iter().copied().find(|candidate| name(*candidate) == written).ok_or_else(|| NameError {
        what,
        written: written.to_owned(),
        known: all.iter().map(|candidate| name(*candidate)).collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for Kind {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        named("kind of usage", text, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Unit {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        named("unit", text, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Tier {
    type Err = NameError;

    /// Reads a tier's name; Bedrock's own word `default` is the standard tier.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "default" {
            return Ok(Self::Standard);
        }
        named("service tier", text, &Self::ALL, Self::as_str)
    }
}

macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

as_text!(Kind, Unit, Tier);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        for unit in Unit::ALL {
            assert_eq!(unit.as_str().parse(), Ok(unit));
        }
        for tier in Tier::ALL {
            assert_eq!(tier.as_str().parse(), Ok(tier));
        }
        assert_eq!("default".parse(), Ok(Tier::Standard));
    }

    #[test]
    fn a_wrong_name_is_told_what_to_write() {
        let error = "cheap".parse::<Tier>().unwrap_err().to_string();
        assert_eq!(error, "\"cheap\" is no service tier: write one of standard, priority, flex, batch");
    }

    #[test]
    fn images_are_priced_by_the_piece_and_tokens_are_not() {
        for kind in Kind::ALL {
            let units: Vec<_> = Unit::ALL.into_iter().filter(|unit| kind.is_counted_in(*unit)).collect();
            assert_eq!(units.contains(&Unit::Image), kind.counts_images());
            assert_eq!(units.contains(&Unit::ThousandTokens), !kind.counts_images());
        }
    }

    #[test]
    fn the_longer_side_decides_the_size() {
        assert_eq!(ImageSize::of(1024, 1024), ImageSize::To1024);
        assert_eq!(ImageSize::of(320, 1040), ImageSize::To2048);
    }
}
