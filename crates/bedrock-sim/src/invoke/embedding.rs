//! The embedding models: what each reads, and a vector that follows from the text alone.

use aws_lc_rs::digest;
use serde_json::{Value, json};

use super::Answer;
use super::fields::Fields;
use crate::catalogue::Embedder;
use crate::exception::Exception;
use crate::tokens::{self, Usage};

/// Source: Amazon Bedrock user guide, "Amazon Titan Text Embeddings models".
const TITAN_CHARACTERS: usize = 50_000;
/// Source: Amazon Nova user guide, "Complete embeddings request and response schema".
const NOVA_CHARACTERS: usize = 8_192;

const PURPOSES: &[&str] = &[
    "GENERIC_INDEX",
    "GENERIC_RETRIEVAL",
    "TEXT_RETRIEVAL",
    "IMAGE_RETRIEVAL",
    "VIDEO_RETRIEVAL",
    "DOCUMENT_RETRIEVAL",
    "AUDIO_RETRIEVAL",
    "CLASSIFICATION",
    "CLUSTERING",
];

/// A valid request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) text: String,
    embedder: Embedder,
    dimensions: i64,
    /// A text with more is refused.
    tokens_max: u64,
}

impl Request {
    /// Reads a body as `embedder` reads it.
    pub(super) fn read(embedder: Embedder, tokens_max: u64, body: &Value) -> Result<Self, Exception> {
        let (text, dimensions, characters_max) = match embedder {
            Embedder::TitanTextV1 => {
                let fields = Fields::read(body, "#", &["inputText"])?;
                (fields.required_text("inputText")?, 1536, TITAN_CHARACTERS)
            }
            Embedder::TitanTextV2 => {
                let known = ["inputText", "dimensions", "normalize", "embeddingTypes"];
                let fields = Fields::read(body, "#", &known)?;
                fields.boolean("normalize")?;
                let dimensions = fields.choice("dimensions", &[256, 512, 1024])?.unwrap_or(1024);
                (fields.required_text("inputText")?, dimensions, TITAN_CHARACTERS)
            }
            Embedder::TitanMultimodal => {
                let fields = Fields::read(body, "#", &["inputText", "embeddingConfig"])?;
                let config = fields.object("embeddingConfig", &["outputEmbeddingLength"])?;
                let length = config.map(|config| config.choice("outputEmbeddingLength", &[256, 384, 1024]));
                let dimensions = length.transpose()?.flatten().unwrap_or(1024);
                (fields.required_text("inputText")?, dimensions, usize::MAX)
            }
            Embedder::NovaMultimodal => nova(body)?,
        };
        let characters = text.chars().count();
        if characters > characters_max {
            return Err(Exception::validation(format!(
                "400 Bad Request: Too many input characters. Max input characters: {characters_max}, request input \
                 character count: {characters}"
            )));
        }
        Ok(Self { text: text.to_owned(), embedder, dimensions, tokens_max })
    }

    pub(super) fn answer(&self) -> Result<Answer, Exception> {
        let tokens = tokens::of_text(&self.text);
        if tokens > self.tokens_max {
            return Err(Exception::validation(format!(
                "400 Bad Request: Too many input tokens. Max input tokens: {}, request input token count: {tokens}",
                self.tokens_max
            )));
        }
        let vector = vector(&self.text, self.dimensions);
        let body = match self.embedder {
            Embedder::TitanTextV1 | Embedder::TitanMultimodal => {
                json!({"embedding": vector, "inputTextTokenCount": tokens})
            }
            Embedder::TitanTextV2 => {
                let by_type = json!({"float": vector});
                json!({"embedding": vector, "embeddingsByType": by_type, "inputTextTokenCount": tokens})
            }
            Embedder::NovaMultimodal => {
                json!({"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]})
            }
        };
        Ok(Answer { body, usage: Usage { input_tokens: tokens, ..Usage::default() } })
    }
}

fn nova(body: &Value) -> Result<(&str, i64, usize), Exception> {
    let known = ["schemaVersion", "taskType", "singleEmbeddingParams"];
    let fields = Fields::read(body, "#", &known)?;
    fields.word("schemaVersion", &["nova-multimodal-embed-v1"])?;
    fields.word("taskType", &["SINGLE_EMBEDDING"])?.ok_or_else(|| fields.missing("taskType"))?;
    let known = ["embeddingPurpose", "embeddingDimension", "text"];
    let missing = || fields.missing("singleEmbeddingParams");
    let parameters = fields.object("singleEmbeddingParams", &known)?.ok_or_else(missing)?;
    let purpose = parameters.word("embeddingPurpose", PURPOSES)?;
    purpose.ok_or_else(|| parameters.missing("embeddingPurpose"))?;
    let dimensions = parameters.choice("embeddingDimension", &[256, 384, 1024, 3072])?.unwrap_or(3072);
    let text = parameters.object("text", &["truncationMode", "value"])?;
    let text = text.ok_or_else(|| parameters.missing("text"))?;
    let mode = text.word("truncationMode", &["START", "END", "NONE"])?;
    mode.ok_or_else(|| text.missing("truncationMode"))?;
    Ok((text.required_text("value")?, dimensions, NOVA_CHARACTERS))
}

/// A vector of length one whose direction is drawn from a hash of the text.
fn vector(text: &str, dimensions: i64) -> Vec<f32> {
    let mut numbers = Vec::new();
    for block in 0..dimensions.div_euclid(8) {
        let hash = digest::digest(&digest::SHA256, format!("{block} {text}").as_bytes());
        let drawn = hash.as_ref().chunks_exact(4).map(|four| {
            let bits = four.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
            f64::from(bits) / f64::from(u32::MAX) - 0.5
        });
        numbers.extend(drawn);
    }
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "the numbers are below one")]
    numbers.iter().map(|number| (number / length) as f32).collect()
}
