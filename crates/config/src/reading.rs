//! Layers from text to one checked tree: parsed, judged one by one, laid over each other, checked against a schema.
//!
//! Owns these steps for whichever schema they are to fit; `load` makes a configuration of what fits this version's.

use semver::Version;

use crate::check::{self, CheckedSchema};
use crate::document::{self, Node, NodeValue};
use crate::fault::{Fault, FaultKind, Faults};
use crate::layer::{ParsedLayer, forbidden, version_faults};
use crate::load::Layer;
use crate::merge::Merged;
use crate::source::{Position, Source, SourceKind, Sources};

/// The most layers of one configuration.
const MAX_LAYERS: usize = 256;

/// Layers that are being read.
pub(crate) struct Reading<'a> {
    schema: &'a CheckedSchema<'a>,
    /// The texts.
    pub(crate) sources: Sources,
    /// All layers over each other.
    pub(crate) merged: Merged<'a>,
    /// What files write as `bedrock.failover_regions`.
    pub(crate) declared_regions: Vec<String>,
    /// Every fault so far.
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Reading<'a> {
    /// Parses and merges the layers; the later wins. `reader` is the version that `requires` is judged for, if it is known.
    ///
    /// # Errors
    /// When a layer needs a newer version, or there are too many.
    pub(crate) fn begin(
        layers: Vec<Layer>,
        schema: &'a CheckedSchema<'a>,
        reader: Option<&Version>,
    ) -> Result<Self, Faults> {
        if layers.len() > MAX_LAYERS {
            let position = Position { file: "configuration".to_owned(), line: 1, column: 1 };
            let problem = format!("has {} layers, more than {MAX_LAYERS}", layers.len());
            let fault = Fault::new(position, "", problem, "put some into one");
            return Err(Faults::new(FaultKind::Invalid, vec![fault]));
        }
        let mut reading = Self {
            schema,
            sources: Sources::default(),
            merged: Merged::new(schema.value),
            declared_regions: Vec::new(),
            faults: Vec::new(),
        };
        let parsed: Vec<ParsedLayer> = layers.into_iter().map(|layer| reading.parse(layer)).collect();
        if let Some(reader) = reader {
            version_faults(&parsed, &reading.sources, reader, &mut reading.faults)?;
        }
        for layer in parsed {
            reading.add(layer);
        }
        Ok(reading)
    }

    fn parse(&mut self, layer: Layer) -> ParsedLayer {
        let Layer { name, text, kind, fragments } = layer;
        // Some editors begin a file with a byte order mark, which HCL does not know.
        let text = text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned);
        let number = self.sources.add(Source { name: name.clone(), text, kind });
        let tree = document::parse(&self.sources, number, self.schema.value, &mut self.faults);
        ParsedLayer { kind, tree, name, fragments }
    }

    fn add(&mut self, layer: ParsedLayer) {
        self.faults.extend(forbidden(&layer, self.schema.value, &self.sources));
        self.merged.add(layer.tree, layer.kind, &self.sources, &mut self.faults);
        if layer.kind == SourceKind::File {
            self.declared_regions = self.failover_regions();
        }
    }

    fn failover_regions(&self) -> Vec<String> {
        let text = |node: &Node| match &node.value {
            NodeValue::String(text) => Some(text.clone()),
            _ => None,
        };
        let Some(NodeValue::Block(bedrock)) = self.merged.root.get("bedrock").map(|node| &node.value) else {
            return Vec::new();
        };
        match bedrock.get("failover_regions").map(|node| &node.value) {
            Some(NodeValue::List(list)) => list.iter().filter_map(text).collect(),
            _ => Vec::new(),
        }
    }

    /// Adds every fault of the merged tree against the schema.
    pub(crate) fn check(&mut self) {
        // A text that is not HCL has no fields, and would only be said to lack them all.
        let unparsed = !self.faults.is_empty();
        let found = check::check(self.schema, &self.merged.root, &self.sources);
        self.faults
            .extend(found.into_iter().filter(|fault| !(unparsed && fault.problem.starts_with("missing "))));
    }
}
