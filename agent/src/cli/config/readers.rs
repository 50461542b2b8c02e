//! Who has to read the documents: the versions that run, each asked for its schema once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use futures_util::StreamExt as _;

use crate::fleet::Fleet;
use crate::instance::Instance;
use crate::judgment::Reader;

/// How many instances of one version are asked for its schema before it is given up.
const TRIES: usize = 3;

/// The readers that could be asked, and what is to be said of those that could not.
#[derive(Debug, Default)]
pub(super) struct Readers {
    pub(super) list: Vec<Reader>,
    pub(super) warnings: Vec<String>,
}

/// This program, and every version that runs.
pub(super) async fn of(fleet: &Fleet) -> anyhow::Result<Readers> {
    let instances = fleet.instances().await.context("the instances cannot be listed")?;
    let mut readers = Readers { list: vec![Reader::own()], warnings: Vec::new() };
    let mut versions: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
    let mut silent = Vec::new();
    let mut answers = fleet.receipts(instances);
    while let Some((instance, fetched)) = answers.next().await {
        match fetched {
            Ok(receipt) => {
                let version = receipt.version.or_else(|| instance.version.clone());
                versions.entry(version.unwrap_or_else(|| "unknown".to_owned())).or_default().push(instance);
            }
            Err(reason) => silent.push((instance, reason)),
        }
    }
    for (version, instances) in &versions {
        match schema(fleet, instances).await {
            Ok(schema) => {
                let count = instances.len();
                let noun = if count == 1 { "instance" } else { "instances" };
                readers.list.push(Reader { name: format!("version {version} ({count} {noun})"), schema });
            }
            Err(reason) => readers.warnings.push(format!(
                "whether version {version} reads the documents is not known: it gave no schema ({reason})"
            )),
        }
    }
    silent
        .retain(|(instance, _)| !instance.version.as_ref().is_some_and(|known| versions.contains_key(known)));
    silent.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    readers.warnings.extend(silent.into_iter().map(|(instance, reason)| {
        format!("whether {} reads the documents is not known: it tells nothing ({reason})", instance.name.id)
    }));
    Ok(readers)
}

async fn schema(fleet: &Fleet, instances: &[Instance]) -> Result<serde_json::Value, String> {
    let mut last = String::new();
    for instance in instances.iter().take(TRIES) {
        match fleet.schema(instance).await {
            Ok(schema) => return Ok(schema),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}

/// Readers whose schemas are in files.
pub(super) fn in_files(files: &[PathBuf]) -> anyhow::Result<Vec<Reader>> {
    let reader = |file: &PathBuf| -> anyhow::Result<Reader> {
        let shown = file.display();
        let text = std::fs::read(file).with_context(|| format!("{shown} cannot be read"))?;
        let schema = serde_json::from_slice(&text).with_context(|| {
            format!("{shown} is no JSON: name a file with the output of `nova-proxy schema`")
        })?;
        Ok(Reader { name: format!("schema {shown}"), schema })
    };
    files.iter().map(reader).collect()
}
