//! The ways to a model: its region of preference, then the regions that may stand in for it.
//!
//! Residency and geography are decided here and nowhere later: what is not a route is never called.

use nova_config::{Fault, Loaded, ModelConfig};
use nova_translate::catalogue::{Catalogue, Geography, ResolveError, Target};

use crate::upstream::BreakerKey;

/// A model in one region.
#[derive(Debug, Clone)]
pub struct Route {
    /// The AWS region that is asked.
    pub region: Box<str>,
    /// What is called there.
    pub target: Target,
}

impl Route {
    /// The breaker of this route. Names that stand for the same model share it.
    #[must_use]
    pub fn breaker_key(&self) -> BreakerKey {
        BreakerKey { region: self.region.clone(), model_id: self.target.model_id.as_str().into() }
    }
}

/// Where calls may go, by the configuration.
#[derive(Debug, Clone)]
pub(super) struct Regions<'a> {
    pub(super) home: &'a str,
    /// In order. Only regions that were declared when the process started.
    pub(super) failover: Vec<&'a str>,
    /// Written, but declared only after the process started.
    pub(super) undeclared: Vec<&'a str>,
    pub(super) residency: Option<Geography>,
}

impl<'a> Regions<'a> {
    pub(super) fn of(loaded: &'a Loaded) -> Self {
        let bedrock = &loaded.config.bootstrap.bedrock;
        let written = loaded.config.runtime.failover.regions.iter();
        let (failover, undeclared) =
            written.map(String::as_str).partition(|other| bedrock.regions.iter().any(|own| own == other));
        let residency = bedrock.residency.and_then(|residency| Geography::parse(residency.as_str()));
        Self { home: &bedrock.region, failover, undeclared, residency }
    }

    /// Regions that residency forbids as a whole.
    pub(super) fn faults(&self, loaded: &Loaded) -> Vec<Fault> {
        let Some(residency) = self.residency else { return Vec::new() };
        let outside = |region: &str| {
            !Geography::of_region(region).is_some_and(|geography| geography.is_within(residency))
        };
        let fault = |path, region| {
            let problem = format!("{region} does not lie in {residency}, where bedrock.residency keeps data");
            loaded.fault(path, problem, "write a region that does, or change residency")
        };
        let home = outside(self.home).then(|| fault("bedrock.region", self.home));
        let others = self.failover.iter().filter(|region| outside(region));
        home.into_iter().chain(others.map(|region| fault("bedrock.failover_regions", region))).collect()
    }

    /// What an operator should know although it works.
    pub(super) fn warnings(&self) -> Vec<String> {
        let waits = |region: &&str| {
            format!(
                "{region} is not asked before the next start: regions are declared when the process starts"
            )
        };
        let mut warnings: Vec<String> = self.undeclared.iter().map(waits).collect();
        let home = Geography::of_region(self.home);
        let abroad = self.failover.iter().filter(|region| Geography::of_region(region) != home);
        if self.residency.is_none() {
            warnings.extend(abroad.map(|region| {
                format!(
                    "{region} lies in another geography than {} and stands in for it only where a target is global: write residency = \"global\" if data may go there",
                    self.home
                )
            }));
        }
        warnings
    }

    /// How the home region calls `target`.
    pub(super) fn home_target(&self, target: &str, base_model: Option<&str>) -> Result<Target, ResolveError> {
        Catalogue::built_in().resolve_within(target, base_model, self.home, self.residency)
    }

    /// The ways to a model that the home region calls as `home`, that one first; and why a region is not among them.
    pub(super) fn routes(
        &self,
        home: &Target,
        target: &str,
        base_model: Option<&str>,
        model: Option<&ModelConfig>,
    ) -> (Vec<Route>, Vec<String>) {
        let mut routes = vec![Route { region: self.home.into(), target: home.clone() }];
        if model.is_some_and(|model| model.guardrail.is_some()) {
            // Without its guardrail a model must not be called, and a guardrail exists in its own region alone.
            let why = format!("its guardrail exists in {} alone", self.home);
            return (routes, if self.failover.is_empty() { Vec::new() } else { vec![why] });
        }
        // Where nothing was declared, data stays in the geography that it goes to at home.
        let within = self.residency.or(home.geography).or_else(|| Geography::of_region(self.home));
        let mut missing = Vec::new();
        for region in &self.failover {
            match Catalogue::built_in().resolve_failover(target, base_model, region, within) {
                Ok(target) => routes.push(Route { region: (*region).into(), target }),
                Err(error) => missing.push(error.to_string()),
            }
        }
        (routes, missing)
    }
}

#[cfg(test)]
mod tests;
