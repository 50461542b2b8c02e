//! Labelled blocks of another schema, read as configurations are: layers, merged, with every fault in its place.
//!
//! Owns nothing of what the blocks mean: a crate that has such blocks brings their type, and the rules that lie between fields.

use std::collections::BTreeMap;

use jsonschema::Validator;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check::CheckedSchema;
use crate::document::{Block, Node, NodeValue};
use crate::fault::{Fault, FaultKind, Faults};
use crate::load::Layer;
use crate::path::{Path, Segment};
use crate::reading::Reading;
use crate::schema;
use crate::source::{Position, Sources};

/// A kind of block: its name, and the schema of the document that has it at the top.
#[derive(Debug)]
pub struct BlockKind {
    name: &'static str,
    schema: Value,
    validator: Validator,
}

/// One block, merged from all layers, with the place of each part.
#[derive(Debug)]
pub struct ReadBlock<T> {
    /// What it says.
    pub value: T,
    places: BTreeMap<String, (Path, Position)>,
    start: (Path, Position),
}

impl BlockKind {
    /// The blocks `name "<label>" { … }` of a document of type `T`, whose schema has this title.
    ///
    /// # Errors
    /// When the schema of `T` is broken, which only a defect of its crate can bring about.
    pub fn of<T: JsonSchema>(name: &'static str, title: &str) -> Result<Self, String> {
        let schema = schema::generate::<T>(title);
        let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
        Ok(Self { name, schema, validator })
    }

    /// The JSON Schema of a document with such blocks.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The labels of the blocks that the layers have between them, those that were taken out left out.
    ///
    /// # Errors
    /// When a layer is no HCL, or a block has no label.
    pub fn labels(&self, layers: Vec<Layer>) -> Result<Vec<String>, Faults> {
        let checked = CheckedSchema::new(&self.schema, &self.validator);
        let mut reading = Reading::begin(layers, &checked, None)?;
        self.keep_own_faults(&mut reading.faults);
        if !reading.faults.is_empty() {
            return Err(Faults::new(FaultKind::Invalid, reading.faults));
        }
        match reading.merged.root.get(self.name) {
            None => Ok(Vec::new()),
            Some(Node { value: NodeValue::Labelled(blocks), .. }) => Ok(blocks.keys().cloned().collect()),
            Some(node) => {
                let place = reading.sources.position(&node.key);
                let fix = format!("write {} \"<name>\" {{ … }}", self.name);
                let fault = Fault::new(place, self.name, "the block has no label", fix);
                Err(Faults::new(FaultKind::Invalid, vec![fault]))
            }
        }
    }

    /// The block with this label, merged from the layers, of which the later wins: scalars are replaced, labelled blocks in it are merged
    /// attribute by attribute, and `remove = true` takes one out. Blocks of other names and labels are passed over. Nothing where no
    /// layer has it.
    ///
    /// # Errors
    /// Every fault of form, and every fault against the schema.
    pub fn read<T: DeserializeOwned>(
        &self,
        layers: Vec<Layer>,
        label: &str,
    ) -> Result<Option<ReadBlock<T>>, Faults> {
        let checked = CheckedSchema::new(&self.schema, &self.validator);
        let mut reading = Reading::begin(layers, &checked, None)?;
        reading.merged.root.retain(|name, _| name == self.name);
        if let Some(Node { value: NodeValue::Labelled(blocks), .. }) = reading.merged.root.get_mut(self.name)
        {
            blocks.retain(|own, _| own == label);
        }
        reading.check();
        self.keep_own_faults(&mut reading.faults);
        if !reading.faults.is_empty() {
            return Err(Faults::new(FaultKind::Invalid, reading.faults));
        }
        let path = Path::of_fields(self.name).child(Segment::Label(label.to_owned()));
        let Some(node) = crate::document::find(&reading.merged.root, &path) else { return Ok(None) };
        let NodeValue::Block(block) = &node.value else { return Ok(None) };
        let start = (path.clone(), reading.sources.position(&node.key));
        let mut places = BTreeMap::new();
        collect(block, &path, "", &reading.sources, &mut places);
        match serde_path_to_error::deserialize(node.to_json()) {
            Ok(value) => Ok(Some(ReadBlock { value, places, start })),
            Err(error) => {
                let problem = error.inner().to_string();
                let fault =
                    Fault::new(start.1, path.to_string(), problem, "this is a defect of this version");
                Err(Faults::new(FaultKind::Invalid, vec![fault]))
            }
        }
    }

    /// Faults elsewhere in a text are those of whoever reads the rest of it.
    fn keep_own_faults(&self, faults: &mut Vec<Fault>) {
        faults.retain(|fault| {
            fault.path.is_empty()
                || fault
                    .path
                    .strip_prefix(self.name)
                    .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
    }
}

impl<T> ReadBlock<T> {
    /// A fault at a field of the block, by its dotted path, such as `window.nights.rrule`; at the nearest block around it where it is not
    /// written.
    #[must_use]
    pub fn fault(&self, field: &str, problem: impl Into<String>, fix: impl Into<String>) -> Fault {
        let found = std::iter::successors(Some(field), |path| path.rsplit_once('.').map(|(head, _)| head))
            .find_map(|path| self.places.get(path))
            .unwrap_or(&self.start);
        Fault::new(found.1.clone(), found.0.to_string(), problem, fix)
    }
}

/// The place of each part, by its path within the block.
fn collect(
    block: &Block,
    path: &Path,
    dotted: &str,
    sources: &Sources,
    places: &mut BTreeMap<String, (Path, Position)>,
) {
    for (name, node) in block {
        let here = path.field(name);
        let key = if dotted.is_empty() { name.clone() } else { format!("{dotted}.{name}") };
        match &node.value {
            NodeValue::Block(below) => collect(below, &here, &key, sources, places),
            NodeValue::Labelled(blocks) => {
                for (label, node) in blocks {
                    let here = here.child(Segment::Label(label.clone()));
                    let key = format!("{key}.{label}");
                    if let NodeValue::Block(below) = &node.value {
                        collect(below, &here, &key, sources, places);
                    }
                    places.insert(key, (here, sources.position(&node.key)));
                }
            }
            _ => {}
        }
        places.insert(key, (here, sources.position(&node.span)));
    }
}
