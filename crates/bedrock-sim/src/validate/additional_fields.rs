//! `additionalModelRequestFields`: what Nova's native request takes beside Converse's own members.
//!
//! First generation: `inferenceConfig.topK`. Second: also `reasoningConfig`. Source: "Complete request schema"
//! and "Reasoning capabilities", Amazon Nova user guides. Texts follow the JSON schema faults that are public.

use serde_json::{Map, Value};

use super::Subject;
use crate::catalogue::Generation;
use crate::exception::Exception;

/// The range of `topK`.
const TOP_K: std::ops::RangeInclusive<i64> = 1..=128;
const EFFORTS: &[&str] = &["low", "medium", "high"];

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let fields = match subject.body.get("additionalModelRequestFields") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            return Err(Exception::validation(
                "The format of the additionalModelRequestFields field is invalid. Provide a json object for the field \
                 and try again.",
            ));
        }
    };
    for (key, value) in fields {
        match (key.as_str(), subject.model.generation) {
            ("inferenceConfig", _) => top_k(value)?,
            ("reasoningConfig", Generation::Nova2) => reasoning(value)?,
            _ => return Err(Exception::extraneous("#", key)),
        }
    }
    if effort(subject.body) == Some("high") { unset_at_high(subject.body, fields) } else { Ok(()) }
}

/// The effort of an enabled reasoning configuration; `medium` where none is given.
pub(crate) fn effort(body: &Value) -> Option<&str> {
    let config = body.get("additionalModelRequestFields")?.get("reasoningConfig")?;
    if config.get("type")?.as_str()? != "enabled" {
        return None;
    }
    Some(config.get("maxReasoningEffort").and_then(Value::as_str).unwrap_or("medium"))
}

fn top_k(value: &Value) -> Result<(), Exception> {
    let config = object("#/inferenceConfig", value)?;
    for (key, value) in config {
        if key != "topK" {
            return Err(Exception::extraneous("#/inferenceConfig", key));
        }
        let Some(number) = value.as_i64() else {
            return Err(Exception::malformed("#/inferenceConfig/topK", &expected("Integer", value)));
        };
        if number < *TOP_K.start() {
            let fault = format!("{number} is not greater or equal to {}", TOP_K.start());
            return Err(Exception::malformed("#/inferenceConfig/topK", &fault));
        }
        if number > *TOP_K.end() {
            let fault = format!("{number} is not less or equal to {}", TOP_K.end());
            return Err(Exception::malformed("#/inferenceConfig/topK", &fault));
        }
    }
    Ok(())
}

fn reasoning(value: &Value) -> Result<(), Exception> {
    let config = object("#/reasoningConfig", value)?;
    for (key, value) in config {
        let allowed: &[&str] = match key.as_str() {
            "type" => &["enabled", "disabled"],
            "maxReasoningEffort" => EFFORTS,
            _ => return Err(Exception::extraneous("#/reasoningConfig", key)),
        };
        let pointer = format!("#/reasoningConfig/{key}");
        match value.as_str() {
            None => return Err(Exception::malformed(&pointer, &expected("String", value))),
            Some(text) if allowed.contains(&text) => {}
            Some(text) => {
                return Err(Exception::malformed(&pointer, &format!("{text} is not a valid enum value")));
            }
        }
    }
    if config.contains_key("type") {
        return Ok(());
    }
    Err(Exception::malformed("#/reasoningConfig", "required key [type] not found"))
}

/// At high effort the model chooses these itself. The text is the simulator's.
fn unset_at_high(body: &Value, fields: &Map<String, Value>) -> Result<(), Exception> {
    let set = |config: Option<&Value>, key: &str| {
        config.and_then(|config| config.get(key)).is_some_and(|value| !value.is_null())
    };
    let sampling =
        ["maxTokens", "temperature", "topP"].into_iter().map(|key| (body.get("inferenceConfig"), key));
    let top_k = std::iter::once((fields.get("inferenceConfig"), "topK"));
    match sampling.chain(top_k).find(|(config, key)| set(*config, key)) {
        Some((_, key)) => Err(Exception::validation(format!(
            "The {key} field must be unset when maxReasoningEffort is high. Remove {key} and try again."
        ))),
        None => Ok(()),
    }
}

fn object<'a>(pointer: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Exception> {
    value.as_object().ok_or_else(|| Exception::malformed(pointer, &expected("JSONObject", value)))
}

fn expected(kind: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Double",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    };
    format!("expected type: {kind}, found: {found}")
}
