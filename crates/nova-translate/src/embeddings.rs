//! OpenAI's embeddings to InvokeModel of Amazon's embedding models, and back.
//!
//! These models read one text a call, so that a request with many becomes as many bodies. Making the calls belongs to `nova-proxy`.

mod reply;
mod request;
mod wire;

pub use reply::{EmbeddingReply, list};
pub use request::{EmbeddingTranslation, translate};
pub use wire::EmbeddingBody;

#[cfg(test)]
mod tests;
