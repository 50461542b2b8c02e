//! What a family of models can do through Converse.

use serde::Deserialize;

/// The capability matrix's row of one family (`data/capabilities.toml`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Whether `reasoningConfig` is understood.
    pub reasoning: bool,
    /// Whether text may begin with `<thinking>…</thinking>` when tools are present.
    pub leaks_thinking: bool,
    /// The highest temperature.
    pub temperature_max: f32,
    /// The highest `topK`.
    pub top_k_max: u32,
    /// How many stop sequences.
    pub stop_sequences_max: usize,
    /// Where cache points are accepted.
    pub cache_points: Vec<CachePlace>,
    /// How many cache points in a request.
    pub cache_points_max: usize,
}

/// A place of a cache point.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum CachePlace {
    /// In `system`.
    System,
    /// In `messages`.
    Messages,
}

/// A kind of input.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Documents.
    Document,
    /// Video.
    Video,
}
