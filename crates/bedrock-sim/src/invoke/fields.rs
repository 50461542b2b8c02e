//! Members of a JSON object that has a closed schema, read with the words of AWS's own check.

use serde_json::{Map, Value};

use crate::exception::Exception;

/// An object none of whose members is unknown.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pointer: String,
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The object at `pointer`, such as `#/singleEmbeddingParams`.
    pub(super) fn read(value: &'a Value, pointer: &str, known: &[&str]) -> Result<Self, Exception> {
        let Value::Object(object) = value else {
            return Err(Exception::malformed(
                pointer,
                &format!("expected type: JSONObject, found: {}", kind(value)),
            ));
        };
        if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Exception::extraneous(pointer, key));
        }
        Ok(Self { pointer: pointer.to_owned(), object })
    }

    /// An object within this one.
    pub(super) fn object(&self, key: &str, known: &[&str]) -> Result<Option<Self>, Exception> {
        self.object.get(key).map(|value| Self::read(value, &self.at(key), known)).transpose()
    }

    /// A text of at least one character.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, Exception> {
        match self.object.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => {
                Err(Exception::malformed(&self.at(key), "expected minLength: 1, actual: 0"))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, "String", other)),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, key: &str) -> Result<&'a str, Exception> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// One of some words.
    pub(super) fn word(&self, key: &str, words: &[&str]) -> Result<Option<&'a str>, Exception> {
        let text = self.text(key)?;
        if text.is_some_and(|text| !words.contains(&text)) {
            return Err(self.not_among(key, text.unwrap_or_default()));
        }
        Ok(text)
    }

    /// A whole number.
    pub(super) fn integer(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Exception> {
        let Some(value) = self.object.get(key) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| self.wrong(key, "Integer", value))?;
        if !range.contains(&number) {
            let fault = format!("{number} is not between {} and {}", range.start(), range.end());
            return Err(Exception::malformed(&self.at(key), &fault));
        }
        Ok(Some(number))
    }

    /// One of some whole numbers.
    pub(super) fn choice(&self, key: &str, allowed: &[i64]) -> Result<Option<i64>, Exception> {
        let number = self.integer(key, 0..=i64::MAX)?;
        match number.filter(|number| !allowed.contains(number)) {
            Some(other) => Err(self.not_among(key, &other.to_string())),
            None => Ok(number),
        }
    }

    /// Any number.
    pub(super) fn number(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, Exception> {
        let Some(value) = self.object.get(key) else { return Ok(None) };
        let number = value.as_f64().ok_or_else(|| self.wrong(key, "Number", value))?;
        if !range.contains(&number) {
            let fault = format!("{number} is not between {} and {}", range.start(), range.end());
            return Err(Exception::malformed(&self.at(key), &fault));
        }
        Ok(Some(number))
    }

    /// A boolean.
    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, Exception> {
        let Some(value) = self.object.get(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(key, "Boolean", value))
    }

    /// The refusal of an object that lacks a member.
    pub(super) fn missing(&self, key: &str) -> Exception {
        Exception::malformed(&self.pointer, &format!("required key [{key}] not found"))
    }

    fn at(&self, key: &str) -> String {
        format!("{}/{key}", self.pointer)
    }

    fn wrong(&self, key: &str, wanted: &str, found: &Value) -> Exception {
        Exception::malformed(&self.at(key), &format!("expected type: {wanted}, found: {}", kind(found)))
    }

    fn not_among(&self, key: &str, found: &str) -> Exception {
        Exception::malformed(&self.at(key), &format!("{found} is not a valid enum value"))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Double",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    }
}
