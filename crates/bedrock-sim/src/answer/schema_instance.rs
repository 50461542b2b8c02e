//! A valid instance of a JSON schema, always the same one.
//!
//! It covers what tools use: types, `required`, `properties`, `enum`, `const`, `default`, nesting, arrays,
//! `$ref`, `anyOf`, `oneOf`, `allOf`, ranges, lengths and common formats. It does not solve `pattern`, `not` or
//! `if`; a schema that needs these gets an instance that may not satisfy them.

use std::cell::Cell;

use serde_json::{Map, Number, Value, json};

/// How deep an instance goes. Beyond, only what is required is filled in, then nothing: a recursive schema ends.
const FULL_DEPTH: usize = 6;
const MAX_DEPTH: usize = 32;
/// Schemas looked at for one instance: branches that multiply must not keep the simulator busy.
const MAX_VISITS: usize = 20_000;
/// Items and characters that a schema can make the simulator produce.
const MAX_LENGTH: u64 = 10_000;

/// The instance of that schema.
pub(super) fn of(schema: &Value) -> Value {
    Generator { root: schema, visits: Cell::new(0) }.instance(schema, "value", 0)
}

struct Generator<'a> {
    root: &'a Value,
    visits: Cell<usize>,
}

impl Generator<'_> {
    fn instance(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH || self.exhausted() {
            return Value::Null;
        }
        let schema = self.flatten(schema, 0);
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(value) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
            return value.clone();
        }
        if let Some(value) = schema.get("default").filter(|value| !value.is_null()) {
            return value.clone();
        }
        match kind(&schema) {
            "object" => self.object(&schema, depth),
            "array" => self.array(&schema, name, depth),
            "integer" => number(&schema, true),
            "number" => number(&schema, false),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(string(&schema, name)),
        }
    }

    /// Resolves `$ref`, takes the first branch of `anyOf` and `oneOf`, and merges `allOf`.
    fn flatten(&self, schema: &Value, hops: usize) -> Map<String, Value> {
        let Value::Object(schema) = schema else { return Map::new() };
        let mut flat = schema.clone();
        if hops > MAX_DEPTH || self.exhausted() {
            return flat;
        }
        let reference = flat.remove("$ref").and_then(|reference| self.resolve(reference.as_str()?).cloned());
        let branch = |key: &str| schema.get(key).and_then(Value::as_array);
        let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|key| branch(key)?.first());
        let parts = reference.iter().chain(alternatives).chain(branch("allOf").into_iter().flatten());
        for part in parts {
            for (key, value) in self.flatten(part, hops + 1) {
                merge(&mut flat, key, value);
            }
        }
        flat
    }

    /// Counts a visit, and tells whether there were too many.
    fn exhausted(&self) -> bool {
        self.visits.set(self.visits.get() + 1);
        self.visits.get() > MAX_VISITS
    }

    fn resolve(&self, reference: &str) -> Option<&Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Value {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let mut object = Map::new();
        for (name, property) in properties {
            if depth < FULL_DEPTH || required.contains(&name.as_str()) {
                object.insert(name.clone(), self.instance(property, name, depth + 1));
            }
        }
        for name in required {
            if !object.contains_key(name) {
                object.insert(name.to_owned(), json!(name));
            }
        }
        Value::Object(object)
    }

    fn array(&self, schema: &Map<String, Value>, name: &str, depth: usize) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let prefix =
            schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let wanted = if depth < FULL_DEPTH { 1.max(prefix.len() as u64) } else { 0 };
        let count = wanted.max(bound("minItems").unwrap_or(0)).min(bound("maxItems").unwrap_or(u64::MAX));
        let any = Value::Bool(true);
        let rest = schema.get("items").unwrap_or(&any);
        let items = (0..count.min(MAX_LENGTH)).map(|index| {
            let item = usize::try_from(index).ok().and_then(|index| prefix.get(index)).unwrap_or(rest);
            self.instance(item, name, depth + 1)
        });
        Value::Array(items.collect())
    }
}

/// Adds a keyword of a part to the whole: properties and required names are united, else the whole wins.
fn merge(flat: &mut Map<String, Value>, key: String, value: Value) {
    match (flat.get_mut(&key), value) {
        (Some(Value::Object(into)), Value::Object(from)) if key == "properties" => {
            for (name, property) in from {
                into.entry(name).or_insert(property);
            }
        }
        (Some(Value::Array(into)), Value::Array(from)) if key == "required" => into.extend(from),
        (Some(_), _) => {}
        (None, value) => {
            flat.insert(key, value);
        }
    }
}

fn kind(schema: &Map<String, Value>) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    named.unwrap_or_else(|| {
        if schema.contains_key("properties") || schema.contains_key("required") {
            "object"
        } else if schema.contains_key("items") || schema.contains_key("prefixItems") {
            "array"
        } else {
            "string"
        }
    })
}

fn number(schema: &Map<String, Value>, integer: bool) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let step = if integer { 1.0 } else { 0.5 };
    let low = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|edge| edge + step));
    let high = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|edge| edge - step));
    let wanted = match (low, high) {
        (Some(low), _) => low,
        (None, Some(high)) => high.min(1.0),
        (None, None) => 1.0,
    };
    let stepped = match bound("multipleOf").filter(|multiple| *multiple > 0.0) {
        Some(multiple) => (wanted / multiple).ceil() * multiple,
        None => wanted,
    };
    if integer {
        // `as` saturates, and a schema beyond i64 has no exact JSON number anyway.
        return json!(stepped.ceil() as i64);
    }
    Number::from_f64(stepped).map_or_else(|| json!(1), Value::Number)
}

fn string(schema: &Map<String, Value>, name: &str) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date") => return "2025-01-31".to_owned(),
        Some("date-time") => return "2025-01-31T12:00:00Z".to_owned(),
        Some("time") => return "12:00:00Z".to_owned(),
        Some("duration") => return "PT1H".to_owned(),
        Some("email") => return "user@example.com".to_owned(),
        Some("uri" | "url") => return "https://example.com/".to_owned(),
        Some("uuid") => return "00000000-0000-4000-8000-000000000000".to_owned(),
        Some("hostname") => return "example.com".to_owned(),
        Some("ipv4") => return "192.0.2.1".to_owned(),
        Some("ipv6") => return "2001:db8::1".to_owned(),
        _ => name,
    };
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64).map(|bound| bound.min(MAX_LENGTH));
    let min = usize::try_from(bound("minLength").unwrap_or(0)).unwrap_or(0);
    let max = usize::try_from(bound("maxLength").unwrap_or(MAX_LENGTH)).unwrap_or(usize::MAX);
    let length = text.chars().count().max(min).min(max.max(min));
    text.chars().chain(std::iter::repeat('x')).take(length).collect()
}
