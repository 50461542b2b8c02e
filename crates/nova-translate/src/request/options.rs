//! What the configuration says about a model, as far as the translation needs it.

use std::collections::BTreeMap;

use openai_api::chat::Effort;

use crate::converse::{GuardrailConfig, GuardrailTrace};

/// What the configuration says about a model.
#[derive(Debug, Clone)]
pub struct Options {
    /// Refuse what Nova cannot honor, instead of dropping it.
    pub strict: bool,
    /// The limit for requests that bring none. Bedrock reserves quota for the model's maximum otherwise.
    pub max_tokens: Option<u32>,
    /// The effort for requests that bring none.
    pub reasoning_effort: Option<Effort>,
    /// The tier for requests that bring none.
    pub service_tier: Option<String>,
    /// Where to place cache points in requests that bring none.
    pub prompt_cache: PromptCache,
    /// Applied to every request.
    pub guardrail: Option<Guardrail>,
    /// Pairs for the invocation log, legal for Bedrock, that win over the caller's.
    pub request_metadata: BTreeMap<String, String>,
    /// The highest `n`.
    pub choices_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strict: false,
            max_tokens: None,
            reasoning_effort: None,
            service_tier: None,
            prompt_cache: PromptCache::default(),
            guardrail: None,
            request_metadata: BTreeMap::new(),
            choices_max: 8,
        }
    }
}

/// Where cache points go by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromptCache {
    /// At the end of the instructions.
    pub system: bool,
    /// At the end of the last user turn.
    pub messages: bool,
}

/// A Bedrock guardrail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrail {
    /// Its id or ARN.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Whether Bedrock reports what it did.
    pub trace: Option<GuardrailTrace>,
}

impl From<&Guardrail> for GuardrailConfig {
    fn from(guardrail: &Guardrail) -> Self {
        Self {
            guardrail_identifier: guardrail.id.clone(),
            guardrail_version: guardrail.version.clone(),
            trace: guardrail.trace,
        }
    }
}
