//! What a single layer may say, before it is laid over the others: which versions read it, which tier it writes, which
//! documents it lists.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::Value;

use crate::document::{Block, Node, NodeValue};
use crate::fault::{Fault, FaultKind, Faults};
use crate::path::{Path, Segment};
use crate::requires::{self, Verdict};
use crate::source::{SourceKind, Sources, Span};
use crate::tier;

/// A layer as a tree.
pub(crate) struct ParsedLayer {
    pub(crate) kind: SourceKind,
    pub(crate) tree: Block,
    /// The name of its source.
    pub(crate) name: String,
    /// The fragments that stand beside it, where it is the document that may list them.
    pub(crate) fragments: Option<BTreeSet<String>>,
}

/// Refuses at once where a layer needs a newer version than `reader`: nothing else can be judged by that one.
///
/// # Errors
/// Every layer that needs a newer version.
pub(crate) fn version_faults(
    layers: &[ParsedLayer],
    sources: &Sources,
    reader: &Version,
    faults: &mut Vec<Fault>,
) -> Result<(), Faults> {
    let mut newer = Vec::new();
    for layer in layers {
        let Some(Node { value: NodeValue::String(requires), span, .. }) = layer.tree.get("requires") else {
            continue;
        };
        let position = sources.position(span);
        match requires::judge(requires, reader) {
            Ok(Verdict::Fits) => {}
            Ok(Verdict::NeedsNewer) => {
                let problem = format!("this document needs a newer version than {reader}: {requires}");
                newer.push(Fault::new(position, "requires", problem, "update this instance first"));
            }
            Ok(Verdict::Excludes) => {
                let problem = format!("this document is not for version {reader}: {requires}");
                faults.push(Fault::new(position, "requires", problem, "write a range that includes it"));
            }
            Err(error) => {
                let problem = format!("is not a version range ({error})");
                faults.push(Fault::new(position, "requires", problem, "write a range such as \">= 0.1\""));
            }
        }
    }
    if newer.is_empty() { Ok(()) } else { Err(Faults::new(FaultKind::NeedsNewerVersion, newer)) }
}

/// What the layer writes that is not its to write, by the tiers of `schema`.
pub(crate) fn forbidden(layer: &ParsedLayer, schema: &Value, sources: &Sources) -> Vec<Fault> {
    let fault = |path: &Path, span: &Span, problem: &str, fix: &str| {
        Fault::new(sources.position(span), path.to_string(), problem, fix)
    };
    let mut faults = Vec::new();
    if layer.kind == SourceKind::Runtime {
        let problem = "is fixed when the process starts, and cannot be set here";
        let fix = "write it in a file named by --config, and restart";
        let touched = tier::touched(schema, &layer.tree);
        faults.extend(touched.iter().map(|(path, span)| fault(path, span, problem, fix)));
    }
    let Some(Node { value, key, .. }) = layer.tree.get("fragments") else { return faults };
    let path = Path::of_fields("fragments");
    match (&layer.fragments, value) {
        (None, _) => {
            let problem = "is written by the document config alone, which lists what must be beside it";
            faults.push(fault(&path, key, problem, "take it out"));
        }
        (Some(fragments), NodeValue::List(list)) => {
            for (index, node) in list.iter().enumerate() {
                if let NodeValue::String(name) = &node.value
                    && !fragments.contains(name)
                {
                    let problem = format!("{} is not there", crate::redact::quoted(name));
                    let fix =
                        format!("write the document {}.d/<its name>, or take it out of the list", layer.name);
                    faults.push(fault(&path.child(Segment::Index(index)), &node.span, &problem, &fix));
                }
            }
        }
        // Anything else is of the wrong type by the schema.
        (Some(_), _) => {}
    }
    faults
}
