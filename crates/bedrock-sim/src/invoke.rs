//! InvokeModel: the bodies that embedding and image models read and write.
//!
//! AWS's service model knows these bodies as bytes; their schemas are in the user guides and are checked here by
//! hand, with the words of the models' own JSON schema check where those are public.

mod embedding;
mod fields;
mod image;
mod png;

use serde_json::Value;

use crate::catalogue::{Model, Purpose};
use crate::exception::Exception;
use crate::script::Script;
use crate::tokens::Usage;

/// A valid request, understood.
#[derive(Debug)]
pub(crate) enum Request {
    Embedding(embedding::Request),
    Images(image::Request),
}

/// The answer of one call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) usage: Usage,
}

impl Request {
    /// Reads a body as the model reads it.
    ///
    /// # Errors
    /// `ValidationException` for whatever the model refuses.
    pub(crate) fn read(model: &Model, body: &Value) -> Result<Self, Exception> {
        match model.purpose {
            Purpose::Embedding(embedder) => {
                embedding::Request::read(embedder, model.context_tokens, body).map(Self::Embedding)
            }
            Purpose::Images => image::Request::read(body).map(Self::Images),
            Purpose::Chat => Err(Exception::validation(
                "the simulator answers InvokeModel for models of embeddings and images alone",
            )),
        }
    }

    /// The text that may hold a script.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Embedding(request) => &request.text,
            Self::Images(request) => &request.text,
        }
    }

    /// Answers it.
    ///
    /// # Errors
    /// `ValidationException` for a text that is too long for the model.
    pub(crate) fn answer(&self, script: &Script) -> Result<Answer, Exception> {
        match self {
            Self::Embedding(request) => request.answer(),
            Self::Images(request) => Ok(request.answer(script.blocked_images)),
        }
    }
}

#[cfg(test)]
mod tests;
