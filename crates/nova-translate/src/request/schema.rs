//! JSON Schemas in the form that Nova takes.
//!
//! Source: Amazon Nova user guide, tool use troubleshooting: the top level of a tool's schema is an object with `type`, `properties` and
//! `required` alone. Schema generators put references and more beside them, so references are resolved in place, `allOf` is merged, and the
//! rest is left out: with a rewrite where it says nothing about what is valid, with a drop where it does.

mod budget;
mod expand;
mod top_level;

use openai_api::RawJson;
use serde_json::{Map, Value, json};

pub(super) use budget::SchemaBudget;
use budget::TooLarge;
use expand::Expander;
use top_level::{TopLevel, TopLevelError};

use crate::TranslateError;
use crate::note::Notes;

/// A schema in Nova's form.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) json: Value,
    /// The description of its top level, which Nova has no place for.
    pub(super) description: Option<String>,
}

/// The schema of a tool without arguments, and of any object: Nova demands `properties` and says nothing about others.
pub(super) fn any_object() -> Value {
    json!({"type": "object", "properties": {}})
}

/// Brings the schema at `path` into Nova's form. Drops are counted under `param`.
pub(super) fn normalize(
    schema: &RawJson,
    path: &str,
    param: &'static str,
    budget: &mut SchemaBudget,
    notes: &mut Notes,
) -> Result<Schema, TranslateError> {
    let invalid = |message: &str| TranslateError::invalid(path, message);
    let document: Value = serde_json::from_str(schema.get())
        .map_err(|error| invalid(&format!("the schema cannot be read: {error}")))?;
    let Value::Object(root) = &document else {
        return Err(invalid(
            "the schema must be a JSON object, such as {\"type\": \"object\", \"properties\": {…}}",
        ));
    };
    let refused = |error| match error {
        TopLevelError::TooLarge => {
            invalid("the schemas of the request are too large once their references are resolved")
        }
        TopLevelError::NotAnObject => {
            invalid("the top level of the schema must be of type \"object\": wrap other types in a property")
        }
        TopLevelError::Keyword(problem) => invalid(&format!("{problem} at the top level of the schema")),
    };
    let mut expander = Expander::new(&document, budget);
    let top = TopLevel::read(root, &mut expander).map_err(refused)?;
    let json = write(&top, &mut expander).map_err(|error| refused(error.into()))?;
    if top.annotated {
        notes.rewrite(path.to_owned(), "Nova takes type, properties and required at the top level: annotations there are left out, references resolved, allOf merged");
    }
    for keyword in &top.left_out {
        let keyword: String = keyword.chars().take(KEYWORD_SHOWN_MAX).collect();
        notes.drop(
            param,
            format!(
                "{path}: Nova takes type, properties and required at the top level, {keyword:?} is left out"
            ),
        )?;
    }
    for reason in expander.into_cuts() {
        notes.drop(param, format!("{path}: {reason}"))?;
    }
    let description = top.description.filter(|text| !text.trim().is_empty()).map(str::to_owned);
    Ok(Schema { json, description })
}

/// Whoever writes a schema chooses its keywords; a note shows no more of one.
const KEYWORD_SHOWN_MAX: usize = 64;

fn write<'a>(top: &TopLevel<'a>, expander: &mut Expander<'a, '_>) -> Result<Value, TooLarge> {
    let mut properties = Map::new();
    for (name, schema) in &top.properties {
        properties.insert((*name).to_owned(), expander.expand(schema, 2)?);
    }
    let mut written = Map::from_iter([
        ("type".to_owned(), Value::String("object".to_owned())),
        ("properties".to_owned(), Value::Object(properties)),
    ]);
    if !top.required.is_empty() {
        written.insert("required".to_owned(), json!(top.required));
    }
    Ok(Value::Object(written))
}

#[cfg(test)]
mod tests;
