//! Limits and sampling: `inferenceConfig`, and the members that Nova has beside it.

use openai_api::chat::ChatRequest;

use super::Context;
use super::reasoning::Reasoning;
use crate::TranslateError;
use crate::converse::{AdditionalFields, InferenceConfig, InferenceFields};
use crate::note::Notes;

/// Where limits and sampling parameters go.
#[derive(Debug)]
pub(super) struct Inference {
    pub(super) config: InferenceConfig,
    pub(super) additional: Option<AdditionalFields>,
}

pub(super) fn translate(
    request: &mut ChatRequest,
    context: Context<'_>,
    reasoning: Reasoning,
    notes: &mut Notes,
) -> Result<Inference, TranslateError> {
    let mut config = InferenceConfig {
        max_tokens: max_tokens(request, context, notes)?,
        temperature: temperature(request.temperature, context, notes)?,
        top_p: top_p(request.top_p)?,
        stop_sequences: stop_sequences(request, context, notes)?,
    };
    let mut top_k = top_k(request.top_k, context, notes)?;
    if reasoning.excludes_inference {
        exclude(request, &mut config, &mut top_k, notes)?;
    }
    let fields = AdditionalFields {
        inference_config: top_k.map(|top_k| InferenceFields { top_k }),
        reasoning_config: reasoning.config,
    };
    Ok(Inference { config, additional: (fields != AdditionalFields::default()).then_some(fields) })
}

/// At high effort Nova refuses these members. A default of the configuration goes without a note: the caller did not ask for it.
fn exclude(
    request: &ChatRequest,
    config: &mut InferenceConfig,
    top_k: &mut Option<u32>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    const REASON: &str = "Nova refuses it together with reasoning_effort high";
    let asked_limit =
        if request.max_completion_tokens.is_some() { "max_completion_tokens" } else { "max_tokens" };
    let excluded = [
        (request.max_completion_tokens.or(request.max_tokens).is_some(), asked_limit),
        (config.temperature.take().is_some(), "temperature"),
        (config.top_p.take().is_some(), "top_p"),
        (top_k.take().is_some(), "top_k"),
    ];
    config.max_tokens = None;
    for (was_set, param) in excluded {
        if was_set {
            notes.drop(param, REASON)?;
        }
    }
    Ok(())
}

fn max_tokens(
    request: &ChatRequest,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<Option<u32>, TranslateError> {
    let (param, asked) = match (request.max_completion_tokens, request.max_tokens) {
        (Some(limit), older) => {
            if older.is_some_and(|older| older != limit) {
                notes.rewrite("max_tokens", "max_completion_tokens is set too, and is the newer of the two");
            }
            ("max_completion_tokens", limit)
        }
        (None, Some(limit)) => ("max_tokens", limit),
        (None, None) => {
            return Ok(context
                .options
                .max_tokens
                .map(|limit| limit.min(context.target.model.output_tokens_max)));
        }
    };
    if asked == 0 {
        return Err(TranslateError::invalid(param, format!("{param} must be at least 1")));
    }
    let highest = context.target.model.output_tokens_max;
    if asked > highest {
        notes.drop(
            param,
            format!(
                "{} generates at most {highest} tokens, so {asked} was lowered to that",
                context.target.model.short_name
            ),
        )?;
    }
    Ok(Some(asked.min(highest)))
}

fn temperature(
    asked: Option<f64>,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<Option<f32>, TranslateError> {
    let Some(asked) = asked else { return Ok(None) };
    if !(0.0..=2.0).contains(&asked) {
        return Err(TranslateError::invalid(
            "temperature",
            format!("temperature is {asked}, and must be between 0 and 2"),
        ));
    }
    let highest = context.capabilities.temperature_max;
    if asked > f64::from(highest) {
        notes.drop(
            "temperature",
            format!("Nova's highest temperature is {highest}, so {asked} was lowered to that"),
        )?;
        return Ok(Some(highest));
    }
    Ok(Some(narrow(asked)))
}

fn top_p(asked: Option<f64>) -> Result<Option<f32>, TranslateError> {
    match asked {
        Some(asked) if !(0.0..=1.0).contains(&asked) => {
            Err(TranslateError::invalid("top_p", format!("top_p is {asked}, and must be between 0 and 1")))
        }
        asked => Ok(asked.map(narrow)),
    }
}

/// Converse declares 32-bit floats.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is between 0 and 2, and Converse has no more precision"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn top_k(asked: Option<u32>, context: Context<'_>, notes: &mut Notes) -> Result<Option<u32>, TranslateError> {
    let highest = context.capabilities.top_k_max;
    match asked {
        Some(0) => Err(TranslateError::invalid("top_k", "top_k must be at least 1")),
        Some(asked) if asked > highest => {
            notes.drop(
                "top_k",
                format!("Nova's highest top_k is {highest}, so {asked} was lowered to that"),
            )?;
            Ok(Some(highest))
        }
        asked => Ok(asked),
    }
}

fn stop_sequences(
    request: &mut ChatRequest,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<Vec<String>, TranslateError> {
    let Some(stop) = request.stop.take() else { return Ok(Vec::new()) };
    let mut sequences = stop.into_vec();
    let before = sequences.len();
    // A stop sequence of white space alone, such as a line break, is refused by Bedrock like an empty one.
    sequences.retain(|sequence| !sequence.trim().is_empty());
    if sequences.len() < before {
        notes.drop("stop", "Bedrock refuses blank stop sequences, they were left out")?;
    }
    let highest = context.capabilities.stop_sequences_max;
    if sequences.len() > highest {
        return Err(TranslateError::invalid(
            "stop",
            format!("stop has {} sequences, and at most {highest} are allowed", sequences.len()),
        ));
    }
    Ok(sequences)
}
