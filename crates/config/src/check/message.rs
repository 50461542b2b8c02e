//! The words of a fault: from a rule of the schema to what is wrong and what to write. `schema` is always the root.

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::{plain, suggest};
use crate::path::{Path, Segment};
use crate::schema::lookup;

/// A field that the schema has not.
pub(super) fn unknown(schema: &Value, path: &Path, name: &str, is_block: bool) -> (String, String) {
    let what = if is_block { "block" } else { "field" };
    let problem = format!("unknown {what} {name:?}");
    let properties =
        lookup::at(schema, path).and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    let Some(properties) = properties else { return (problem, "take it out".to_owned()) };
    let fix = match suggest::closest(name, properties.keys().map(String::as_str)) {
        Some(close) => format!("write {}", described(properties.get(close), close)),
        None => {
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            format!("take it out, or write one of {}", known.join(", "))
        }
    };
    (problem, fix)
}

/// The known field that the unknown name `written` was probably meant to be.
pub(super) fn meant<'a>(schema: &'a Value, path: &Path, written: &str) -> Option<&'a str> {
    let properties = lookup::at(schema, path)?.get("properties")?.as_object()?;
    if properties.contains_key(written) {
        return None;
    }
    suggest::closest(written, properties.keys().map(String::as_str))
}

/// A required field that is not there.
pub(super) fn missing(schema: &Value, path: &Path, name: &str) -> (String, String) {
    let field = lookup::at(schema, &path.field(name));
    if field.is_some_and(|field| field.get("properties").is_some()) {
        let shown = format!("{name} {{ … }}");
        return (format!("missing block {name:?}"), format!("write {}", described(field, &shown)));
    }
    (format!("missing field {name:?}"), format!("write {}", described(field, name)))
}

/// Any other rule that `instance`, the value at `path`, breaks.
pub(super) fn violation(
    schema: &Value,
    kind: &ValidationErrorKind,
    instance: &Value,
    path: &Path,
) -> (String, String) {
    let value = plain(instance);
    let problem = match kind {
        ValidationErrorKind::Enum { options } => return choice(instance, options),
        ValidationErrorKind::Pattern { .. } => format!("{value} has the wrong form"),
        ValidationErrorKind::Minimum { limit } => format!("{value} is below the minimum {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("{value} is above the maximum {limit}"),
        ValidationErrorKind::MinLength { .. } => "is empty".to_owned(),
        ValidationErrorKind::MaxLength { limit } => format!("is longer than {limit} characters"),
        ValidationErrorKind::MaxItems { limit } => format!("has more than {limit} elements"),
        ValidationErrorKind::MaxProperties { limit } => format!("has more than {limit} entries"),
        ValidationErrorKind::UniqueItems => "has an element twice".to_owned(),
        other => format!("breaks the rule {:?} of the schema", other.keyword()),
    };
    let fix = match kind {
        ValidationErrorKind::UniqueItems => "write each element once".to_owned(),
        ValidationErrorKind::MaxItems { .. } | ValidationErrorKind::MaxProperties { .. } => {
            "take some out".to_owned()
        }
        _ => what_to_write(schema, path),
    };
    (problem, fix)
}

fn choice(instance: &Value, options: &Value) -> (String, String) {
    let names: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let problem = format!("{} is not one of its values", plain(instance));
    let close = instance.as_str().and_then(|text| suggest::closest(text, names.iter().copied()));
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let fix = match close {
        Some(close) => format!("write {close:?} (or another of {})", quoted.join(", ")),
        None => format!("write one of {}", quoted.join(", ")),
    };
    (problem, fix)
}

/// What a value at `path` looks like.
pub(super) fn what_to_write(schema: &Value, path: &Path) -> String {
    let Some(schema) = lookup::at(schema, path) else { return "take it out".to_owned() };
    if let Some(form) = schema.get("x-form").and_then(Value::as_str) {
        return format!("write {form}");
    }
    if let Some(options) = schema.get("enum") {
        let quoted: Vec<String> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
        return format!("write one of {}", quoted.join(", "));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => "write true or false without quotes".to_owned(),
        Some("integer") => match (schema.get("minimum"), schema.get("maximum")) {
            (Some(minimum), Some(maximum)) => format!("write a whole number from {minimum} to {maximum}"),
            _ => "write a whole number".to_owned(),
        },
        Some("array") => "write a list: [\"…\", \"…\"]".to_owned(),
        Some("object") if lookup::is_map(schema) => "write a map: { \"…\" = \"…\" }".to_owned(),
        Some("object") => match path.0.last() {
            Some(Segment::Field(name)) => format!("write {name} {{ … }} without an equals sign"),
            _ => "write a block".to_owned(),
        },
        _ => "write text in double quotes".to_owned(),
    }
}

/// What a key of the map at `path` looks like.
pub(super) fn what_key_to_write(schema: &Value, path: &Path) -> String {
    let form =
        lookup::at(schema, path).and_then(|schema| schema.get("propertyNames")?.get("x-form")?.as_str());
    form.map_or_else(|| "write another key".to_owned(), |form| format!("write {form}"))
}

/// `name (what it is)`, from the field's description.
fn described(schema: Option<&Value>, name: &str) -> String {
    let description = schema.and_then(|schema| schema.get("description")).and_then(Value::as_str);
    description.map_or_else(|| name.to_owned(), |text| format!("{name} ({})", as_apposition(text)))
}

/// The first sentence of a description, as it stands in parentheses.
fn as_apposition(text: &str) -> String {
    let text = text.split_once('\n').map_or(text, |(line, _)| line);
    let sentence = text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.');
    let mut chars = sentence.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().collect::<String>() + chars.as_str()
        }
        _ => sentence.to_owned(),
    }
}
