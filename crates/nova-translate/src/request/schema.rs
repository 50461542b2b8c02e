//! JSON Schemas in the form that Nova takes.
//!
//! Source: Amazon Nova user guide, tool use troubleshooting: the top level of a tool's schema is an object with `type`, `properties` and
//! `required` alone. Schema generators put references and more beside them, so references are resolved in place and the rest is left out.

use openai_api::RawJson;
use serde_json::{Map, Value, json};

use crate::TranslateError;
use crate::note::Notes;

/// How deep references are followed. A recursive schema ends there with "anything".
const DEPTH_MAX: usize = 16;

/// The schema of a tool without arguments.
pub(super) fn no_arguments() -> Value {
    json!({"type": "object", "properties": {}})
}

/// The schema of any object.
pub(super) fn any_object() -> Value {
    json!({"type": "object"})
}

/// Brings the schema at `path` into Nova's form.
pub(super) fn normalize(schema: &RawJson, path: &str, notes: &mut Notes) -> Result<Value, TranslateError> {
    let invalid = |message: &str| TranslateError::invalid(path, message);
    let Ok(Value::Object(mut root)) = serde_json::from_str(schema.get()) else {
        return Err(invalid(
            "the schema must be a JSON object, such as {\"type\": \"object\", \"properties\": {…}}",
        ));
    };
    let definitions = Definitions::take_from(&mut root);
    let mut budget = NODES_MAX;
    if let Some(Value::String(reference)) = root.get("$ref")
        && let Some(Value::Object(target)) = definitions.find(reference)
    {
        root = target.clone();
    }
    match root.get("type") {
        Some(Value::String(kind)) if kind == "object" => {}
        None if root.is_empty() || root.contains_key("properties") => {}
        _ => {
            return Err(invalid(
                "the top level of the schema must be of type \"object\": wrap other types in a property",
            ));
        }
    }
    let mut normalized = Map::from_iter([("type".to_owned(), Value::String("object".to_owned()))]);
    for (key, value) in root {
        match key.as_str() {
            "type" => {}
            "properties" | "required" => {
                let value = definitions.resolve(value, 0, &mut budget).ok_or_else(|| invalid("the schema is too large once its references are resolved"))?;
                normalized.insert(key, value);
            }
            _ => notes.rewrite(path.to_owned(), "Nova takes type, properties and required at the top level: other keywords there are left out, references resolved"),
        }
    }
    normalized.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    Ok(Value::Object(normalized))
}

/// References that point at references can make a small schema huge.
const NODES_MAX: usize = 50_000;

struct Definitions(Map<String, Value>);

impl Definitions {
    fn take_from(root: &mut Map<String, Value>) -> Self {
        let mut found = Map::new();
        for key in ["$defs", "definitions"] {
            if let Some(Value::Object(definitions)) = root.remove(key) {
                found.extend(
                    definitions.into_iter().map(|(name, schema)| (format!("#/{key}/{name}"), schema)),
                );
            }
        }
        Self(found)
    }

    fn find(&self, reference: &str) -> Option<&Value> {
        self.0.get(reference)
    }

    /// Replaces references by what they point at. `None` when the budget of nodes is used up.
    fn resolve(&self, value: Value, depth: usize, budget: &mut usize) -> Option<Value> {
        *budget = budget.checked_sub(1)?;
        match value {
            Value::Object(mut object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    let target = self.find(reference).filter(|_| depth < DEPTH_MAX).cloned();
                    object.remove("$ref");
                    // What stands beside a reference (a description, say) goes before what it points at.
                    let mut merged = match target {
                        Some(Value::Object(target)) => target,
                        _ => Map::new(),
                    };
                    merged.extend(object);
                    return self.resolve(Value::Object(merged), depth + 1, budget);
                }
                let mut resolved = Map::new();
                for (key, value) in object {
                    resolved.insert(key, self.resolve(value, depth, budget)?);
                }
                Some(Value::Object(resolved))
            }
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.resolve(item, depth, budget))
                .collect::<Option<Vec<_>>>()
                .map(Value::Array),
            other => Some(other),
        }
    }
}
