//! A request for embeddings to the bodies of its calls.

use openai_api::embeddings::{EmbeddingInput, EmbeddingsRequest, EncodingFormat};

use super::wire::{EmbeddingBody, EmbeddingConfig, NovaBody, NovaText, SingleEmbeddingParams, TitanBody};
use crate::TranslateError;
use crate::catalogue::{EmbeddingFacts, EmbeddingSchema, Model, Target, Task};
use crate::note::{Note, Notes};
use crate::request::drop_unknown_fields;

/// How many texts a request may have. Source: OpenAI's API reference.
const INPUTS_MAX: usize = 2048;

/// Source: Amazon Nova user guide, "Complete embeddings request and response schema".
const PURPOSES: [&str; 9] = [
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

/// A translated request: one body for each text, and how to read the answers.
#[derive(Debug, Clone)]
pub struct EmbeddingTranslation {
    /// The bodies of the calls, in the order of the texts.
    pub bodies: Vec<EmbeddingBody>,
    /// In which form each answer comes.
    pub schema: EmbeddingSchema,
    /// How many numbers each vector has.
    pub dimensions: u32,
    /// How the caller wants the vectors written.
    pub encoding: EncodingFormat,
    /// Every rewrite and every drop.
    pub notes: Vec<Note>,
}

impl EmbeddingTranslation {
    /// At most how many bytes the answer takes while it is made: each number as it is kept, and as the longest text that it is written as.
    #[must_use]
    pub fn answer_bytes_max(&self) -> u64 {
        const PER_NUMBER: u64 = 4 + 16;
        const PER_VECTOR: u64 = 128;
        (self.bodies.len() as u64).saturating_mul(u64::from(self.dimensions) * PER_NUMBER + PER_VECTOR)
    }
}

/// Translates a request for `target`. With `strict` what would be dropped is refused.
///
/// # Errors
/// When the model makes no embeddings, the texts are none, too many, empty, too long or in tokens, or the model does not give vectors of the
/// length that is asked for.
pub fn translate(
    request: EmbeddingsRequest,
    target: &Target,
    strict: bool,
) -> Result<EmbeddingTranslation, TranslateError> {
    let model = target.model;
    let facts = model.embedding.as_ref().ok_or_else(|| model.not_for(Task::Embeddings))?;
    let mut notes = Notes::new(strict);
    let dimensions = dimensions(request.dimensions, facts, model)?;
    let purpose = purpose(request.embedding_purpose, facts, &mut notes)?;
    drop_unknown_fields(&request.rest, &mut notes)?;
    let texts = texts(request.input, facts, model)?;
    let body = |text| body(text, facts.schema, dimensions, &purpose);
    Ok(EmbeddingTranslation {
        bodies: texts.into_iter().map(body).collect(),
        schema: facts.schema,
        dimensions,
        encoding: request.encoding_format.unwrap_or_default(),
        notes: notes.into_vec(),
    })
}

fn dimensions(asked: Option<u32>, facts: &EmbeddingFacts, model: &Model) -> Result<u32, TranslateError> {
    let Some(asked) = asked else { return Ok(facts.dimensions.first().copied().unwrap_or_default()) };
    if facts.dimensions.contains(&asked) {
        return Ok(asked);
    }
    let allowed: Vec<String> = facts.dimensions.iter().map(u32::to_string).collect();
    let message =
        format!("dimensions is {asked}, and {} gives vectors of {}", model.short_name, allowed.join(", "));
    Err(TranslateError::invalid("dimensions", message))
}

fn purpose(
    asked: Option<String>,
    facts: &EmbeddingFacts,
    notes: &mut Notes,
) -> Result<String, TranslateError> {
    // What OpenAI's vectors are for: whatever is put into an index.
    let Some(asked) = asked else { return Ok("GENERIC_INDEX".to_owned()) };
    if !PURPOSES.contains(&asked.as_str()) {
        let message = format!("embedding_purpose must be one of {}", PURPOSES.join(", "));
        return Err(TranslateError::invalid("embedding_purpose", message));
    }
    if facts.schema != EmbeddingSchema::NovaMultimodal {
        notes.drop("embedding_purpose", "Titan makes the same vectors for every purpose")?;
    }
    Ok(asked)
}

fn texts(
    input: EmbeddingInput,
    facts: &EmbeddingFacts,
    model: &Model,
) -> Result<Vec<String>, TranslateError> {
    let is_one = matches!(input, EmbeddingInput::One(_));
    let texts = match input {
        EmbeddingInput::One(text) => vec![text],
        EmbeddingInput::Many(texts) => texts,
        // An empty array may be read as one of either kind.
        EmbeddingInput::Tokens(tokens) if tokens.is_empty() => Vec::new(),
        EmbeddingInput::Tokens(_) | EmbeddingInput::ManyTokens(_) => {
            let message = "input holds tokens of OpenAI's, which Amazon's models do not know: send the text itself (in LangChain: check_embedding_ctx_length=False)";
            return Err(TranslateError::unsupported("input", message));
        }
    };
    if texts.is_empty() {
        return Err(TranslateError::invalid("input", "input is empty: send at least one text"));
    }
    if texts.len() > INPUTS_MAX {
        let message =
            format!("input has {} texts, and at most {INPUTS_MAX} are taken in one request", texts.len());
        return Err(TranslateError::invalid("input", message));
    }
    for (index, text) in texts.iter().enumerate() {
        let path = || if is_one { "input".to_owned() } else { format!("input[{index}]") };
        if text.is_empty() {
            return Err(TranslateError::invalid(path(), format!("{} is an empty text", path())));
        }
        // No text has more characters than bytes, so that most need not be counted.
        let limit = facts.characters_max.unwrap_or(usize::MAX);
        if text.len() > limit && text.chars().count() > limit {
            let (path, name) = (path(), &model.short_name);
            let message = format!("{path} is longer than {limit} characters, the most that {name} reads");
            return Err(TranslateError::invalid(path, message));
        }
    }
    Ok(texts)
}

fn body(text: String, schema: EmbeddingSchema, dimensions: u32, purpose: &str) -> EmbeddingBody {
    let titan = TitanBody { input_text: text, dimensions: None, normalize: None, embedding_config: None };
    match schema {
        EmbeddingSchema::TitanTextV1 => EmbeddingBody::Titan(titan),
        EmbeddingSchema::TitanTextV2 => {
            EmbeddingBody::Titan(TitanBody { dimensions: Some(dimensions), normalize: Some(true), ..titan })
        }
        EmbeddingSchema::TitanMultimodal => {
            let config = EmbeddingConfig { output_embedding_length: dimensions };
            EmbeddingBody::Titan(TitanBody { embedding_config: Some(config), ..titan })
        }
        EmbeddingSchema::NovaMultimodal => EmbeddingBody::Nova(NovaBody {
            schema_version: "nova-multimodal-embed-v1",
            task_type: "SINGLE_EMBEDDING",
            single_embedding_params: SingleEmbeddingParams {
                embedding_purpose: purpose.to_owned(),
                embedding_dimension: dimensions,
                // A vector of half a text would pass for that of the whole.
                text: NovaText { truncation_mode: "NONE", value: titan.input_text },
            },
        }),
    }
}
