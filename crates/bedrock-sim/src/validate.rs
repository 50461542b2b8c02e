//! The rules that Bedrock keeps outside its service model: conversation, tools, media, models.
//!
//! Shapes are already checked (`shape`), so accessors here may treat what is missing as absent. Each file of
//! `validate/` owns one subject; this one owns their order. Texts are AWS's where they are public; where AWS's
//! words are not known, the rule's comment says so.

pub(crate) mod additional_fields;
mod cache_point;
mod conversation;
mod document;
mod image;
mod inference;
mod model_support;
mod tool_config;
mod tool_turns;

use serde_json::Value;

use crate::catalogue::Model;
use crate::exception::Exception;

/// A structurally valid request and the model it is for.
pub(crate) struct Subject<'a> {
    /// The body.
    pub(crate) body: &'a Value,
    /// The model that `modelId` resolved to.
    pub(crate) model: &'static Model,
}

impl<'a> Subject<'a> {
    fn messages(&self) -> &'a [Value] {
        list(self.body, "messages")
    }

    /// Every content block of the conversation with its place, such as `messages.0.content.2`.
    fn blocks(&self) -> impl Iterator<Item = (String, &'a Value)> {
        self.messages().iter().enumerate().flat_map(|(turn, message)| {
            list(message, "content")
                .iter()
                .enumerate()
                .map(move |(index, block)| (format!("messages.{turn}.content.{index}"), block))
        })
    }

    /// Every image, document or text that the model will read: the blocks, and those inside tool results.
    fn readable(&self) -> impl Iterator<Item = (String, &'a Value)> {
        self.blocks().flat_map(|(place, block)| {
            let inner = block.get("toolResult").map(|result| list(result, "content")).unwrap_or_default();
            let nested_place = place.clone();
            let nested = inner
                .iter()
                .enumerate()
                .map(move |(index, block)| (format!("{nested_place}.toolResult.content.{index}"), block));
            std::iter::once((place, block)).chain(nested)
        })
    }
}

/// One rule, or the rules of one subject.
type Rule = fn(&Subject<'_>) -> Result<(), Exception>;

/// Checks a request, in the order in which Bedrock's answers suggest that it does.
///
/// # Errors
/// The first fault, as a `ValidationException`.
pub(crate) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let rules: [Rule; 9] = [
        conversation::check,
        tool_config::check,
        tool_turns::check,
        model_support::check,
        image::check,
        document::check,
        inference::check,
        cache_point::check,
        additional_fields::check,
    ];
    rules.iter().try_for_each(|rule| rule(subject))
}

/// The items of that member, or none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The text of that member, or the empty text.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
