//! The data plane: OpenAI's API in, Bedrock's Converse out.
//!
//! `app.rs` wires everything together, `pipeline.rs` is the straight line that a request takes. See `docs/architecture.md` for the map.

pub mod auth;
pub mod limit;
pub mod media;
pub mod server;
pub mod upstream;
