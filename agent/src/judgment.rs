//! Whether everybody who has to read the documents can: this program's schema, and those of the versions that run.
//!
//! Pure. Only what a schema can say is judged: what depends on an instance's own files (regions, keys, models that exist there)
//! is told by its receipt.

use std::collections::BTreeMap;

use bytes::Bytes;
use nova_config::{Documents, Fault, judge_documents};
use serde_json::Value;

/// Somebody who has to read the documents: a version of the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Reader {
    /// Who it is, for people: `version 0.1.0`.
    pub name: String,
    /// Its JSON Schema of the configuration.
    pub schema: Value,
}

impl Reader {
    /// This program.
    #[must_use]
    pub fn own() -> Self {
        Self {
            name: format!("this program ({})", nova_config::running_version()),
            schema: nova_config::json_schema(),
        }
    }
}

/// A fault, and which readers find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The fault.
    pub fault: Fault,
    /// The names of the readers.
    pub by: Vec<String>,
}

/// Every fault that any of `readers` finds in `documents` (values by name) below `prefix`, in the order of their places.
#[must_use]
pub fn judge(
    prefix: &str,
    documents: &BTreeMap<String, Bytes>,
    index: u64,
    readers: &[Reader],
) -> Vec<Objection> {
    let entries = documents.iter().map(|(name, value)| (name.clone(), value.clone(), index));
    let documents = Documents::new(prefix, entries, index);
    let mut found: BTreeMap<Fault, Vec<String>> = BTreeMap::new();
    for reader in readers {
        for fault in judge_documents(&documents, &reader.schema) {
            let by = found.entry(fault).or_default();
            if !by.contains(&reader.name) {
                by.push(reader.name.clone());
            }
        }
    }
    found.into_iter().map(|(fault, by)| Objection { fault, by }).collect()
}
