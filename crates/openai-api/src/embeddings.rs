//! `POST /v1/embeddings`: texts in, vectors out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The body of a request for embeddings, with every field of the API reference and one extension.
///
/// `null` means the same as absence. Fields that this type does not know are kept in `rest`, so that they can be named to the caller.
#[derive(Debug, Clone, Deserialize)]
pub struct EmbeddingsRequest {
    /// The model's name, as the caller knows it.
    pub model: String,
    /// What to embed.
    pub input: EmbeddingInput,
    /// `float` or `base64`; OpenAI's Python client asks for base64 unless it is told otherwise.
    pub encoding_format: Option<EncodingFormat>,
    /// The length of the vectors.
    pub dimensions: Option<u32>,
    /// The caller's own id of the end user.
    pub user: Option<String>,
    /// Extension: what the vectors are for, in the words of Nova's `embeddingPurpose`.
    pub embedding_purpose: Option<String>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `input`.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(untagged, expecting = "a string or an array of strings")]
pub enum EmbeddingInput {
    /// One text.
    One(String),
    /// Several texts.
    Many(Vec<String>),
    /// One text in tokens of OpenAI's.
    Tokens(Vec<u64>),
    /// Several texts in tokens of OpenAI's.
    ManyTokens(Vec<Vec<u64>>),
}

/// `encoding_format`: how a vector is written.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum EncodingFormat {
    /// An array of numbers.
    #[default]
    Float,
    /// Standard base64 of little-endian 32-bit floats.
    Base64,
}

/// By way of a string, as [`crate::chat::Effort`].
impl TryFrom<String> for EncodingFormat {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "float" => Ok(Self::Float),
            "base64" => Ok(Self::Base64),
            _ => Err("unknown encoding format, expected float or base64".to_owned()),
        }
    }
}

/// The answer.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct EmbeddingList {
    /// Always `list`.
    pub object: &'static str,
    /// One per input, in the order of the inputs.
    pub data: Vec<Embedding>,
    /// The model's name, as the caller gave it.
    pub model: String,
    /// What was read, where Bedrock has told it of every text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<EmbeddingUsage>,
}

/// One vector.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Embedding {
    /// Always `embedding`.
    pub object: &'static str,
    /// The place of its input.
    pub index: usize,
    /// The vector.
    pub embedding: Vector,
}

/// A vector in the encoding that was asked for.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(untagged)]
pub enum Vector {
    /// Numbers.
    Float(Vec<f32>),
    /// Standard base64 of little-endian 32-bit floats.
    Base64(String),
}

/// `usage` of embeddings, in tokens.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct EmbeddingUsage {
    /// Everything that was read.
    pub prompt_tokens: u64,
    /// The same: nothing is generated.
    pub total_tokens: u64,
}
