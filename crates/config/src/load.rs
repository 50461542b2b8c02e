//! From files and documents to a loaded configuration, step by step.
//!
//! Owns the order of the steps and the reading of files. When to load again is the program's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};

use semver::Version;
use serde_json::Value;

use crate::build_facts::running_version;
use crate::check::CheckedSchema;
use crate::document::{Block, Node, NodeValue, block_to_json};
use crate::environment::{self, Environment, Tokens};
use crate::fault::{Fault, FaultKind, Faults};
use crate::path::{Path, Segment};
use crate::reading::Reading;
use crate::redact::{self, Origin};
use crate::rules::Beside;
use crate::source::{Position, SourceKind, Sources};
use crate::{Config, check as checker, hash, rules, tier};

/// The largest text of one layer: a configuration is written by people.
pub(crate) const MAX_TEXT_BYTES: u64 = 1 << 20;

/// One text of a configuration; later ones win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) kind: SourceKind,
    /// The fragments beside it, where it is the document that may list them.
    pub(crate) fragments: Option<BTreeSet<String>>,
}

impl Layer {
    /// A file named on the command line, already read. It may write fields of both tiers.
    #[must_use]
    pub fn file(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), kind: SourceKind::File, fragments: None }
    }

    /// A document of the runtime tier, such as one from a key-value store. A bootstrap field in it is a fault.
    #[must_use]
    pub fn runtime(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), kind: SourceKind::Runtime, fragments: None }
    }

    /// As [`Self::runtime`], for the document that may list which `fragments` must stand beside it; those that do are given.
    pub(crate) fn listing(
        name: impl Into<String>,
        text: impl Into<String>,
        fragments: BTreeSet<String>,
    ) -> Self {
        Self { fragments: Some(fragments), ..Self::runtime(name, text) }
    }
}

/// A configuration, and where each part of it was written.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The validated configuration.
    pub config: Config,
    effective: Value,
    hash: String,
    origins: BTreeMap<String, Origin>,
    places: BTreeMap<String, (Path, Position)>,
    start: Position,
}

impl Loaded {
    /// A short name of the effective configuration, equal wherever the settings are equal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Where each value comes from, by dotted path.
    #[must_use]
    pub fn origins(&self) -> &BTreeMap<String, Origin> {
        &self.origins
    }

    /// Where the value or block at a dotted path is written, such as `model.gpt-4o.target`.
    #[must_use]
    pub fn locate(&self, path: &str) -> Option<Position> {
        self.places.get(path).map(|(_, position)| position.clone())
    }

    /// A fault that the program has found at a dotted path, in the form of all others.
    #[must_use]
    pub fn fault(&self, path: &str, problem: impl Into<String>, fix: impl Into<String>) -> Fault {
        match self.places.get(path) {
            Some((shown, position)) => Fault::new(position.clone(), shown.to_string(), problem, fix),
            None => Fault::new(self.start.clone(), path, problem, fix),
        }
    }

    /// The effective configuration for people: values without secrets, and the origin of each.
    #[must_use]
    pub fn redacted(&self) -> Value {
        redact::effective(self)
    }

    /// This configuration with the bootstrap tier of `running`: what a process that runs `running` comes to by a reload.
    ///
    /// Values, origins and hash then tell what is in force, not what waits for a restart.
    #[must_use]
    pub fn with_bootstrap_of(mut self, running: &Self) -> Self {
        for path in tier::bootstrap_paths(&running.effective, &self.effective) {
            tier::copy_value(&running.effective, &mut self.effective, &path);
            match running.origins.get(&path) {
                Some(origin) => self.origins.insert(path, origin.clone()),
                None => self.origins.remove(&path),
            };
        }
        self.config.bootstrap = running.config.bootstrap.clone();
        self.hash = hash::short_hash(&self.effective);
        self
    }

    /// Every value, defaults and environment included.
    pub(crate) fn effective(&self) -> &Value {
        &self.effective
    }
}

/// Reads the files in order and loads them; the later wins.
///
/// # Errors
/// Every fault of every file, or of the reading.
pub fn load(files: &[PathBuf], environment: &dyn Environment) -> Result<Loaded, Faults> {
    load_layers(read_layers(files)?, environment)
}

/// Reads the files in order, for [`load_layers`].
///
/// # Errors
/// Every file that cannot be read.
pub fn read_layers(files: &[PathBuf]) -> Result<Vec<Layer>, Faults> {
    let mut faults = Vec::new();
    let mut layers = Vec::new();
    for file in files {
        match read(file) {
            Ok(text) => layers.push(Layer::file(file.display().to_string(), text)),
            Err((problem, fix)) => {
                let position = Position { file: file.display().to_string(), line: 1, column: 1 };
                faults.push(Fault::new(position, "", problem, fix));
            }
        }
    }
    if !faults.is_empty() {
        return Err(Faults::new(FaultKind::Unreadable, faults));
    }
    Ok(layers)
}

/// Says whether [`load`] would succeed, and every reason why not.
///
/// # Errors
/// As [`load`].
pub fn check(files: &[PathBuf], environment: &dyn Environment) -> Result<(), Faults> {
    load(files, environment).map(|_| ())
}

/// Loads texts that have been read already; the later wins.
///
/// # Errors
/// Every fault of every layer.
pub fn load_layers(layers: Vec<Layer>, environment: &dyn Environment) -> Result<Loaded, Faults> {
    let running = Version::parse(running_version()).unwrap_or_else(|_| Version::new(0, 0, 0));
    load_as(layers, environment, &running)
}

