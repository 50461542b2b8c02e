//! From the target that a configuration names to the id that is called in a region.

use super::{Catalogue, Geography, Model, ModelId, ModelIdError};

/// A model as it is called in one region.
#[derive(Debug, Clone)]
pub struct Target {
    /// What goes into the path of the call: a model id, an inference profile id or an ARN.
    pub model_id: String,
    /// The geography of the inference profile, if it is known to be one.
    pub geography: Option<Geography>,
    /// The foundation model.
    pub model: &'static Model,
}

/// A target that cannot be called in the region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Not an id at all.
    #[error(transparent)]
    Id(#[from] ModelIdError),
    /// Not a Nova model of the catalogue.
    #[error("{target} is not an Amazon Nova model that this version knows: write one of {known}")]
    Unknown {
        /// What was asked for.
        target: String,
        /// The short names of the catalogue.
        known: String,
    },
    /// An ARN that does not tell its model.
    #[error(
        "{target} does not tell which model it serves: add base_model, such as base_model = \"nova-lite\""
    )]
    BaseModelNeeded {
        /// What was asked for.
        target: String,
    },
    /// No way from this region.
    #[error("{model} cannot be called from {region} by a profile of its own geography: {fix}")]
    NotInRegion {
        /// The model.
        model: String,
        /// The region.
        region: String,
        /// What to write instead.
        fix: String,
    },
}

impl Catalogue {
    /// How `target` is called from `region`.
    ///
    /// A bare id becomes the inference profile of the region's own geography, the narrowest that exists; a global profile is never chosen
    /// by itself, because where data may go is the operator's decision. A profile id or an ARN is taken as it is. `base_model` tells what an
    /// opaque ARN serves.
    ///
    /// # Errors
    /// When the target is not a known Nova model, or cannot be reached from the region.
    pub fn resolve(
        &'static self,
        target: &str,
        base_model: Option<&str>,
        region: &str,
    ) -> Result<Target, ResolveError> {
        let known_model = |name: &str| self.find(name).ok_or_else(|| self.unknown(target));
        match ModelId::parse(target)? {
            ModelId::Bare(name) => {
                let model = known_model(name)?;
                let (model_id, geography) = bare(model, region)?;
                // An ARN of a foundation model keeps its form.
                let model_id = if target.starts_with("arn:") { target.to_owned() } else { model_id };
                Ok(Target { model_id, geography, model })
            }
            ModelId::Profile { geography, model } => Ok(Target {
                model_id: target.to_owned(),
                geography: Some(geography),
                model: known_model(model)?,
            }),
            ModelId::Opaque => {
                let base =
                    base_model.ok_or_else(|| ResolveError::BaseModelNeeded { target: target.to_owned() })?;
                Ok(Target { model_id: target.to_owned(), geography: None, model: known_model(base)? })
            }
        }
    }

    fn unknown(&self, target: &str) -> ResolveError {
        let known = self.models.iter().map(|model| model.short_name.as_str()).collect::<Vec<_>>().join(", ");
        ResolveError::Unknown { target: target.to_owned(), known }
    }
}

fn bare(model: &Model, region: &str) -> Result<(String, Option<Geography>), ResolveError> {
    let serves = |geography: &Geography| {
        *geography != Geography::Global
            && model.profiles.get(geography).is_some_and(|regions| regions.iter().any(|own| own == region))
    };
    if let Some(geography) = Geography::ALL.into_iter().find(serves) {
        return Ok((format!("{geography}.{}", model.id), Some(geography)));
    }
    if model.on_demand_regions.iter().any(|own| own == region) {
        return Ok((model.id.clone(), None));
    }
    let fix = if model.profiles.contains_key(&Geography::Global) {
        format!("write global.{} if data may leave the geography, or use another region", model.id)
    } else {
        "use another region, or name an inference profile that your account can call".to_owned()
    };
    Err(ResolveError::NotInRegion { model: model.short_name.clone(), region: region.to_owned(), fix })
}
