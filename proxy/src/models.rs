//! The models that this instance serves: names from the configuration, what they stand for from the catalogue.

mod metadata;
mod route;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use nova_config::{Fault, Loaded, ModelConfig, PromptCachePoint, ReasoningEffort, RuntimeConfig};
use nova_translate::catalogue::{Catalogue, Geography, Target, Task};
use nova_translate::converse::GuardrailTrace;
use nova_translate::request::{Guardrail, Options, PromptCache};
use openai_api::chat::Effort;
use openai_api::model::{ModelList, ModelObject};

use crate::auth::Principal;
use crate::error::ApiError;
use crate::upstream::BreakerKey;
use route::Regions;
pub use route::Route;

/// Today, by which models are judged to be past their end. In UTC, as AWS announces it.
#[must_use]
pub fn today() -> Date {
    Offset::UTC.to_datetime(Timestamp::now()).date()
}

/// A name that callers may send, and all that follows from it.
#[derive(Debug)]
pub struct ServedModel {
    /// The name.
    pub name: String,
    /// What is called in the home region.
    pub target: Target,
    /// Where it may be called, in order of preference. The first is the home region.
    pub routes: Vec<Route>,
    /// How requests are translated.
    pub options: Options,
    /// Pairs for Bedrock's invocation log, with placeholders as written.
    pub request_metadata: BTreeMap<String, String>,
    /// How long a streamed call waits for its first event where another region stands ready.
    pub stream_failover_after: Duration,
    /// How long the first byte may take, where the model has a limit of its own.
    pub first_byte_timeout: Option<Duration>,
}

/// The names that are served. Immutable: a reload makes a new one.
#[derive(Debug, Default)]
pub struct ModelTable(BTreeMap<String, Arc<ServedModel>>);

/// A table, and what an operator should know although it works.
#[derive(Debug)]
pub struct BuiltTable {
    /// The table.
    pub table: ModelTable,
    /// Models that are near their end, and well-known names that the region does not have.
    pub warnings: Vec<String>,
}

