//! What must hold for any bytes whatever: one function for each reader of bytes that others wrote.
//!
//! The functions are run by libFuzzer (`targets/`, by `just fuzz TARGET SECONDS`) and over the committed corpus in the ordinary suite
//! (`tests/corpus.rs`), so that an input that once broke something stays mended. A function fails by a panic. It leaves the search for
//! inputs to libFuzzer, and IO to nobody: all of them work in memory.

mod config;
mod journal;
mod keys_file;
mod proxy_header;
mod request;
mod stream;

pub use config::config;
pub use journal::journal;
pub use keys_file::keys_file;
pub use proxy_header::proxy_header;
pub use request::{chat, responses};
pub use stream::{frames, stream};

/// A reader under test: takes any bytes, and panics where a promise is broken.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("chat", chat),
    ("responses", responses),
    ("frames", frames),
    ("stream", stream),
    ("config", config),
    ("proxy_header", proxy_header),
    ("keys_file", keys_file),
    ("journal", journal),
];
