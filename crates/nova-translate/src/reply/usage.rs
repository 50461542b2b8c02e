//! Token counts in OpenAI's terms.

use openai_api::chat::{PromptTokensDetails, Usage};

use crate::converse::TokenUsage;

/// OpenAI counts everything that was read as prompt, cached or not; Bedrock counts three disjoint parts.
#[must_use]
pub fn to_openai(raw: TokenUsage) -> Usage {
    let prompt_tokens = raw
        .input_tokens
        .saturating_add(raw.cache_read_input_tokens)
        .saturating_add(raw.cache_write_input_tokens);
    Usage {
        prompt_tokens,
        completion_tokens: raw.output_tokens,
        total_tokens: prompt_tokens.saturating_add(raw.output_tokens),
        prompt_tokens_details: PromptTokensDetails {
            cached_tokens: raw.cache_read_input_tokens,
            cache_creation_tokens: (raw.cache_write_input_tokens > 0).then_some(raw.cache_write_input_tokens),
        },
        completion_tokens_details: None,
    }
}

/// The counts of several calls together. With `n` answers Bedrock reads, and bills, the prompt `n` times.
#[must_use]
pub fn sum(parts: impl IntoIterator<Item = TokenUsage>) -> TokenUsage {
    parts.into_iter().fold(TokenUsage::default(), |sum, part| TokenUsage {
        input_tokens: sum.input_tokens.saturating_add(part.input_tokens),
        output_tokens: sum.output_tokens.saturating_add(part.output_tokens),
        cache_read_input_tokens: sum.cache_read_input_tokens.saturating_add(part.cache_read_input_tokens),
        cache_write_input_tokens: sum.cache_write_input_tokens.saturating_add(part.cache_write_input_tokens),
    })
}