impl ModelTable {
    /// Builds the table of a configuration as of `today`.
    ///
    /// # Errors
    /// Every model block whose target is unknown, out of reach of the region, or past its end of life.
    pub fn build(loaded: &Loaded, today: Date) -> Result<BuiltTable, Vec<Fault>> {
        let runtime = &loaded.config.runtime;
        let regions = Regions::of(loaded);
        let (mut table, mut warnings) = (BTreeMap::new(), regions.warnings());
        let mut faults = regions.faults(loaded);
        for (name, model) in &runtime.models {
            match resolve(model, &regions, today, &mut warnings) {
                Ok(target) if target.model.task() != Task::Chat && model.guardrail.is_some() => {
                    // A guardrail that is written and not applied would be believed in.
                    let problem = format!(
                        "{} does not chat, and a guardrail is applied to conversations alone",
                        target.model.short_name
                    );
                    let fix = "take the guardrail out of this block".to_owned();
                    faults.push(loaded.fault(&format!("model.{name}.guardrail"), problem, fix));
                }
                Ok(target) => {
                    let (routes, missing) =
                        regions.routes(&target, &model.target, model.base_model.as_deref(), Some(model));
                    warnings.extend(missing.into_iter().map(|why| format!("{name} has no failover: {why}")));
                    table.insert(name.clone(), Arc::new(serve(name, target, routes, Some(model), runtime)));
                }
                Err((problem, fix)) => {
                    faults.push(loaded.fault(&format!("model.{name}.target"), problem, fix))
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if runtime.well_known_models && runtime.models.values().any(|model| model.guardrail.is_some()) {
            let warning = "well-known names reach models without the guardrail of your model blocks: write well_known_models = false";
            warnings.push(warning.to_owned());
        }
        let own_names = Catalogue::built_in()
            .models()
            .map(|model| (model.short_name.as_str(), model.short_name.as_str()));
        let well_known = own_names.chain(Catalogue::built_in().openai_names());
        for (name, target) in well_known.filter(|_| runtime.well_known_models) {
            if table.contains_key(name) || runtime.removed_models.contains(name) {
                continue;
            }
            // A name that nobody wrote is left out where it cannot work; it would be noise to complain.
            if let Ok(home) = regions.home_target(target, None)
                && !is_over(home.model.end_of_life.as_deref(), today)
            {
                let (routes, _) = regions.routes(&home, target, None, None);
                table.insert(name.to_owned(), Arc::new(serve(name, home, routes, None, runtime)));
            }
        }
        Ok(BuiltTable { table: Self(table), warnings })
    }

    /// The model of that name, if the caller may use it.
    ///
    /// Beside the names of the table, a Nova model's own id and the inference profile that is called for it are understood, because programs
    /// that come from AWS's SDKs send them.
    ///
    /// # Errors
    /// When there is no such name, listing those that there are for this caller; or when the caller may not use it.
    pub fn find(&self, name: &str, principal: &Principal) -> Result<Arc<ServedModel>, ApiError> {
        let Some(model) = self.0.get(name).or_else(|| self.by_id(name)) else {
            let served: Vec<&str> = self.allowed(principal).map(|model| model.name.as_str()).collect();
            return Err(ApiError::unknown_model(name, &served.join(", ")));
        };
        if !principal.allowed_models.allows(name) && !principal.allowed_models.allows(&model.name) {
            return Err(ApiError::model_not_allowed(name));
        }
        Ok(Arc::clone(model))
    }

    fn by_id(&self, id: &str) -> Option<&Arc<ServedModel>> {
        let bare = Geography::split(id).map_or(id, |(_, bare)| bare);
        let model = self.0.get(&Catalogue::built_in().find(bare)?.short_name)?;
        (bare == id || model.target.model_id == id).then_some(model)
    }

    /// The models that a caller may use, as `GET /v1/models` shows them.
    #[must_use]
    pub fn list(&self, principal: &Principal) -> ModelList {
        ModelList { object: "list", data: self.allowed(principal).map(|model| model.object()).collect() }
    }

    /// Whether some model is called so.
    #[must_use]
    pub fn calls(&self, key: &BreakerKey) -> bool {
        let mut routes = self.0.values().flat_map(|model| &model.routes);
        routes.any(|route| route.region == key.region && *route.target.model_id == *key.model_id)
    }

    /// How many names are served.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn allowed(&self, principal: &Principal) -> impl Iterator<Item = &Arc<ServedModel>> {
        self.0.values().filter(|model| principal.allowed_models.allows(&model.name))
    }
}

impl ServedModel {
    /// How requests of a caller are translated.
    #[must_use]
    pub fn options_for(&self, principal: Option<&Principal>) -> Cow<'_, Options> {
        if self.request_metadata.is_empty() {
            return Cow::Borrowed(&self.options);
        }
        let request_metadata = metadata::resolve(&self.request_metadata, principal, &self.name);
        Cow::Owned(Options { request_metadata, ..self.options.clone() })
    }

    /// The model object of the API.
    #[must_use]
    pub fn object(&self) -> ModelObject {
        let launched = self.target.model.launched.parse::<Date>().ok();
        let launched = launched.and_then(|date| Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
        let created = launched.and_then(|at| u64::try_from(at.as_second()).ok()).unwrap_or_default();
        ModelObject { id: self.name.clone(), object: "model", created, owned_by: "amazon".to_owned() }
    }
}

/// Resolves the target that somebody wrote, or says what is wrong and what to write.
fn resolve(
    model: &ModelConfig,
    regions: &Regions<'_>,
    today: Date,
    warnings: &mut Vec<String>,
) -> Result<Target, (String, String)> {
    let target = regions.home_target(&model.target, model.base_model.as_deref()).map_err(|error| {
        (
            error.to_string(),
            "write a short name such as nova-lite, or an inference profile that this region can call"
                .to_owned(),
        )
    })?;
    let facts = target.model;
    if is_over(facts.end_of_life.as_deref(), today) && !model.extended_access {
        let ended = facts.end_of_life.as_deref().unwrap_or_default();
        return Err((
            format!("{} reached its end of life on {ended}", facts.short_name),
            "write another model, or extended_access = true if AWS has agreed to answer this account"
                .to_owned(),
        ));
    }
    if let Some(end) = facts.end_of_life.as_deref().or(facts.legacy.as_deref()) {
        warnings.push(format!(
            "{} is at the end of its life ({end}): plan to move to another model",
            facts.short_name
        ));
    }
    Ok(target)
}

fn is_over(day: Option<&str>, today: Date) -> bool {
    day.and_then(|day| day.parse::<Date>().ok()).is_some_and(|day| day <= today)
}

fn serve(
    name: &str,
    target: Target,
    routes: Vec<Route>,
    model: Option<&ModelConfig>,
    runtime: &RuntimeConfig,
) -> ServedModel {
    let caches = |point| model.is_some_and(|model| model.prompt_cache.contains(&point));
    let options = Options {
        strict: model.and_then(|model| model.strict).unwrap_or(runtime.strict),
        max_tokens: model.and_then(|model| model.max_tokens),
        reasoning_effort: model.and_then(|model| model.reasoning_effort).map(effort),
        service_tier: model.and_then(|model| model.service_tier).map(|tier| tier.as_str().to_owned()),
        prompt_cache: PromptCache {
            system: caches(PromptCachePoint::System),
            messages: caches(PromptCachePoint::Messages),
        },
        guardrail: model.and_then(|model| model.guardrail.as_ref()).map(|guardrail| Guardrail {
            id: guardrail.id.clone(),
            version: guardrail.version.clone(),
            trace: Some(match guardrail.trace {
                nova_config::GuardrailTrace::Enabled => GuardrailTrace::Enabled,
                nova_config::GuardrailTrace::Disabled => GuardrailTrace::Disabled,
                nova_config::GuardrailTrace::EnabledFull => GuardrailTrace::EnabledFull,
            }),
        }),
        request_metadata: BTreeMap::new(),
        choices_max: runtime.limits.n,
    };
    let first_byte_timeout = model.and_then(|model| model.first_byte_timeout);
    let mut request_metadata = runtime.request_metadata.clone();
    request_metadata.extend(model.into_iter().flat_map(|model| model.request_metadata.clone()));
    let own_patience = model.and_then(|model| model.stream_failover_after);
    ServedModel {
        name: name.to_owned(),
        target,
        routes,
        options,
        request_metadata,
        stream_failover_after: own_patience.unwrap_or(runtime.failover.stream_after),
        first_byte_timeout,
    }
}

fn effort(effort: ReasoningEffort) -> Effort {
    match effort {
        ReasoningEffort::None => Effort::None,
        ReasoningEffort::Minimal => Effort::Minimal,
        ReasoningEffort::Low => Effort::Low,
        ReasoningEffort::Medium => Effort::Medium,
        ReasoningEffort::High => Effort::High,
    }
}

#[cfg(test)]
mod tests;
