//! OpenAI's chat completions and responses to Bedrock's Converse and back, for Amazon Nova; embeddings and images to InvokeModel and back.
//!
//! Pure: no IO, no clock, no log, no task. What it cannot know (the time, fetched images, ids) is passed in.
//!
//! - [`converse`]: Bedrock's wire types.
//! - [`catalogue`]: which models exist, where, and what each family can do. Data files, read once.
//! - [`request`]: a chat request to a Converse request, with a note for every rewrite and every parameter left out.
//! - [`reply`]: a Converse answer, whole or as events, to a chat completion or its chunks.
//! - [`responses`]: a request of the Responses API to a chat request, and answers to response objects and their events.
//! - [`embeddings`], [`images`]: their requests to bodies of InvokeModel, and its answers back.
//!
//! Who may call which model, retries and transport belong to `nova-proxy`.

pub mod catalogue;
pub mod converse;
pub mod embeddings;
pub mod error;
pub mod images;
mod invoke;
pub mod note;
pub mod reply;
pub mod request;
pub mod responses;

pub use error::TranslateError;
pub use invoke::InvokeError;
pub use note::{Note, NoteKind};
