//! From the target that a configuration names to the id that is called in a region, and whether it may be called there.

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
    /// It would leave the geography that data must stay in.
    #[error("{target} in {region} does not keep data in {residency}: {fix}")]
    LeavesResidency {
        /// What was asked for.
        target: String,
        /// The region.
        region: String,
        /// Where data must stay.
        residency: Geography,
        /// What to write instead.
        fix: &'static str,
    },
    /// Another region's ARN, or a profile of another geography.
    #[error("{target} cannot be called from {region}: it belongs to {home}")]
    Elsewhere {
        /// What was asked for.
        target: String,
        /// The region.
        region: String,
        /// The region or geography where it can be called.
        home: String,
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
    /// opaque ARN serves; written as a profile id (`us.amazon.nova-lite-v1:0`) it tells the geography too.
    ///
    /// # Errors
    /// When the target is not a known Nova model, or cannot be reached from the region.
    pub fn resolve(
        &'static self,
        target: &str,
        base_model: Option<&str>,
        region: &str,
    ) -> Result<Target, ResolveError> {
        self.resolve_within(target, base_model, region, None)
    }

    /// As [`Self::resolve`], where data must stay in `residency`.
    ///
    /// # Errors
    /// Also when the region lies outside, or when nothing says that the target stays inside: a wider profile, or an opaque ARN whose
    /// `base_model` names no profile.
    pub fn resolve_within(
        &'static self,
        target: &str,
        base_model: Option<&str>,
        region: &str,
        residency: Option<Geography>,
    ) -> Result<Target, ResolveError> {
        let resolved = self.resolve_anywhere(target, base_model, region, residency)?;
        let Some(residency) = residency else { return Ok(resolved) };
        let leaves = |fix| {
            let (target, region) = (target.to_owned(), region.to_owned());
            Err(ResolveError::LeavesResidency { target, region, residency, fix })
        };
        let inside = |geography: Option<Geography>| geography.is_some_and(|own| own.is_within(residency));
        if !inside(Geography::of_region(region)) {
            return leaves("use a region that lies there");
        }
        let opaque =
            matches!(ModelId::parse(target), Ok(ModelId::Opaque)) && !target.contains(":provisioned-model/");
        match resolved.geography {
            Some(geography) if !inside(Some(geography)) => {
                leaves("name an inference profile of that geography")
            }
            None if opaque => {
                leaves("write base_model as the profile behind it, such as us.amazon.nova-lite-v1:0")
            }
            _ => Ok(resolved),
        }
    }

    /// How `target` is called from `region` in place of its home region: as [`Self::resolve_within`], but a profile is called only from
    /// regions of its geography, and an ARN only in its own region.
    ///
    /// # Errors
    /// Also when it belongs elsewhere.
    pub fn resolve_failover(
        &'static self,
        target: &str,
        base_model: Option<&str>,
        region: &str,
        residency: Option<Geography>,
    ) -> Result<Target, ResolveError> {
        let resolved = self.resolve_within(target, base_model, region, residency)?;
        let elsewhere = |home: &str| {
            let (target, region) = (target.to_owned(), region.to_owned());
            Err(ResolveError::Elsewhere { target, region, home: home.to_owned() })
        };
        if target.starts_with("arn:") {
            return match ModelId::arn_region(target) {
                Some(own) if own == region => Ok(resolved),
                own => elsewhere(own.unwrap_or("no region")),
            };
        }
        match resolved.geography {
            Some(geography) if !callable(resolved.model, geography, region) => elsewhere(geography.as_str()),
            _ => Ok(resolved),
        }
    }

    fn resolve_anywhere(
        &'static self,
        target: &str,
        base_model: Option<&str>,
        region: &str,
        residency: Option<Geography>,
    ) -> Result<Target, ResolveError> {
        let known_model = |name: &str| self.find(name).ok_or_else(|| self.unknown(target));
        match ModelId::parse(target)? {
            ModelId::Bare(name) => {
                let model = known_model(name)?;
                let (model_id, geography) = bare(model, region, residency)?;
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
                let (geography, base) = Geography::split(base)
                    .map_or((None, base), |(geography, model)| (Some(geography), model));
                Ok(Target { model_id: target.to_owned(), geography, model: known_model(base)? })
            }
        }
    }

    fn unknown(&self, target: &str) -> ResolveError {
        let known = self.models.iter().map(|model| model.short_name.as_str()).collect::<Vec<_>>().join(", ");
        ResolveError::Unknown { target: target.to_owned(), known }
    }
}

/// Whether a profile of `geography` can be called from `region`, by the catalogue or by where the region lies.
fn callable(model: &Model, geography: Geography, region: &str) -> bool {
    let listed =
        model.profiles.get(&geography).is_some_and(|regions| regions.iter().any(|own| own == region));
    listed || Geography::of_region(region).is_some_and(|own| own.is_within(geography))
}

fn bare(
    model: &Model,
    region: &str,
    residency: Option<Geography>,
) -> Result<(String, Option<Geography>), ResolveError> {
    let serves = |geography: &Geography| {
        *geography != Geography::Global
            && residency.is_none_or(|residency| geography.is_within(residency))
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