/// As [`load_layers`], for a program of version `running`.
pub(crate) fn load_as(
    layers: Vec<Layer>,
    environment: &dyn Environment,
    running: &Version,
) -> Result<Loaded, Faults> {
    let schema = CheckedSchema::own().map_err(|error| {
        let position = Position { file: "configuration".to_owned(), line: 1, column: 1 };
        let problem = format!("this version's own schema is broken: {error}");
        Faults::new(FaultKind::Invalid, vec![Fault::new(position, "", problem, "report this as a defect")])
    })?;
    let mut reading = Reading::begin(layers, &schema, Some(running))?;
    environment::fill(&mut reading.merged.root, environment, &mut reading.sources, &mut reading.faults);
    add_bedrock(&mut reading.merged.root);
    reading.check();
    if reading.faults.is_empty() {
        finish(reading, environment::tokens(environment))
    } else {
        Err(Faults::new(FaultKind::Invalid, reading.faults))
    }
}

fn read(file: &FilePath) -> Result<String, (String, &'static str)> {
    let cannot =
        |error: std::io::Error| (format!("cannot be read: {error}"), "check the path and its permissions");
    let mut text = String::new();
    let opened = File::open(file).map_err(cannot)?;
    let length = opened.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text).map_err(cannot)?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_TEXT_BYTES) {
        return Err((format!("is larger than {MAX_TEXT_BYTES} bytes"), "name a configuration file"));
    }
    Ok(text)
}

/// The region is required, so its block must be there to be said to lack it.
fn add_bedrock(root: &mut Block) {
    root.entry("bedrock".to_owned()).or_insert_with(|| {
        let nowhere = crate::source::Span { source: 0, bytes: 0..0 };
        Node { value: NodeValue::Block(Block::new()), key: nowhere.clone(), span: nowhere }
    });
}

fn finish(reading: Reading<'_>, tokens: Tokens) -> Result<Loaded, Faults> {
    let Reading { sources, mut merged, declared_regions, .. } = reading;
    let start = checker::start(&sources);
    let mut places = BTreeMap::new();
    let mut origins = BTreeMap::new();
    collect_places(&merged.root, &Path::default(), &sources, &mut places, &mut origins);
    let fault = |path: &str, problem: String, fix: String| {
        let place = ancestors(path).find_map(|head| places.get(head));
        let position = place.map_or_else(|| start.clone(), |(_, position)| position.clone());
        // As people write it, where it is written.
        let shown = places.get(path).map_or_else(|| path.to_owned(), |(shown, _)| shown.to_string());
        Fault::new(position, shown, problem, fix)
    };
    let raw = rules::parse(&block_to_json(&merged.root)).map_err(|(path, problem)| {
        let fault = fault(&path, problem, "see the schema of this version".to_owned());
        Faults::new(FaultKind::Invalid, vec![fault])
    })?;
    let removed_models = merged.removed.remove("model").unwrap_or_default();
    let mut effective = serde_json::to_value(&raw).unwrap_or_default();
    for name in &removed_models {
        // Part of what the program does, since a well-known name may be the one taken out.
        if let Some(models) = effective.get_mut("model").and_then(Value::as_object_mut) {
            models.insert(name.clone(), serde_json::json!({"remove": true}));
        }
    }
    let beside = Beside { removed_models, declared_regions, tokens };
    let config = rules::validate(raw, beside).map_err(|broken| {
        let faults = broken.into_iter().map(|(path, problem, fix)| fault(&path, problem, fix)).collect();
        Faults::new(FaultKind::Invalid, faults)
    })?;
    add_default_origins(&effective, "", &mut origins);
    Ok(Loaded { config, hash: hash::short_hash(&effective), effective, origins, places, start })
}

/// A dotted path, then each shorter one.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(head, _)| head))
}

pub(crate) fn collect_places(
    block: &Block,
    path: &Path,
    sources: &Sources,
    places: &mut BTreeMap<String, (Path, Position)>,
    origins: &mut BTreeMap<String, Origin>,
) {
    for (name, node) in block {
        let here = path.field(name);
        match &node.value {
            NodeValue::Block(below) => {
                places.insert(here.dotted(), (here.clone(), sources.position(&node.key)));
                collect_places(below, &here, sources, places, origins);
            }
            NodeValue::Labelled(blocks) => {
                for (label, node) in blocks {
                    let here = here.child(Segment::Label(label.clone()));
                    places.insert(here.dotted(), (here.clone(), sources.position(&node.key)));
                    if let NodeValue::Block(below) = &node.value {
                        collect_places(below, &here, sources, places, origins);
                    }
                }
            }
            _ => {
                let position = sources.position(&node.span);
                let kind = sources.get(node.span.source).map_or(SourceKind::File, |source| source.kind);
                origins.insert(here.dotted(), Origin::new(kind, position.clone()));
                places.insert(here.dotted(), (here, position));
            }
        }
    }
}

fn add_default_origins(value: &Value, path: &str, origins: &mut BTreeMap<String, Origin>) {
    match value {
        // A map that was written has one origin, as a list has.
        Value::Object(object) if !origins.contains_key(path) => {
            for (name, below) in object {
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                add_default_origins(below, &here, origins);
            }
        }
        _ => {
            origins.entry(path.to_owned()).or_insert(Origin::Default);
        }
    }
}
