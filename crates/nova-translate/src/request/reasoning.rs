//! `reasoning_effort` by Nova 2's rules.
//!
//! Source: Amazon Nova 2 user guide, "Reasoning capabilities": `reasoningConfig` has the efforts low, medium and high, and at high
//! `maxTokens`, `temperature` and `topP` must not be set.

use openai_api::chat::{ChatRequest, Effort};

use super::Context;
use crate::TranslateError;
use crate::converse::{ReasoningConfig, ReasoningKind};
use crate::note::Notes;

/// How the model is asked to reason.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reasoning {
    /// What is sent, if anything.
    pub(super) config: Option<ReasoningConfig>,
    /// At this effort the model refuses limits and sampling parameters.
    pub(super) excludes_inference: bool,
}

impl Reasoning {
    const UNSET: Self = Self { config: None, excludes_inference: false };
}

pub(super) fn translate(
    request: &ChatRequest,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<Reasoning, TranslateError> {
    // A configured default is for the models that can; only what the caller asks for deserves a note.
    if !context.capabilities.reasoning {
        if request.reasoning_effort.is_some_and(|effort| effort != Effort::None) {
            notes.drop("reasoning_effort", format!("{} does not reason", context.target.model.short_name))?;
        }
        return Ok(Reasoning::UNSET);
    }
    let Some(effort) = request.reasoning_effort.or(context.options.reasoning_effort) else {
        return Ok(Reasoning::UNSET);
    };
    let level = match effort {
        Effort::None => {
            let config = ReasoningConfig { kind: ReasoningKind::Disabled, max_reasoning_effort: None };
            return Ok(Reasoning { config: Some(config), excludes_inference: false });
        }
        Effort::Minimal => {
            notes.rewrite("reasoning_effort", "Nova's lowest effort is low");
            "low"
        }
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => {
            notes.rewrite("reasoning_effort", "Nova's highest effort is high");
            "high"
        }
    };
    let config = ReasoningConfig { kind: ReasoningKind::Enabled, max_reasoning_effort: Some(level) };
    Ok(Reasoning { config: Some(config), excludes_inference: excludes_inference(config) })
}

/// Whether the model refuses limits and sampling parameters beside `config`.
pub(super) fn excludes_inference(config: ReasoningConfig) -> bool {
    config.max_reasoning_effort == Some("high")
}
