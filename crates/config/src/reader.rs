//! Configurations of other programs, by the same steps as the proxy's: their schema is a parameter.
//!
//! Owns the way from layers to a tree that fits the schema, with the place of each value. The types, and the rules that lie between
//! fields, are the other program's; it tells what is broken by [`Fitting::faults`], in the form of all faults.

use std::collections::BTreeMap;

use jsonschema::Validator;
use schemars::JsonSchema;
use semver::Version;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::build_facts::running_version;
use crate::check::{self, CheckedSchema};
use crate::document::{Block, Node, NodeValue, block_to_json};
use crate::environment::{self, Environment};
use crate::fault::{Fault, FaultKind, Faults};
use crate::load::{Layer, ancestors, collect_places};
use crate::path::Path;
use crate::reading::Reading;
use crate::rules::Broken;
use crate::source::{Position, Sources, Span};
use crate::tier::{self, TierField};
use crate::{hash, schema};

/// The schema of a configuration, made of the type that it is read into.
///
/// Beside what JSON Schema has, fields carry `x-tier`, `x-form` (what to write, for faults), `x-minimum` and `x-maximum` of durations;
/// a block with `x-raw` is not looked into, and is got as text by [`Fitting::raw_block`].
pub struct DocumentSchema {
    value: Value,
    validator: Validator,
    fields: Vec<TierField>,
}

/// Blocks that standard environment variables fill, where a layer has written the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandardBlock {
    /// `consul`, by the variables of Consul's own clients.
    Consul,
    /// `nomad`, by those of Nomad's.
    Nomad,
}

/// A tree that fits its schema.
#[derive(Clone, Debug)]
pub struct Fitting {
    value: Value,
    places: BTreeMap<String, (Path, Position)>,
    raw: BTreeMap<String, RawBlock>,
    start: Position,
}

/// The text of a block that another parser reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBlock {
    /// The file as the operator named it.
    pub file: String,
    /// What is between the braces, behind as many empty lines as stand before it in the file: lines of faults are those of the file.
    pub text: String,
}

impl DocumentSchema {
    /// The schema of what `T` is read from. `title` is that of the JSON Schema.
    ///
    /// # Errors
    /// When the schema is broken, which only a defect of `T` can bring about.
    pub fn of<T: JsonSchema>(title: &str) -> Result<Self, String> {
        let value = schema::generate::<T>(title);
        let validator = jsonschema::validator_for(&value).map_err(|error| error.to_string())?;
        let fields = tier::fields_of(&value);
        Ok(Self { value, validator, fields })
    }

    /// The JSON Schema.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.value
    }

    /// All fields with their tiers, in document order.
    #[must_use]
    pub fn fields(&self) -> &[TierField] {
        &self.fields
    }

    /// The bootstrap fields in which two configurations differ, in document order: what a reload cannot apply. Both are given as
    /// values with their defaults.
    #[must_use]
    pub fn bootstrap_changes(&self, old: &Value, new: &Value) -> Vec<String> {
        tier::changes(&self.fields, old, new)
    }

    /// Reads layers, the later one winning, to a tree that fits; `standard` blocks are filled from the environment.
    ///
    /// # Errors
    /// Every fault of every layer.
    pub fn read(
        &self,
        layers: Vec<Layer>,
        environment: &dyn Environment,
        standard: &[StandardBlock],
    ) -> Result<Fitting, Faults> {
        let checked = CheckedSchema::new(&self.value, &self.validator);
        let running = Version::parse(running_version()).ok();
        let mut reading = Reading::begin(layers, &checked, running.as_ref())?;
        let Reading { merged, sources, faults, .. } = &mut reading;
        add_required(&mut merged.root, &self.value);
        for block in standard {
            match block {
                StandardBlock::Consul => environment::consul(&mut merged.root, environment, sources, faults),
                StandardBlock::Nomad => environment::nomad(&mut merged.root, environment, sources),
            }
        }
        reading.check();
        if !reading.faults.is_empty() {
            return Err(Faults::new(FaultKind::Invalid, reading.faults));
        }
        let Reading { sources, merged, .. } = reading;
        let (mut places, mut raw) = (BTreeMap::new(), BTreeMap::new());
        collect_places(&merged.root, &Path::default(), &sources, &mut places, &mut BTreeMap::new());
        collect_raw(&merged.root, &Path::default(), (&self.value, &sources), &mut raw);
        Ok(Fitting { value: block_to_json(&merged.root), places, raw, start: check::start(&sources) })
    }
}

impl Fitting {
    /// The value that the tree is read into.
    ///
    /// # Errors
    /// Where type and schema disagree, at the place of the value.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Faults> {
        serde_path_to_error::deserialize(&self.value).map_err(|error| {
            let problem = error.inner().to_string();
            let fault = self.fault(&error.path().to_string(), problem, "see the schema of this version");
            Faults::new(FaultKind::Invalid, vec![fault])
        })
    }

    /// A fault at a dotted path, such as `consul.address`; where it is not written, at the nearest block around it.
    #[must_use]
    pub fn fault(&self, path: &str, problem: impl Into<String>, fix: impl Into<String>) -> Fault {
        let place = ancestors(path).find_map(|head| self.places.get(head));
        let position = place.map_or_else(|| self.start.clone(), |(_, position)| position.clone());
        // As people write it, where it is written.
        let shown = self.places.get(path).map_or_else(|| path.to_owned(), |(shown, _)| shown.to_string());
        Fault::new(position, shown, problem, fix)
    }

    /// All rules that are broken, as faults.
    #[must_use]
    pub fn faults(&self, broken: Vec<Broken>) -> Faults {
        let faults = broken.into_iter().map(|(path, problem, fix)| self.fault(&path, problem, fix)).collect();
        Faults::new(FaultKind::Invalid, faults)
    }

    /// The text of a block that the schema marks with `x-raw`, by its dotted path.
    #[must_use]
    pub fn raw_block(&self, path: &str) -> Option<&RawBlock> {
        self.raw.get(path)
    }
}

/// Adds the blocks that the schema requires: what they lack can be in the environment, or else is said to be missing in them.
fn add_required(root: &mut Block, schema: &Value) {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        let is_block = schema.pointer(&format!("/properties/{name}/properties")).is_some();
        if is_block && !root.contains_key(name) {
            let nowhere = Span { source: 0, bytes: 0..0 };
            let block = Node { value: NodeValue::Block(Block::new()), key: nowhere.clone(), span: nowhere };
            root.insert(name.to_owned(), block);
        }
    }
}

/// A short name of a configuration, equal wherever the settings are equal.
#[must_use]
pub fn short_hash(value: &Value) -> String {
    hash::short_hash(value)
}

fn collect_raw(
    block: &Block,
    path: &Path,
    (schema, sources): (&Value, &Sources),
    raw: &mut BTreeMap<String, RawBlock>,
) {
    for (name, node) in block {
        let here = path.field(name);
        let NodeValue::Labelled(blocks) = &node.value else { continue };
        for (label, node) in blocks {
            let here = here.child(crate::path::Segment::Label(label.clone()));
            if schema::lookup::at(schema, &here).is_some_and(schema::lookup::is_raw)
                && let Some(text) = sources.inside(&node.span)
            {
                let file = sources.position(&node.span).file;
                raw.insert(here.dotted(), RawBlock { file, text });
            }
        }
    }
}

#[cfg(test)]
mod tests;
