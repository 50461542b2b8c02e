//! Why a configuration was refused, in the form of the receipt.

use jiff::Timestamp;
use nova_config::Fault;
use serde::Serialize;

use super::{DocumentVersion, rfc3339};

/// How many faults a receipt lists: the rest show when these are mended.
const MAX_FAULTS: usize = 100;

/// One fault, where it is and what to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultEntry {
    file: String,
    line: usize,
    column: usize,
    path: String,
    problem: String,
    fix: String,
}

impl From<&Fault> for FaultEntry {
    fn from(fault: &Fault) -> Self {
        Self {
            file: fault.file.clone(),
            line: fault.line,
            column: fault.column,
            path: fault.path.clone(),
            problem: fault.problem.clone(),
            fix: fault.fix.clone(),
        }
    }
}

/// The faults of a refusal, as many as are shown.
pub(super) fn shown(faults: &[Fault]) -> Vec<FaultEntry> {
    faults.iter().take(MAX_FAULTS).map(FaultEntry::from).collect()
}

/// Documents that were seen and are not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The index of the read that gave them.
    pub index: u64,
    /// When they were refused.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// In one word why, as [`nova_config::FaultKind`] says it.
    pub kind: &'static str,
    /// The documents.
    pub documents: Vec<DocumentVersion>,
    /// The first faults.
    pub faults: Vec<FaultEntry>,
    /// How many faults there are.
    pub faults_total: usize,
}

impl Refusal {
    /// The refusal of these documents at `at`.
    #[must_use]
    pub fn new(
        (index, documents): (u64, Vec<DocumentVersion>),
        at: Timestamp,
        kind: &'static str,
        faults: &[Fault],
    ) -> Self {
        Self { index, at, kind, documents, faults: shown(faults), faults_total: faults.len() }
    }
}

/// Files that were seen and are not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedFiles {
    /// When they were refused.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// In one word why.
    pub kind: &'static str,
    /// The first faults.
    pub faults: Vec<FaultEntry>,
    /// How many faults there are.
    pub faults_total: usize,
}

impl RefusedFiles {
    /// The refusal of the files at `at`.
    #[must_use]
    pub fn new(at: Timestamp, kind: &'static str, faults: &[Fault]) -> Self {
        Self { at, kind, faults: shown(faults), faults_total: faults.len() }
    }
}
