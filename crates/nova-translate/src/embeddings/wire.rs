//! The bodies that embedding models read and the answers that they write.
//!
//! Sources: Amazon Bedrock user guide, "Amazon Titan Embeddings Text" and "Amazon Titan Multimodal Embeddings G1"; Amazon Nova user guide,
//! "Complete embeddings request and response schema".

use serde::{Deserialize, Serialize};

/// The body of one call.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(untagged)]
pub enum EmbeddingBody {
    /// A Titan model.
    Titan(TitanBody),
    /// Nova Multimodal Embeddings.
    Nova(NovaBody),
}

/// The body of the Titan models: each has one of the ways to ask for a length, or none.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TitanBody {
    pub(super) input_text: String,
    /// V2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<u32>,
    /// V2: vectors of length one, as OpenAI's are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) normalize: Option<bool>,
    /// Multimodal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) embedding_config: Option<EmbeddingConfig>,
}

#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct EmbeddingConfig {
    pub(super) output_embedding_length: u32,
}

/// The body of Nova Multimodal Embeddings.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NovaBody {
    pub(super) schema_version: &'static str,
    pub(super) task_type: &'static str,
    pub(super) single_embedding_params: SingleEmbeddingParams,
}

#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct SingleEmbeddingParams {
    pub(super) embedding_purpose: String,
    pub(super) embedding_dimension: u32,
    pub(super) text: NovaText,
}

#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct NovaText {
    pub(super) truncation_mode: &'static str,
    pub(super) value: String,
}

/// The answer of the Titan models.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TitanAnswer {
    /// `null` or absent where something went wrong.
    pub(super) embedding: Option<Vec<f32>>,
    pub(super) input_text_token_count: Option<u64>,
    /// Multimodal: what went wrong.
    pub(super) message: Option<String>,
}

/// The answer of Nova.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NovaAnswer {
    pub(super) embeddings: Vec<NovaEmbedding>,
    pub(super) input_text_token_count: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NovaEmbedding {
    pub(super) embedding: Vec<f32>,
}
