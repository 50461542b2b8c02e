//! `nova-agent config check`: every fault that the documents would have after a push.

use std::collections::BTreeMap;
use std::process::ExitCode;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::FAILED;
use super::super::connection::Connection;
use super::super::output::{complain, fault_json, print, visible};
use super::CheckArgs;
use super::edit::Files;
use super::readers::{self, Readers};
use crate::change::Edit;
use crate::documents::StoredDocuments;
use crate::judgment::{Objection, Reader, judge};

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Faults, at the files that they are in.
    pub(super) objections: Vec<Objection>,
    /// What is no fault of the documents, and should be known.
    pub(super) warnings: Vec<String>,
    /// Who was asked.
    pub(super) readers: Vec<String>,
}

pub(super) async fn run(connection: &Connection, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let (edit, files) = args.edit.read()?;
    let stored = connection.store.documents().await?;
    let mut readers = readers::of(&connection.fleet).await?;
    readers.list.extend(readers::in_files(&args.schemas)?);
    let checked = check(&stored, &edit, &files, readers);
    report(&checked, args.json)
}

/// Judges the named files alone.
pub(super) fn offline(prefix: &str, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let (edit, files) = args.edit.read()?;
    let stored = StoredDocuments::new(prefix, [], 0);
    let mut list = vec![Reader::own()];
    list.extend(readers::in_files(&args.schemas)?);
    report(&check(&stored, &edit, &files, Readers { list, warnings: Vec::new() }), args.json)
}

/// Judges what the store would hold after `edit`.
///
/// What it holds now is what a rollback would bring back, so it is judged as well. Its faults are warnings: a state that is broken must
/// be possible to replace.
pub(super) fn check(stored: &StoredDocuments, edit: &Edit, files: &Files, readers: Readers) -> Checked {
    let prefix = stored.prefix();
    let place = |objection: Objection| Objection { fault: files.place(prefix, objection.fault), ..objection };
    let after = edit.applied(stored);
    let objections = judge(prefix, &after, stored.index(), &readers.list).into_iter().map(place).collect();
    let mut warnings = readers.warnings;
    let before: BTreeMap<String, Bytes> =
        stored.documents().iter().map(|(name, document)| (name.clone(), document.value.clone())).collect();
    if !before.is_empty() && before != after {
        warnings.extend(judge(prefix, &before, stored.index(), &readers.list).into_iter().map(|objection| {
            format!(
                "the state to roll back to has a fault: {} (found by {})",
                objection.fault,
                objection.by.join(", ")
            )
        }));
    }
    Checked { objections, warnings, readers: readers.list.into_iter().map(|reader| reader.name).collect() }
}

impl Checked {
    /// Tells warnings and faults on standard error.
    pub(super) fn complain(&self) {
        for warning in &self.warnings {
            complain(&visible(&format!("warning: {warning}")));
        }
        for objection in &self.objections {
            complain(&visible(&objection.fault.to_string()));
            // A fault that all find needs no names.
            if objection.by.len() < self.readers.len() {
                complain(&visible(&format!("    found by {}", objection.by.join(", "))));
            }
        }
    }

    /// The faults as JSON.
    pub(super) fn faults_json(&self) -> Vec<Value> {
        let fault = |objection: &Objection| {
            let mut fault: Value = fault_json(&objection.fault);
            fault["found_by"] = json!(objection.by);
            fault
        };
        self.objections.iter().map(fault).collect()
    }
}

fn report(checked: &Checked, is_json: bool) -> anyhow::Result<ExitCode> {
    let is_valid = checked.objections.is_empty();
    if is_json {
        print(
            &json!({
                "valid": is_valid, "judged_by": checked.readers, "faults": checked.faults_json(),
                "warnings": checked.warnings,
            })
            .to_string(),
        )?;
    } else {
        checked.complain();
        if is_valid {
            print(&format!("the documents are valid for {}", checked.readers.join(", ")))?;
        }
    }
    Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
