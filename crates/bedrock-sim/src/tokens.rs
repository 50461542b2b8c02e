//! How the simulator counts tokens, and what a request costs.
//!
//! The rule, so that a test can predict a bill: a text has one token for every four characters, rounded up;
//! a JSON value counts as its compact text; an image has [`IMAGE_TOKENS`], a document [`DOCUMENT_TOKENS`], a
//! video [`VIDEO_TOKENS`]. Reasoning has a fixed number of tokens for each effort. Input counts in this order:
//! tools, system, messages; block by block, never across blocks.

use serde::Serialize;
use serde_json::{Value, json};

/// Tokens of one image, whatever its size.
pub const IMAGE_TOKENS: u64 = 1_000;
/// Tokens of one document, whatever its length.
pub const DOCUMENT_TOKENS: u64 = 1_500;
/// Tokens of one video, whatever its length.
pub const VIDEO_TOKENS: u64 = 2_000;
/// Characters that one token holds.
pub(crate) const CHARACTERS_PER_TOKEN: usize = 4;

/// What was used. `input_tokens`, `cache_read_input_tokens` and `cache_write_input_tokens` are disjoint, as
/// they are on Nova.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Input that was neither read from nor written to the cache.
    pub input_tokens: u64,
    /// Output, reasoning included.
    pub output_tokens: u64,
    /// Input that the prompt cache had.
    pub cache_read_input_tokens: u64,
    /// Input that was written to the prompt cache.
    pub cache_write_input_tokens: u64,
    /// Images that were drawn: they are billed by the piece. Shown where there are any.
    #[serde(skip_serializing_if = "is_zero")]
    pub images: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// All four together.
    pub fn total_tokens(&self) -> u64 {
        [self.output_tokens, self.cache_read_input_tokens, self.cache_write_input_tokens]
            .into_iter()
            .fold(self.input_tokens, u64::saturating_add)
    }

    /// Adds what another request used. A script may claim any number, so sums stop at the largest.
    pub(crate) fn add(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cache_read_input_tokens =
            self.cache_read_input_tokens.saturating_add(other.cache_read_input_tokens);
        self.cache_write_input_tokens =
            self.cache_write_input_tokens.saturating_add(other.cache_write_input_tokens);
        self.images = self.images.saturating_add(other.images);
    }

    /// As `TokenUsage` has it.
    pub(crate) fn wire(&self) -> Value {
        json!({
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
            "totalTokens": self.total_tokens(),
            "cacheReadInputTokens": self.cache_read_input_tokens,
            "cacheWriteInputTokens": self.cache_write_input_tokens,
        })
    }
}

/// Tokens of a text.
pub(crate) fn of_text(text: &str) -> u64 {
    text.chars().count().div_ceil(CHARACTERS_PER_TOKEN) as u64
}

/// Tokens of one content, system or tool block.
pub(crate) fn of_block(block: &Value) -> u64 {
    let Some((kind, content)) = block.as_object().and_then(|block| block.iter().next()) else { return 0 };
    match kind.as_str() {
        "text" => content.as_str().map_or(0, of_text),
        "image" => IMAGE_TOKENS,
        "document" => DOCUMENT_TOKENS,
        "video" => VIDEO_TOKENS,
        "cachePoint" => 0,
        "toolResult" => content
            .get("content")
            .and_then(Value::as_array)
            .map_or(0, |parts| parts.iter().map(of_block).sum()),
        _ => of_text(&content.to_string()),
    }
}

/// Tokens that reasoning takes at that effort.
pub(crate) fn of_effort(effort: &str) -> u64 {
    match effort {
        "low" => 16,
        "medium" => 64,
        _ => 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_follow_the_documented_rule() {
        for (block, tokens) in [
            (json!({"text": ""}), 0),
            (json!({"text": "abcd"}), 1),
            (json!({"text": "abcde"}), 2),
            (json!({"text": "äöüß"}), 1),
            (json!({"image": {}}), IMAGE_TOKENS),
            (json!({"document": {}}), DOCUMENT_TOKENS),
            (json!({"cachePoint": {"type": "default"}}), 0),
            (json!({"toolResult": {"content": [{"text": "abcd"}, {"json": {"a": 1}}]}}), 3),
        ] {
            assert_eq!(of_block(&block), tokens, "{block}");
        }
    }
}
