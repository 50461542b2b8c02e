//! The two tiers: which fields are fixed for the life of a process, and which a reload may change.
//!
//! Owns questions about tiers. The tier of a field is written in the schema, beside the field.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use crate::document::{self, Block, NodeValue};
use crate::path::{Path, Segment};
use crate::schema::{self, lookup};
use crate::source::{Position, Source, SourceKind, Sources, Span};
use crate::{FaultKind, Faults, Loaded};

/// When a field may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Only at a start, and only from files and the environment.
    Bootstrap,
    /// At any reload, and also from documents of the runtime tier.
    Runtime,
}

impl Tier {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "bootstrap" => Some(Self::Bootstrap),
            "runtime" => Some(Self::Runtime),
            _ => None,
        }
    }
}

/// A field of the schema and its tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierField {
    /// The path with dots; `*` stands for a label: `model.*.target`.
    pub path: String,
    /// Its tier.
    pub tier: Tier,
}

/// A bootstrap field that a document writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchedField {
    /// The field, for people.
    pub path: String,
    /// Where it is written.
    pub position: Position,
}

/// All fields of the schema in document order.
#[must_use]
pub fn fields() -> &'static [TierField] {
    static FIELDS: LazyLock<Vec<TierField>> = LazyLock::new(|| fields_of(schema::cached()));
    &FIELDS
}

/// All fields of this schema in document order.
pub(crate) fn fields_of(schema: &Value) -> Vec<TierField> {
    let mut found = Vec::new();
    collect_fields(schema, "", &mut found);
    found
}

fn collect_fields(schema: &Value, path: &str, found: &mut Vec<TierField>) {
    if let Some(tier) = schema.get("x-tier").and_then(Value::as_str).and_then(Tier::parse) {
        found.push(TierField { path: path.to_owned(), tier });
    }
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, below) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        collect_fields(below, &join(name), found);
    }
    if let Some(below) = lookup::labelled(schema) {
        collect_fields(below, &join("*"), found);
    }
}

/// The tier of the field at `path` by `schema`; none for blocks and unknown names.
pub(crate) fn of(schema: &Value, path: &Path) -> Option<Tier> {
    lookup::at(schema, path)?.get("x-tier").and_then(Value::as_str).and_then(Tier::parse)
}

/// Whether the field of this schema is of `tier`, or all fields of the block are.
pub(crate) fn is_all(schema: &Value, tier: Tier) -> bool {
    let mut found = Vec::new();
    collect_fields(schema, "", &mut found);
    !found.is_empty() && found.iter().all(|field| field.tier == tier)
}

/// The bootstrap fields, and empty blocks of such fields alone, that the document `text`, called `name`, writes: what a document
/// of the runtime tier may not.
///
/// `requires` is not among them: every document may say which versions can read it.
///
/// # Errors
/// When the text is not a configuration document at all.
pub fn bootstrap_fields_touched(name: &str, text: &str) -> Result<Vec<TouchedField>, Faults> {
    let mut sources = Sources::default();
    let source =
        sources.add(Source { name: name.to_owned(), text: text.to_owned(), kind: SourceKind::Runtime });
    let mut faults = Vec::new();
    let root = document::parse(&sources, source, schema::cached(), &mut faults);
    if !faults.is_empty() {
        return Err(Faults::new(FaultKind::Invalid, faults));
    }
    let touched = touched(schema::cached(), &root).into_iter();
    Ok(touched
        .map(|(path, span)| TouchedField { path: path.to_string(), position: sources.position(&span) })
        .collect())
}

/// The bootstrap fields written below `root`, by the tiers of `schema`, and the blocks that stand for some although none is in them.
pub(crate) fn touched(schema: &Value, root: &Block) -> Vec<(Path, Span)> {
    let mut found = Vec::new();
    collect_touched(schema, root, &Path::default(), &mut found);
    found.retain(|(path, _)| *path != Path::of_fields("requires"));
    found
}

fn collect_touched(schema: &Value, block: &Block, path: &Path, found: &mut Vec<(Path, Span)>) {
    for (name, node) in block {
        let here = path.field(name);
        match &node.value {
            NodeValue::Block(below) => {
                let before = found.len();
                collect_touched(schema, below, &here, found);
                // An empty `consul { }` turns Consul on, and an empty `tls { }` asks for certificates.
                if found.len() == before
                    && lookup::at(schema, &here).is_some_and(|below| is_all(below, Tier::Bootstrap))
                {
                    found.push((here, node.key.clone()));
                }
            }
            NodeValue::Labelled(below) => {
                for (label, node) in below {
                    if let NodeValue::Block(block) = &node.value {
                        collect_touched(schema, block, &here.child(Segment::Label(label.clone())), found);
                    }
                }
            }
            _ if of(schema, &here) == Some(Tier::Bootstrap) => found.push((here, node.key.clone())),
            _ => {}
        }
    }
}

/// The bootstrap fields in which two configurations differ, in document order: what a reload cannot apply.
#[must_use]
pub fn bootstrap_changes(old: &Loaded, new: &Loaded) -> Vec<String> {
    changes(fields(), old.effective(), new.effective())
}

/// The bootstrap fields among `fields` in which two trees of values differ.
pub(crate) fn changes(fields: &[TierField], old: &Value, new: &Value) -> Vec<String> {
    let value = |tree: &'_ Value, path: &str| -> Option<Value> {
        path.split('.').try_fold(tree, |value, name| value.get(name)).cloned()
    };
    let paths = paths_of(fields, old, new);
    paths.into_iter().filter(|path| value(old, path) != value(new, path)).collect()
}

/// The paths of all bootstrap fields, with each label that one of two configurations has.
pub(crate) fn bootstrap_paths(one: &Value, two: &Value) -> Vec<String> {
    paths_of(fields(), one, two)
}

fn paths_of(fields: &[TierField], one: &Value, two: &Value) -> Vec<String> {
    let bootstrap = fields.iter().filter(|field| field.tier == Tier::Bootstrap);
    bootstrap.flat_map(|field| with_labels(&field.path, one, two)).collect()
}

/// The path with each label in place of `*`. Labels of bootstrap blocks have no dots, as their schema says.
fn with_labels(path: &str, one: &Value, two: &Value) -> Vec<String> {
    let Some((block, rest)) = path.split_once(".*.") else { return vec![path.to_owned()] };
    let labels = |value: &Value| -> Vec<String> {
        let blocks = block.split('.').try_fold(value, |value, name| value.get(name));
        blocks.and_then(Value::as_object).into_iter().flat_map(|blocks| blocks.keys().cloned()).collect()
    };
    let both: BTreeSet<String> = labels(one).into_iter().chain(labels(two)).collect();
    both.iter().map(|label| format!("{block}.{label}.{rest}")).collect()
}

/// Makes the value at a dotted path of `to` what it is in `from`. A block that is left without values goes.
pub(crate) fn copy_value(from: &Value, to: &mut Value, path: &str) {
    let Some(to) = to.as_object_mut() else { return };
    let Some((block, rest)) = path.split_once('.') else {
        match from.get(path) {
            Some(value) => to.insert(path.to_owned(), value.clone()),
            None => to.remove(path),
        };
        return;
    };
    let none = Value::Null;
    let below = to.entry(block).or_insert_with(|| Value::Object(serde_json::Map::new()));
    copy_value(from.get(block).unwrap_or(&none), below, rest);
    if below.as_object().is_some_and(serde_json::Map::is_empty) && from.get(block).is_none() {
        to.remove(block);
    }
}
