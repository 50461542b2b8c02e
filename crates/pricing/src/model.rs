//! Which model was called, and by which way: the bare id, or an inference profile of a geography.
//!
//! Owns the reading of ids as far as prices need it. Which models exist and where they can be called is the catalogue's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The geography in the name of an inference profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Geography {
    /// United States.
    Us,
    /// Europe.
    Eu,
    /// Asia and the Pacific.
    Apac,
    /// Japan.
    Jp,
    /// Australia.
    Au,
    /// Canada.
    Ca,
    /// GovCloud.
    UsGov,
    /// Any commercial region, at a price of its own.
    Global,
}

/// By which way a model was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Routing {
    /// By the bare id: the region that was asked has answered.
    InRegion,
    /// By an inference profile: some region of the geography has answered. AWS bills it at the price of the region that was asked,
    /// except for `global`, which has prices of its own.
    Profile(Geography),
}

/// A model as prices know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelRef {
    /// The foundation model's id, such as `amazon.nova-lite-v1:0`.
    pub id: String,
    /// The way to it.
    pub routing: Routing,
}

/// An id that does not tell the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefError {
    /// An application inference profile or provisioned throughput: its ARN is a number, and not a model.
    #[error("{0:?} does not tell which model it is: give the id of the model or of the profile behind it")]
    Opaque(String),
    /// No id at all.
    #[error("{0:?} is not a model id: write one such as amazon.nova-lite-v1:0 or eu.amazon.nova-lite-v1:0")]
    Form(String),
}

impl Geography {
    /// All.
    pub const ALL: [Self; 8] =
        [Self::Us, Self::Eu, Self::Apac, Self::Jp, Self::Au, Self::Ca, Self::UsGov, Self::Global];

    /// The prefix of profiles, without its dot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Apac => "apac",
            Self::Jp => "jp",
            Self::Au => "au",
            Self::Ca => "ca",
            Self::UsGov => "us-gov",
            Self::Global => "global",
        }
    }
}

impl Geography {
    /// Whether its profiles are called from that region, as far as names tell: AWS's GetInferenceProfile has the last word.
    ///
    /// The profiles of the USA are called from Canada too, those of Europe from Israel, those of Asia from the Middle East.
    #[must_use]
    pub fn is_called_from(self, region: &str) -> bool {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| region.starts_with(prefix));
        let is_gov = begins(&["us-gov-"]);
        match self {
            Self::Us => begins(&["us-", "ca-"]) && !is_gov,
            Self::UsGov => is_gov,
            Self::Eu => begins(&["eu-", "il-"]),
            Self::Apac => begins(&["ap-", "me-"]),
            Self::Jp => begins(&["ap-northeast-1", "ap-northeast-3"]),
            Self::Au => begins(&["ap-southeast-2", "ap-southeast-4"]),
            Self::Ca => begins(&["ca-"]),
            Self::Global => !is_gov,
        }
    }
}

impl Routing {
    /// Whether calls from that region can go this way, as far as names tell.
    #[must_use]
    pub fn is_called_from(self, region: &str) -> bool {
        match self {
            Self::InRegion => true,
            Self::Profile(geography) => geography.is_called_from(region),
        }
    }

    /// All.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::InRegion).chain(Geography::ALL.into_iter().map(Self::Profile))
    }

    /// The name in books and reports: `in-region`, or the prefix of the profile.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InRegion => "in-region",
            Self::Profile(geography) => geography.as_str(),
        }
    }
}

impl ModelRef {
    /// The id by which Bedrock is called.
    #[must_use]
    pub fn called_id(&self) -> String {
        match self.routing {
            Routing::InRegion => self.id.clone(),
            Routing::Profile(geography) => format!("{}.{}", geography.as_str(), self.id),
        }
    }
}

impl FromStr for ModelRef {
    type Err = ModelRefError;

    /// Reads a model id, an inference profile's id, or the ARN of either.
    fn from_str(text: &str) -> Result<Self, ModelRefError> {
        let form = || ModelRefError::Form(text.to_owned());
        let name = match text.strip_prefix("arn:") {
            None => text,
            // arn:partition:bedrock:region:account:type/name
            Some(arn) => match arn.splitn(5, ':').nth(4).and_then(|resource| resource.split_once('/')) {
                Some(("inference-profile" | "foundation-model", name)) => name,
                Some(("application-inference-profile" | "provisioned-model", _)) => {
                    return Err(ModelRefError::Opaque(text.to_owned()));
                }
                _ => return Err(form()),
            },
        };
        let is_legal = |letter: char| letter.is_ascii_alphanumeric() || ".-_:".contains(letter);
        if name.is_empty() || name.len() > 256 || !name.chars().all(is_legal) {
            return Err(form());
        }
        let profile = name.split_once('.').and_then(|(prefix, model)| {
            let geography = Geography::ALL.into_iter().find(|geography| geography.as_str() == prefix)?;
            Some((geography, model))
        });
        Ok(match profile {
            Some((_, "")) => return Err(form()),
            Some((geography, model)) => Self { id: model.to_owned(), routing: Routing::Profile(geography) },
            None => Self { id: name.to_owned(), routing: Routing::InRegion },
        })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.called_id())
    }
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no way to a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no routing: write in-region, us, eu, apac, jp, au, ca, us-gov or global")]
pub struct RoutingError(pub(crate) String);

impl FromStr for Routing {
    type Err = RoutingError;

    fn from_str(text: &str) -> Result<Self, RoutingError> {
        Self::all().find(|routing| routing.as_str() == text).ok_or_else(|| RoutingError(text.to_owned()))
    }
}

impl Serialize for Routing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Routing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", Routing::InRegion)]
    #[case("eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", Routing::Profile(Geography::Eu))]
    #[case("us-gov.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", Routing::Profile(Geography::UsGov))]
    #[case(
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
        "amazon.nova-pro-v1:0",
        Routing::InRegion
    )]
    #[case(
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.amazon.nova-2-lite-v1:0",
        "amazon.nova-2-lite-v1:0",
        Routing::Profile(Geography::Global)
    )]
    fn an_id_tells_model_and_way(#[case] text: &str, #[case] id: &str, #[case] routing: Routing) {
        let model: ModelRef = text.parse().unwrap();
        assert_eq!((model.id.as_str(), model.routing), (id, routing));
        if !text.starts_with("arn:") {
            assert_eq!(model.to_string(), text);
        }
    }

    #[rstest]
    #[case("")]
    #[case("eu.")]
    #[case("amazon nova")]
    #[case("arn:aws:s3:::bucket")]
    fn what_is_no_id_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<ModelRef>(), Err(ModelRefError::Form(text.to_owned())));
    }

    #[rstest]
    #[case("us-east-1", &["us", "global"])]
    #[case("us-gov-west-1", &["us-gov"])]
    #[case("ca-central-1", &["us", "ca", "global"])]
    #[case("ap-northeast-1", &["apac", "jp", "global"])]
    #[case("il-central-1", &["eu", "global"])]
    fn a_region_calls_the_profiles_of_its_geographies(#[case] region: &str, #[case] expected: &[&str]) {
        let called = Geography::ALL.into_iter().filter(|geography| geography.is_called_from(region));
        assert_eq!(called.map(Geography::as_str).collect::<Vec<_>>(), expected);
        assert!(Routing::InRegion.is_called_from(region));
    }

    #[test]
    fn an_opaque_profile_is_told_from_a_wrong_id() {
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3";
        assert_eq!(arn.parse::<ModelRef>(), Err(ModelRefError::Opaque(arn.to_owned())));
    }
}
