//! The top level of a schema, which Nova takes in one form only.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::budget::TooLarge;
use super::expand::{Chain, Expander};

/// Keywords without effect on what is valid.
const ANNOTATIONS: [&str; 9] =
    ["$schema", "$id", "title", "description", "$defs", "definitions", "examples", "default", "$comment"];

/// How many schemas `allOf` may merge into the top level.
const PARTS_MAX: usize = 64;

/// The top level, with its references followed and `allOf` merged.
#[derive(Debug, Default)]
pub(super) struct TopLevel<'a> {
    pub(super) properties: Vec<(&'a str, &'a Value)>,
    pub(super) required: Vec<&'a str>,
    pub(super) description: Option<&'a str>,
    /// Something was left out that says nothing about what is valid.
    pub(super) annotated: bool,
    /// Keywords that were left out and would have said something.
    pub(super) left_out: Vec<&'a str>,
    /// `type: "object"`, `properties` or `allOf` was there, or nothing at all.
    pub(super) is_object: bool,
}

/// What is wrong with the top level.
#[derive(Debug)]
pub(super) enum TopLevelError {
    TooLarge,
    NotAnObject,
    Keyword(&'static str),
}

impl From<TooLarge> for TopLevelError {
    fn from(TooLarge: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl<'a> TopLevel<'a> {
    /// Reads the top level of `root`. The chains that it followed stay entered, because all else stands within them.
    pub(super) fn read(
        root: &'a Map<String, Value>,
        expander: &mut Expander<'a, '_>,
    ) -> Result<Self, TopLevelError> {
        let mut top = Self::default();
        let mut parts = vec![root];
        let mut next = 0;
        let mut seen_required = HashSet::new();
        while let Some(part) = parts.get(next).copied() {
            next += 1;
            let chain: Chain<'a> = expander.follow(part)?;
            top.is_object |= chain.members.is_empty();
            for (key, value) in chain.members {
                top.keyword(key, value, &mut parts, &mut seen_required)?;
            }
        }
        if top.is_object || top.left_out.is_empty() { Ok(top) } else { Err(TopLevelError::NotAnObject) }
    }

    fn keyword(
        &mut self,
        key: &'a str,
        value: &'a Value,
        parts: &mut Vec<&'a Map<String, Value>>,
        seen_required: &mut HashSet<&'a str>,
    ) -> Result<(), TopLevelError> {
        match (key, value) {
            ("type", Value::String(kind)) if kind == "object" => self.is_object = true,
            ("type", _) => return Err(TopLevelError::NotAnObject),
            ("properties", Value::Object(properties)) => {
                self.is_object = true;
                self.properties.extend(properties.iter().map(|(name, schema)| (name.as_str(), schema)));
            }
            // PHP and others write an empty object like this.
            ("properties", Value::Null) => self.is_object = true,
            ("properties", Value::Array(items)) if items.is_empty() => self.is_object = true,
            ("properties", _) => return Err(TopLevelError::Keyword("properties must be an object")),
            ("required", Value::Null) => {}
            ("required", Value::Array(names)) => {
                for name in names {
                    let name =
                        name.as_str().ok_or(TopLevelError::Keyword("required must be a list of strings"))?;
                    if seen_required.insert(name) {
                        self.required.push(name);
                    }
                }
            }
            ("required", _) => return Err(TopLevelError::Keyword("required must be a list of strings")),
            ("allOf", Value::Array(schemas))
                if schemas.iter().all(Value::is_object) && parts.len() + schemas.len() <= PARTS_MAX =>
            {
                self.is_object = true;
                self.annotated = true;
                parts.extend(schemas.iter().filter_map(Value::as_object));
            }
            ("description", Value::String(text)) => {
                self.annotated = true;
                self.description.get_or_insert(text);
            }
            ("additionalProperties", Value::Bool(false)) => self.annotated = true,
            (annotation, _) if ANNOTATIONS.contains(&annotation) => self.annotated = true,
            (other, _) => self.left_out.push(other),
        }
        Ok(())
    }
}
