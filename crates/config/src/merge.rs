//! Layers to one tree; the later layer wins.
//!
//! Scalars and lists are replaced. Labelled blocks are merged attribute by attribute under their label. Unlabelled
//! blocks are replaced whole, but for their bootstrap fields where the later layer is of the runtime tier: it cannot
//! write them, so it must not be able to erase them. `remove = true` takes a labelled block out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::document::{Block, Node, NodeValue};
use crate::fault::Fault;
use crate::path::{Path, Segment};
use crate::source::{SourceKind, Sources};
use crate::tier::{self, Tier};

/// The tree of all layers so far.
#[derive(Debug)]
pub(crate) struct Merged<'a> {
    schema: &'a Value,
    pub(crate) root: Block,
    /// Labels taken out and not written again since, by block name.
    pub(crate) removed: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Merged<'a> {
    /// Without a layer. `schema` tells the tiers of fields.
    pub(crate) fn new(schema: &'a Value) -> Self {
        Self { schema, root: Block::new(), removed: BTreeMap::new() }
    }

    /// Puts `layer` over what there is.
    pub(crate) fn add(&mut self, layer: Block, kind: SourceKind, sources: &Sources, faults: &mut Vec<Fault>) {
        for (name, node) in layer {
            let path = Path::default().field(&name);
            match node.value {
                NodeValue::Labelled(blocks) => {
                    let (removed, kept): (Vec<_>, Vec<_>) =
                        blocks.into_iter().partition(|(_, block)| is_removal(block));
                    for (label, block) in removed {
                        faults.extend(lone_removal(&path, &label, &block, sources));
                        self.remove(&name, label);
                    }
                    if !kept.is_empty() {
                        let container = Node { value: NodeValue::Labelled(Block::new()), ..node };
                        self.add_labelled(name, container, kept);
                    }
                }
                value => {
                    let mut node = Node { value, key: node.key, span: node.span };
                    if kind == SourceKind::Runtime
                        && let Some(old) = self.root.get(&name)
                    {
                        keep_bootstrap(self.schema, old, &mut node, &path);
                    }
                    self.root.insert(name, node);
                }
            }
        }
    }

    fn remove(&mut self, name: &str, label: String) {
        if let Some(Node { value: NodeValue::Labelled(blocks), .. }) = self.root.get_mut(name) {
            blocks.remove(&label);
        }
        self.removed.entry(name.to_owned()).or_default().insert(label);
    }

    fn add_labelled(&mut self, name: String, container: Node, blocks: Vec<(String, Node)>) {
        let mut removed = self.removed.get_mut(&name);
        let into = self.root.entry(name).or_insert_with(|| container.clone());
        if !matches!(into.value, NodeValue::Labelled(_)) {
            // An earlier layer wrote the name without labels; the form that came later is the one to judge.
            *into = container;
        }
        let NodeValue::Labelled(into) = &mut into.value else { return };
        for (label, node) in blocks {
            if let Some(removed) = &mut removed {
                removed.remove(&label);
            }
            match (into.get_mut(&label).map(|old| &mut old.value), node) {
                (Some(NodeValue::Block(old)), Node { value: NodeValue::Block(new), .. }) => {
                    lay_over(old, new)
                }
                (_, node) => {
                    into.insert(label, node);
                }
            }
        }
    }
}

/// Lays the attributes of a labelled block over those of an earlier layer; labelled blocks in it in the same way.
fn lay_over(old: &mut Block, new: Block) {
    for (name, node) in new {
        match (old.get_mut(&name).map(|old| &mut old.value), node) {
            (Some(NodeValue::Labelled(old)), Node { value: NodeValue::Labelled(new), .. }) => {
                for (label, node) in new {
                    if is_removal(&node) {
                        old.remove(&label);
                        continue;
                    }
                    match (old.get_mut(&label).map(|old| &mut old.value), node) {
                        (Some(NodeValue::Block(old)), Node { value: NodeValue::Block(new), .. }) => {
                            lay_over(old, new);
                        }
                        (_, node) => drop(old.insert(label, node)),
                    }
                }
            }
            (_, node) => drop(old.insert(name, node)),
        }
    }
}

fn is_removal(node: &Node) -> bool {
    matches!(&node.value, NodeValue::Block(block)
        if matches!(block.get("remove"), Some(Node { value: NodeValue::Bool(true), .. })))
}

fn lone_removal(path: &Path, label: &str, node: &Node, sources: &Sources) -> Option<Fault> {
    let NodeValue::Block(block) = &node.value else { return None };
    let (_, other) = block.iter().find(|(name, _)| *name != "remove")?;
    let path = path.child(Segment::Label(label.to_owned())).to_string();
    let problem = "remove = true stands beside fields that would have no effect";
    Some(Fault::new(sources.position(&other.key), path, problem, "write remove = true alone, or take it out"))
}

/// Copies bootstrap fields of `old` into `new`, where `new` has not written them.
fn keep_bootstrap(schema: &Value, old: &Node, new: &mut Node, path: &Path) {
    let (NodeValue::Block(old), NodeValue::Block(new)) = (&old.value, &mut new.value) else { return };
    for (name, node) in old {
        let here = path.field(name);
        match (&node.value, new.get_mut(name)) {
            (NodeValue::Block(_), Some(below)) => keep_bootstrap(schema, node, below, &here),
            (NodeValue::Block(_), None) => {
                let mut below = Node { value: NodeValue::Block(Block::new()), ..node.clone() };
                keep_bootstrap(schema, node, &mut below, &here);
                if matches!(&below.value, NodeValue::Block(block) if !block.is_empty()) {
                    new.insert(name.clone(), below);
                }
            }
            (_, None) if tier::of(schema, &here) == Some(Tier::Bootstrap) => {
                new.insert(name.clone(), node.clone());
            }
            _ => {}
        }
    }
}
