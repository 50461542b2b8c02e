//! Reads the many forms of a model's id: bare, inference profile, ARN, short name.

use super::geography::Geography;

/// What a `modelId` says, before the catalogue is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelId<'a> {
    /// `nova-lite` or `amazon.nova-lite-v1:0`: the region decides how it is reached.
    Bare(&'a str),
    /// `us.amazon.nova-lite-v1:0`, or the ARN of such a profile.
    Profile {
        /// Where requests may go.
        geography: Geography,
        /// The foundation model's id.
        model: &'a str,
    },
    /// An ARN that does not tell the model: an application inference profile or provisioned throughput.
    Opaque,
}

/// An id of no known form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a model id: write a short name (nova-lite), a model id (amazon.nova-lite-v1:0), an inference profile id (us.amazon.nova-lite-v1:0) or its ARN"
)]
pub struct ModelIdError(String);

impl<'a> ModelId<'a> {
    /// Reads an id.
    ///
    /// # Errors
    /// When it is empty, or an ARN of something else than a model.
    pub fn parse(id: &'a str) -> Result<Self, ModelIdError> {
        let error = || ModelIdError(id.to_owned());
        let Some(arn) = id.strip_prefix("arn:") else {
            let legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_' | ':');
            if id.is_empty() || !id.chars().all(legal) {
                return Err(error());
            }
            return Ok(Self::plain(id));
        };
        // arn:partition:bedrock:region:account:type/name
        let mut fields = arn.splitn(5, ':');
        let (Some(_partition), Some("bedrock"), Some(_region), Some(_account), Some(resource)) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(error());
        };
        match resource.split_once('/') {
            Some(("inference-profile" | "foundation-model", name)) if !name.is_empty() => {
                Ok(Self::plain(name))
            }
            Some(("application-inference-profile" | "provisioned-model", name)) if !name.is_empty() => {
                Ok(Self::Opaque)
            }
            _ => Err(error()),
        }
    }

    /// The region that an ARN names: the only one where it can be called. None for ids, and for an ARN without a region.
    #[must_use]
    pub fn arn_region(id: &str) -> Option<&str> {
        id.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
    }

    fn plain(id: &'a str) -> Self {
        match Geography::split(id) {
            Some((geography, model)) => Self::Profile { geography, model },
            None => Self::Bare(id),
        }
    }
}
