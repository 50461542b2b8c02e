//! The answers of an embedding model to OpenAI's list.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openai_api::embeddings::{Embedding, EmbeddingList, EmbeddingUsage, EncodingFormat, Vector};

use super::request::EmbeddingTranslation;
use super::wire::{NovaAnswer, TitanAnswer};
use crate::catalogue::EmbeddingSchema;
use crate::invoke::InvokeError;

/// The answer of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingReply {
    /// The vector.
    pub vector: Vec<f32>,
    /// How many tokens the text had, where the body tells.
    pub input_tokens: Option<u64>,
}

impl EmbeddingTranslation {
    /// Reads the answer of one call.
    ///
    /// # Errors
    /// When it is not what the model answers, the model says that it failed, or the vector has another length than was asked for.
    pub fn read(&self, body: &[u8]) -> Result<EmbeddingReply, InvokeError> {
        let (vector, input_tokens) = match self.schema {
            EmbeddingSchema::NovaMultimodal => {
                let answer: NovaAnswer = serde_json::from_slice(body)?;
                let first = answer.embeddings.into_iter().next();
                (first.map(|first| first.embedding).unwrap_or_default(), answer.input_text_token_count)
            }
            _ => {
                let answer: TitanAnswer = serde_json::from_slice(body)?;
                if let Some(message) = answer.message.filter(|message| !message.is_empty()) {
                    return Err(InvokeError::Failed(message));
                }
                (answer.embedding.unwrap_or_default(), answer.input_text_token_count)
            }
        };
        if vector.len() != self.dimensions as usize {
            let (found, asked) = (vector.len(), self.dimensions);
            return Err(InvokeError::Unfit(format!("a vector of {found} numbers in place of {asked}")));
        }
        Ok(EmbeddingReply { vector, input_tokens })
    }
}

/// OpenAI's list of vectors that are in the order of their texts. `model` is the name that the caller gave, `tokens` what was read in all, where
/// that is known.
#[must_use]
pub fn list(
    model: String,
    vectors: Vec<Vec<f32>>,
    encoding: EncodingFormat,
    tokens: Option<u64>,
) -> EmbeddingList {
    let embedding =
        |(index, vector)| Embedding { object: "embedding", index, embedding: encode(vector, encoding) };
    EmbeddingList {
        object: "list",
        data: vectors.into_iter().enumerate().map(embedding).collect(),
        model,
        usage: tokens.map(|tokens| EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens }),
    }
}

fn encode(vector: Vec<f32>, encoding: EncodingFormat) -> Vector {
    match encoding {
        EncodingFormat::Float => Vector::Float(vector),
        EncodingFormat::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            Vector::Base64(STANDARD.encode(bytes))
        }
    }
}
