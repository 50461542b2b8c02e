//! OpenAI's wire types: what clients send and what they expect back, with the exact names and types of the API reference.
//!
//! Pure: serde only. The types say what a body looks like, not what it means: the rules of a valid conversation, and what Nova can honor,
//! belong to `nova-translate`. Types that are only read (requests) implement `Deserialize`, types that are only written (responses) `Serialize`.

pub mod chat;
pub mod embeddings;
pub mod error;
pub mod images;
pub mod model;
mod raw_json;
pub mod responses;

pub use raw_json::RawJson;
