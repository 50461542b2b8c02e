//! Policies from HCL, laid over each other: defaults, then the agent's files, then the key-value store, then the job's own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use nova_config::{BlockKind, Fault, FaultKind, Faults, Layer, Position};
use serde_json::Value;

use super::raw::{RawPolicies, RawRollout};
use super::{Policy, rules};
use crate::rollout::record::Target;

/// The name of the layer of defaults.
const DEFAULTS: &str = "built-in defaults";

/// The key of a job's `meta` that holds a policy.
pub const META_POLICY: &str = "nova_rollout_policy";

/// The key of a job's `meta` that keeps the agent off the job, by the value `off`.
pub const META_SWITCH: &str = "nova_rollout";

/// A text that policies are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    /// The name of the file or the key, for faults and for where a policy is from.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// A policy, and the names of the texts that it is made of, the strongest last.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPolicy {
    /// The rules.
    pub policy: Policy,
    /// Where they are from.
    pub origin: Vec<String>,
}

/// The JSON Schema of a document with `rollout` blocks.
///
/// # Errors
/// When it is broken, which only a defect of this version can bring about.
pub fn json_schema() -> Result<Value, Faults> {
    kind().map(|kind| kind.schema().clone())
}

fn kind() -> Result<&'static BlockKind, Faults> {
    static KIND: LazyLock<Result<BlockKind, String>> =
        LazyLock::new(|| BlockKind::of::<RawPolicies>("rollout", "Bedrock Nova Proxy rollout policies"));
    KIND.as_ref().map_err(|problem| {
        let place = Position { file: DEFAULTS.to_owned(), line: 1, column: 1 };
        let fault = Fault::new(place, "", problem.clone(), "this is a defect of this version");
        Faults::new(FaultKind::Invalid, vec![fault])
    })
}

/// All policies of the agent's files, whose `rollout "<name>" { … }` blocks are read and whose other blocks are passed over.
///
/// # Errors
/// Every fault of every policy.
pub fn of_files(files: &[PolicyText]) -> Result<BTreeMap<Target, FoundPolicy>, Faults> {
    let mut found = BTreeMap::new();
    let mut faults = Vec::new();
    for label in kind()?.labels(layers(files))? {
        match merged(&label, files, &[]) {
            Ok(Some((target, policy))) => {
                if let Some(FoundPolicy { origin, .. }) = found.insert(target.clone(), policy) {
                    let file = origin.last().cloned().unwrap_or_default();
                    let place = Position { file, line: 1, column: 1 };
                    let problem = format!("the job {} of {} has two policies", target.job, target.namespace);
                    faults.push(Fault::new(
                        place,
                        format!("rollout {label:?}"),
                        problem,
                        "put them into one block",
                    ));
                }
            }
            Ok(None) => {}
            Err(more) => faults.extend(more.as_slice().iter().cloned()),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(Faults::new(FaultKind::Invalid, faults)) }
}

/// The policy of one job: its block in the files, and over that the bodies of such a block, without its name and braces, from the
/// key-value store and the job's `meta`, in this order. Nothing where there is none of these.
///
/// # Errors
/// Every fault of it.
pub fn of_job(
    target: &Target,
    files: &[PolicyText],
    bodies: &[PolicyText],
) -> Result<Option<FoundPolicy>, Faults> {
    let mut label = None;
    for candidate in kind()?.labels(layers(files))? {
        // A block that cannot be read is told of where it is asked for, and is not another's fault.
        if let Ok(Some((found, _))) = merged(&candidate, files, &[])
            && found == *target
        {
            label = Some(candidate);
        } else if candidate == target.job {
            label = label.or(Some(candidate));
        }
    }
    match (label, bodies) {
        (None, []) => Ok(None),
        (label, bodies) => {
            let is_filed = label.is_some();
            let label = label.unwrap_or_else(|| target.job.clone());
            let files = if is_filed { files } else { &[] };
            let found = merged(&label, files, bodies)?;
            Ok(found.filter(|(found, _)| !is_filed || found == target).map(|(_, policy)| policy))
        }
    }
}

/// Whether a job's `meta` keeps the agent off it.
#[must_use]
pub fn is_off(meta: &BTreeMap<String, String>) -> bool {
    meta.get(META_SWITCH).is_some_and(|value| value == "off")
}

fn layers(files: &[PolicyText]) -> Vec<Layer> {
    files.iter().map(|file| Layer::file(file.name.clone(), file.text.clone())).collect()
}

/// The block of this label over the defaults, with the target that it names. Nothing where there is none.
fn merged(
    label: &str,
    files: &[PolicyText],
    bodies: &[PolicyText],
) -> Result<Option<(Target, FoundPolicy)>, Faults> {
    let kind = kind()?;
    if bodies.is_empty() && !kind.labels(layers(files))?.iter().any(|own| own == label) {
        return Ok(None);
    }
    let head = format!("rollout {} {{\n", Value::from(label));
    let wrapped = |name: &str, text: &str| Layer::file(name, format!("{head}{text}\n}}\n"));
    let mut all = vec![wrapped(DEFAULTS, include_str!("defaults.hcl"))];
    all.extend(layers(files));
    all.extend(bodies.iter().map(|body| wrapped(&body.name, &body.text)));
    let read = kind.read::<RawRollout>(all, label);
    let read = read.map_err(|faults| unwrapped(&faults, bodies))?;
    let Some(read) = read else { return Ok(None) };
    let policy = rules::validate(&read).map_err(|faults| unwrapped(&faults, bodies))?;
    let target = Target {
        namespace: read.value.namespace.clone(),
        job: read.value.job.clone().unwrap_or_else(|| label.to_owned()),
    };
    let names = files.iter().chain(bodies).map(|text| text.name.clone());
    let origin = std::iter::once(DEFAULTS.to_owned()).chain(names).collect();
    Ok(Some((target, FoundPolicy { policy, origin })))
}

/// Faults of bodies at the lines that they have without the name and the brace before them.
fn unwrapped(faults: &Faults, bodies: &[PolicyText]) -> Faults {
    let moved = faults.as_slice().iter().cloned().map(|mut fault| {
        if bodies.iter().any(|body| body.name == fault.file) {
            fault.line = fault.line.saturating_sub(1).max(1);
        }
        fault
    });
    Faults::new(faults.kind(), moved.collect())
}
