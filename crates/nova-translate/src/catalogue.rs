//! Which of Amazon's models exist, what they can do, and by which id a region reaches them.
//!
//! The facts are data (`data/*.toml`), compiled in and read once. Which names a deployment serves is configuration and belongs to `nova-proxy`.

mod capability;
mod geography;
mod model_id;
mod resolve;
mod task;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub use capability::{CachePlace, Capabilities, Input};
pub use geography::Geography;
pub use model_id::{ModelId, ModelIdError};
pub use resolve::{ResolveError, Target};
pub use task::{EmbeddingFacts, EmbeddingSchema, ImageFacts, Task};

const MODELS: &str = include_str!("../data/models.toml");
const CAPABILITIES: &str = include_str!("../data/capabilities.toml");
const OPENAI_NAMES: &str = include_str!("../data/openai_names.toml");

/// The catalogue that this build carries.
///
/// # Panics
/// Never in a build that passed its tests: `the_data_files_are_sound` reads the same text.
#[expect(clippy::expect_used, reason = "the data is compiled in, and a test reads it")]
static BUILT_IN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::parse(MODELS, CAPABILITIES, OPENAI_NAMES).expect("sound data files"));

/// Models, capabilities per family, and default names.
#[derive(Debug)]
pub struct Catalogue {
    models: Vec<Model>,
    capabilities: BTreeMap<String, Capabilities>,
    openai_names: BTreeMap<String, String>,
}

/// One model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The foundation model's id, such as `amazon.nova-lite-v1:0`.
    pub id: String,
    /// The name that people use, such as `nova-lite`.
    pub short_name: String,
    /// The key of its capabilities, for a model that chats.
    pub family: String,
    /// The day of its launch, `YYYY-MM-DD`.
    pub launched: String,
    /// From this day on new customers cannot start with it.
    pub legacy: Option<String>,
    /// From this day on it answers nobody.
    pub end_of_life: Option<String>,
    /// The context window in tokens; 0 where the model is not measured in tokens.
    #[serde(default)]
    pub context_tokens: u32,
    /// At most that many tokens are generated; 0 for a model that generates no text.
    #[serde(default)]
    pub output_tokens_max: u32,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// Whether Bedrock caches its prompts.
    #[serde(default)]
    pub prompt_cache: bool,
    /// Service tiers beside the default one.
    #[serde(default)]
    pub service_tiers: Vec<String>,
    /// Regions where the bare id can be called.
    pub on_demand_regions: Vec<String>,
    /// The regions from which each geography's inference profile can be called.
    #[serde(default)]
    pub profiles: BTreeMap<Geography, Vec<String>>,
    /// How it makes embeddings, if that is what it does.
    pub embedding: Option<EmbeddingFacts>,
    /// How it makes images, if that is what it does.
    pub image: Option<ImageFacts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelsFile {
    model: Vec<Model>,
}

/// A data file that does not hold together.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not the expected TOML.
    #[error("{file} cannot be read: {source}")]
    Syntax {
        /// Which file.
        file: &'static str,
        /// What the parser says.
        source: toml::de::Error,
    },
    /// A reference to something that is not there.
    #[error("{file} names {name}, which is not defined")]
    Dangling {
        /// Which file.
        file: &'static str,
        /// What is missing.
        name: String,
    },
}

impl Catalogue {
    /// The catalogue that this build carries.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads the three data files.
    ///
    /// # Errors
    /// When one cannot be read, or names a model or family that is not defined.
    pub fn parse(models: &str, capabilities: &str, openai_names: &str) -> Result<Self, CatalogueError> {
        let syntax = |file| move |source| CatalogueError::Syntax { file, source };
        let models = toml::from_str::<ModelsFile>(models).map_err(syntax("models.toml"))?.model;
        let capabilities: BTreeMap<String, Capabilities> =
            toml::from_str(capabilities).map_err(syntax("capabilities.toml"))?;
        let openai_names: BTreeMap<String, String> =
            toml::from_str(openai_names).map_err(syntax("openai_names.toml"))?;
        let catalogue = Self { models, capabilities, openai_names };
        let mut chat = catalogue.models.iter().filter(|model| model.task() == Task::Chat);
        if let Some(model) = chat.find(|model| !catalogue.capabilities.contains_key(&model.family)) {
            return Err(CatalogueError::Dangling { file: "models.toml", name: model.family.clone() });
        }
        if let Some(name) = catalogue.openai_names.values().find(|name| catalogue.find(name).is_none()) {
            return Err(CatalogueError::Dangling { file: "openai_names.toml", name: name.clone() });
        }
        Ok(catalogue)
    }

    /// All models.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    /// The default mapping: an OpenAI name and the short name of the model that answers to it.
    pub fn openai_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.openai_names.iter().map(|(name, target)| (name.as_str(), target.as_str()))
    }

    /// A model by foundation model id or short name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == name || model.short_name == name)
    }

    /// What a model's family can do in a conversation. None for a model that does not chat.
    #[must_use]
    pub fn capabilities(&self, model: &Model) -> Option<&Capabilities> {
        self.capabilities.get(&model.family)
    }
}

#[cfg(test)]
mod tests;
