//! Finds every fault of the merged tree against a JSON Schema, and says of each where it is and what to write.
//!
//! Owns what a schema can say: names, types, forms, ranges. Rules between fields are in `rules`.

mod message;
mod range;
mod shape;
mod suggest;

use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::document::{self, Block, Node, NodeValue, block_to_json};
use crate::fault::Fault;
use crate::path::Path;
use crate::redact::looks_secret;
use crate::schema::{self, lookup};
use crate::source::{Position, Sources, Span};

/// A schema that documents are judged by: this version's, or one that another version has told.
pub(crate) struct CheckedSchema<'a> {
    /// The schema.
    pub(crate) value: &'a Value,
    validator: &'a Validator,
}

impl<'a> CheckedSchema<'a> {
    /// A schema and the validator that was made of it.
    pub(crate) fn new(value: &'a Value, validator: &'a Validator) -> Self {
        Self { value, validator }
    }

    /// That of this version.
    ///
    /// # Errors
    /// When it is broken, which only a defect of this version can bring about.
    pub(crate) fn own() -> Result<CheckedSchema<'static>, String> {
        static VALIDATOR: LazyLock<Result<Validator, String>> =
            LazyLock::new(|| jsonschema::validator_for(schema::cached()).map_err(|error| error.to_string()));
        let validator = VALIDATOR.as_ref().map_err(Clone::clone)?;
        Ok(CheckedSchema { value: schema::cached(), validator })
    }
}

/// Everything a check needs to place its faults.
pub(crate) struct Checker<'a> {
    schema: &'a CheckedSchema<'a>,
    root: &'a Block,
    sources: &'a Sources,
    faults: Vec<Fault>,
}

/// All faults of `root`, none where it fits the schema.
pub(crate) fn check(schema: &CheckedSchema<'_>, root: &Block, sources: &Sources) -> Vec<Fault> {
    let mut checker = Checker { schema, root, sources, faults: Vec::new() };
    let sound = checker.shape();
    checker.schema(&sound);
    checker.ranges(&sound);
    checker.secrets(root, &Path::default());
    checker.faults
}

impl Checker<'_> {
    fn schema(&mut self, sound: &Block) {
        for error in self.schema.validator.iter_errors(&block_to_json(sound)) {
            self.violation(&error);
        }
    }

    fn violation(&mut self, error: &ValidationError<'_>) {
        let pointer = error.instance_path().segments().map(|segment| segment.to_string()).collect::<Vec<_>>();
        let path = lookup::path_of(self.schema.value, pointer.iter().map(String::as_str));
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for name in unexpected {
                    self.unknown(&path, name);
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                if self.is_there_in_another_form(&path, name) {
                    return;
                }
                let (problem, fix) = message::missing(self.schema.value, &path, name);
                let place = self.block_start(&path);
                self.fault_at(place, &path, problem, fix);
            }
            ValidationErrorKind::PropertyNames { error } => {
                let label = error.instance().as_str().unwrap_or_default().to_owned();
                if lookup::at(self.schema.value, &path).is_some_and(lookup::is_map) {
                    let problem = format!("has a key of the wrong form, {label:?}");
                    return self.fault(
                        &path.field(&label),
                        problem,
                        message::what_key_to_write(self.schema.value, &path),
                    );
                }
                let child = path.child(crate::path::Segment::Label(label));
                let fix = message::what_key_to_write(self.schema.value, &path);
                self.fault(&child, "the label cannot be a name", fix);
            }
            ValidationErrorKind::Type { kind } => {
                let integer = matches!(kind, TypeKind::Single(JsonType::Integer));
                let found = document::find(self.root, &path);
                let problem = match found.map(|node| &node.value) {
                    Some(NodeValue::Number(number)) if integer => format!("{number} is not a whole number"),
                    _ => format!("is {}", found.map_or("of the wrong type", Node::kind)),
                };
                self.fault(&path, problem, message::what_to_write(self.schema.value, &path));
            }
            kind => {
                let (problem, fix) = message::violation(self.schema.value, kind, error.instance(), &path);
                self.fault(&path, problem, fix);
            }
        }
    }

    /// Whether a required field has a fault of its own already: a misspelled name, or a label too many.
    fn is_there_in_another_form(&self, path: &Path, name: &str) -> bool {
        let block = if path.0.is_empty() {
            Some(self.root)
        } else {
            document::find(self.root, path).and_then(|node| match &node.value {
                NodeValue::Block(block) => Some(block),
                _ => None,
            })
        };
        block.is_some_and(|block| {
            block.keys().any(|written| {
                written == name || message::meant(self.schema.value, path, written) == Some(name)
            })
        })
    }

    fn unknown(&mut self, path: &Path, name: &str) {
        let child = document::find(self.root, &path.field(name)).or_else(|| self.root.get(name));
        let place = child.map_or_else(|| self.start(), |node| self.sources.position(&node.key));
        let is_block =
            child.is_some_and(|node| matches!(node.value, NodeValue::Block(_) | NodeValue::Labelled(_)));
        let (problem, fix) = message::unknown(self.schema.value, path, name, is_block);
        self.fault_at(place, path, problem, fix);
    }

    fn secrets(&mut self, block: &Block, path: &Path) {
        for (name, node) in block {
            self.secret(node, &path.field(name));
        }
    }

    fn secret(&mut self, node: &Node, path: &Path) {
        match &node.value {
            NodeValue::String(text) if looks_secret(text) => {
                let place = self.sources.position(&node.span);
                let fix =
                    "take it out and revoke it; name a file that holds it, in a field that ends in _file";
                self.fault_at(place, path, "holds a secret, which a configuration never does", fix);
            }
            NodeValue::List(list) => list.iter().for_each(|node| self.secret(node, path)),
            NodeValue::Block(block) | NodeValue::Map(block) => self.secrets(block, path),
            NodeValue::Labelled(blocks) => {
                for (label, node) in blocks {
                    self.secret(node, &path.child(crate::path::Segment::Label(label.clone())));
                }
            }
            _ => {}
        }
    }

    /// A fault at the value of `path`, or at the nearest block around it.
    fn fault(&mut self, path: &Path, problem: impl Into<String>, fix: impl Into<String>) {
        let place = document::find(self.root, path)
            .map_or_else(|| self.block_start(path), |node| self.sources.position(&node.span));
        self.fault_at(place, path, problem, fix);
    }

    fn fault_at(&mut self, place: Position, path: &Path, problem: impl Into<String>, fix: impl Into<String>) {
        self.faults.push(Fault::new(place, path.to_string(), problem, fix));
    }

    /// Where the block at `path`, or the nearest one around it, begins.
    fn block_start(&self, path: &Path) -> Position {
        nearest(self.root, path).map_or_else(|| self.start(), |span| self.sources.position(&span))
    }

    fn start(&self) -> Position {
        start(self.sources)
    }
}

/// The name of the node at `path`, or of the nearest one around it.
pub(crate) fn nearest(root: &Block, path: &Path) -> Option<Span> {
    (1..=path.0.len())
        .rev()
        .filter_map(|length| path.0.get(..length))
        .find_map(|head| document::find(root, &Path(head.to_vec())))
        .map(|node| node.key.clone())
}

/// The place of what nobody has written: the start of the first text.
pub(crate) fn start(sources: &Sources) -> Position {
    sources.position(&Span { source: 0, bytes: 0..0 })
}

/// The text of a JSON number or string, for messages.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), crate::redact::quoted)
}
