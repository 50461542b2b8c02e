//! What a model is for, and the facts of those that do not chat.

use std::fmt;

use serde::Deserialize;

use super::Model;
use crate::TranslateError;

/// What a model is for. Each has endpoints of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Conversations, by Converse.
    Chat,
    /// Texts to vectors, by InvokeModel.
    Embeddings,
    /// Texts to images, by InvokeModel.
    Images,
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Chat => "POST /v1/chat/completions",
            Self::Embeddings => "POST /v1/embeddings",
            Self::Images => "POST /v1/images/generations",
        })
    }
}

/// How a model makes embeddings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingFacts {
    /// The form of its requests and answers.
    pub schema: EmbeddingSchema,
    /// The lengths of vector that it gives. The first is given where the caller does not say.
    pub dimensions: Vec<u32>,
    /// The longest text in characters, where the model has such a limit beside its limit of tokens.
    pub characters_max: Option<usize>,
}

/// The form of a model's requests for embeddings.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingSchema {
    /// Titan Embeddings G1 - Text: a text and nothing else.
    TitanTextV1,
    /// Titan Text Embeddings V2.
    TitanTextV2,
    /// Titan Multimodal Embeddings G1.
    TitanMultimodal,
    /// Nova Multimodal Embeddings.
    NovaMultimodal,
}

/// How a model makes images.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFacts {
    /// The longest prompt in characters.
    pub prompt_characters_max: usize,
    /// The most images of one call.
    pub images_max: u32,
    /// The shortest side in pixels.
    pub side_min: u32,
    /// The longest side in pixels.
    pub side_max: u32,
    /// Each side is a multiple of this.
    pub side_step: u32,
    /// The long side is at most this many times the short one.
    pub aspect_max: u32,
    /// Width times height stays below this.
    pub pixels_below: u32,
    /// The highest seed.
    pub seed_max: u32,
}

impl Model {
    /// What the model is for.
    #[must_use]
    pub fn task(&self) -> Task {
        match (&self.embedding, &self.image) {
            (Some(_), _) => Task::Embeddings,
            (None, Some(_)) => Task::Images,
            (None, None) => Task::Chat,
        }
    }

    /// The refusal of a request that the model is not for.
    pub(crate) fn not_for(&self, asked: Task) -> TranslateError {
        let (name, own) = (&self.short_name, self.task());
        let message = format!("the model behind this name, {name}, does not serve {asked}: it serves {own}");
        TranslateError::invalid("model", message)
    }
}
