//! Finds the schema of a path, and the path of a place the validator names, in the schema of this version or of another.

use serde_json::Value;

use crate::path::{Path, Segment};

/// The schema of the value at `path`, where `root` knows it.
pub(crate) fn at<'a>(root: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0.iter().try_fold(root, step)
}

/// The schema one step below `schema`.
pub(crate) fn step<'a>(schema: &'a Value, segment: &Segment) -> Option<&'a Value> {
    match segment {
        Segment::Field(name) => match schema.get("properties") {
            Some(fields) => fields.get(name),
            None if is_map(schema) => schema.get("additionalProperties"),
            None => None,
        },
        Segment::Label(_) => labelled(schema),
        Segment::Index(_) => schema.get("items"),
    }
}

/// The schema of each block under a label, where `schema` is one of labelled blocks.
pub(crate) fn labelled(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|below| below.get("properties").is_some())
}

/// Whether the block is left to another parser.
pub(crate) fn is_raw(schema: &Value) -> bool {
    schema.get("x-raw").and_then(Value::as_bool).unwrap_or(false)
}

/// Whether `schema` is a map: values, not blocks, under names of the operator's own.
pub(crate) fn is_map(schema: &Value) -> bool {
    schema
        .get("additionalProperties")
        .is_some_and(|below| below.is_object() && below.get("properties").is_none())
}

/// The path of a JSON pointer's steps: a step below labelled blocks is a label, any other name a field.
pub(crate) fn path_of<'a>(root: &Value, steps: impl Iterator<Item = &'a str>) -> Path {
    let mut schema = Some(root);
    let mut path = Path::default();
    for step_name in steps {
        let segment = match schema {
            Some(found) if labelled(found).is_some() => Segment::Label(step_name.to_owned()),
            Some(found) if found.get("items").is_some() => {
                step_name.parse().map_or_else(|_| Segment::Field(step_name.to_owned()), Segment::Index)
            }
            _ => Segment::Field(step_name.to_owned()),
        };
        schema = schema.and_then(|found| step(found, &segment));
        path = path.child(segment);
    }
    path
}
