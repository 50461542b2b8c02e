//! Whether another version can read documents, by the schema that it tells.

use jsonschema::Validator;
use semver::Version;
use serde_json::Value;

use super::Documents;
use crate::check::CheckedSchema;
use crate::fault::{Fault, FaultKind, Faults};
use crate::reading::Reading;
use crate::schema::lookup;
use crate::source::Position;
use crate::tier::{self, Tier};

/// Every fault that a version with this JSON Schema, as `nova-proxy schema` prints it, would find in the documents.
///
/// What that version's own files can say besides is not asked for: required fields of the bootstrap tier, and those of labelled
/// blocks, which are merged with blocks of files. Rules between fields are not in a schema, and are judged by the instance alone.
#[must_use]
pub fn judge_documents(documents: &Documents, schema: &Value) -> Vec<Fault> {
    let layers = match documents.layers() {
        Ok(layers) => layers,
        Err(faults) => return faults.as_slice().to_vec(),
    };
    let mut partial = schema.clone();
    set_aside(&mut partial, true);
    let validator = match validator(&partial) {
        Ok(validator) => validator,
        Err(problem) => {
            let position = Position { file: documents.key(super::CONFIG), line: 1, column: 1 };
            let fix = "ask the instance for its schema again";
            return vec![Fault::new(position, "", problem, fix)];
        }
    };
    let version = schema.get("x-version").and_then(Value::as_str).and_then(|text| Version::parse(text).ok());
    let checked = CheckedSchema::new(&partial, &validator);
    let faults = match Reading::begin(layers, &checked, version.as_ref()) {
        Ok(mut reading) => {
            reading.check();
            Faults::new(FaultKind::Invalid, reading.faults)
        }
        Err(faults) => faults,
    };
    faults.as_slice().to_vec()
}

/// A schema without fields would take everything.
fn validator(schema: &Value) -> Result<Validator, String> {
    if !schema.get("properties").is_some_and(Value::is_object) {
        return Err("cannot be judged: what was told as a schema is none".to_owned());
    }
    jsonschema::validator_for(schema)
        .map_err(|error| format!("cannot be judged: the schema is broken ({error})"))
}

/// Takes out what is required and may be in a file. `all`: whatever its tier.
fn set_aside(schema: &mut Value, all: bool) {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let fixed: Vec<String> = fields
        .filter(|(_, below)| tier::is_all(below, Tier::Bootstrap))
        .map(|(name, _)| name.clone())
        .collect();
    let is_labelled = lookup::labelled(schema).is_some();
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(required)) = object.get_mut("required") {
        let is_fixed = |name: &Value| fixed.iter().any(|fixed| name.as_str() == Some(fixed));
        required.retain(|name| !all && !is_fixed(name));
    }
    if let Some(Value::Object(fields)) = object.get_mut("properties") {
        fields.values_mut().for_each(|below| set_aside(below, false));
    }
    if is_labelled && let Some(below) = object.get_mut("additionalProperties") {
        set_aside(below, true);
    }
}
