//! The data plane: OpenAI's API in, Bedrock's Converse out.
//!
//! `app.rs` wires everything together, `pipeline.rs` is the straight line that a request takes, `error.rs` is what a caller gets when something
//! is wrong. See `docs/architecture.md` for the map.

pub mod alarm;
pub mod app;
pub mod auth;
pub mod call;
pub mod cli;
pub mod context;
pub mod documents;
pub mod embeddings;
pub mod error;
pub mod events;
pub mod explain;
pub mod image_generation;
mod invoke;
pub mod limit;
pub mod media;
pub mod models;
pub mod parse;
pub mod pipeline;
pub mod receipt;
pub mod record;
mod registration;
pub mod reload;
pub mod repair;
pub mod reply;
pub mod requests;
pub mod routes;
pub mod secrets;
pub mod server;
pub mod services;
pub mod snapshot;
pub mod stream;
pub mod surface;
pub mod trace;
pub mod upstream;
pub mod vault;
