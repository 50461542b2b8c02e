//! Judges files and documents together: the texts of a configuration to what can be put into force.

use std::sync::Arc;

use jiff::Timestamp;
use nova_config::{
    Documents, Fault, FaultKind, Faults, Layer, Loaded, Position, ProcessEnvironment, bootstrap_changes,
    load_layers,
};
use nova_telemetry::error_chain;
use slog::{Logger, warn};

use super::inputs::Content;
use crate::app::snapshot;
use crate::receipt::{AppliedConfig, ConfigSource, DocumentVersion, Refusal, RefusedFiles};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::upstream::CachedCredentials;

/// Why a configuration was refused. Cheap to clone: it is told in more than one place.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReloadError {
    /// Faults of texts.
    #[error(transparent)]
    Faults(#[from] Arc<Faults>),
    /// What follows from the texts cannot be built.
    #[error(transparent)]
    Snapshot(#[from] Arc<SnapshotError>),
}

impl ReloadError {
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Self::Faults(faults) => faults.kind(),
            Self::Snapshot(_) => FaultKind::Invalid,
        }
    }

    /// As faults, for the receipt.
    pub(super) fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Faults(faults) => faults.as_slice().to_vec(),
            Self::Snapshot(error) => match error.as_ref() {
                SnapshotError::Faults(faults) => faults.clone(),
                other => {
                    let nowhere = Position { file: "configuration".to_owned(), line: 1, column: 1 };
                    let fix = "mend what the problem names, then change the configuration or send SIGHUP";
                    vec![Fault::new(nowhere, "", error_chain(other), fix)]
                }
            },
        }
    }

    /// The refusal of files for a receipt.
    pub(crate) fn of_files(&self, at: Timestamp) -> RefusedFiles {
        RefusedFiles::new(at, self.kind().as_str(), &self.faults())
    }

    /// The refusal of documents for a receipt.
    pub(crate) fn of_documents(&self, documents: &Documents, at: Timestamp) -> Refusal {
        let refused = (documents.index(), versions(documents));
        Refusal::new(refused, at, self.kind().as_str(), &self.faults())
    }
}

/// The texts of the files, in order.
#[derive(Clone, Debug)]
pub(crate) struct Files(pub(crate) Vec<Layer>);

impl Content for Files {
    fn says_the_same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// Documents and where they come from; none where files alone make the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Sourced(pub(crate) Option<(ConfigSource, Documents)>);

impl Sourced {
    /// Where the documents come from.
    pub(crate) fn source(&self) -> ConfigSource {
        self.0.as_ref().map_or(ConfigSource::Files, |(source, _)| *source)
    }

    /// Writes the documents in force into a receipt.
    pub(crate) fn tell(&self, config: &mut AppliedConfig) {
        config.source = self.source();
        config.applied_index = self.documents().map(Documents::index);
        config.documents = self.documents().map(versions).unwrap_or_default();
    }

    /// The documents.
    pub(crate) fn documents(&self) -> Option<&Documents> {
        self.0.as_ref().map(|(_, documents)| documents)
    }
}

impl Content for Sourced {
    fn says_the_same_as(&self, other: &Self) -> bool {
        match (self.documents(), other.documents()) {
            (Some(one), Some(two)) => says_the_same(one, two),
            (one, two) => one.is_none() && two.is_none(),
        }
    }
}

/// Whether both have the same texts under the same names.
pub(crate) fn says_the_same(one: &Documents, two: &Documents) -> bool {
    let texts = |documents: &'_ Documents| {
        documents.entries().map(|(name, entry)| (name.to_owned(), entry.value.clone())).collect::<Vec<_>>()
    };
    one.prefix() == two.prefix() && texts(one) == texts(two)
}

/// The documents by their versions, in the order of their layers.
fn versions(documents: &Documents) -> Vec<DocumentVersion> {
    let version = |name: &str, modify_index| DocumentVersion { key: documents.key(name), modify_index };
    documents.entries().map(|(name, entry)| version(name, entry.modify_index)).collect()
}

/// Builds what follows from files and documents. Fields of the bootstrap tier keep the values of `before`, if there is one; those that
/// differ are named in the snapshot. Starts nothing and changes nothing.
pub(crate) fn judge(
    files: &Files,
    documents: &Sourced,
    before: Option<&Snapshot>,
    credentials: &Arc<CachedCredentials>,
    log: &Logger,
) -> Result<Snapshot, ReloadError> {
    let mut layers = files.0.clone();
    if let Some(documents) = documents.documents() {
        layers.extend(documents.layers().map_err(Arc::new)?);
    }
    let loaded = load_layers(layers, &ProcessEnvironment).map_err(Arc::new)?;
    let (loaded, waiting) = match before {
        Some(before) => keep_bootstrap(&before.loaded, loaded, log),
        None => (loaded, Vec::new()),
    };
    let next = snapshot(loaded, credentials, before, log).map_err(Arc::new)?;
    Ok(next.waiting_for_restart(waiting))
}

/// What is fixed at the start stays as it was; the operator is told what waits for a restart.
fn keep_bootstrap(before: &Loaded, loaded: Loaded, log: &Logger) -> (Loaded, Vec<String>) {
    let waiting = bootstrap_changes(before, &loaded);
    if !waiting.is_empty() {
        warn!(log, "these fields change at the next start only"; "fields" => waiting.join(", "));
    }
    (loaded.with_bootstrap_of(before), waiting)
}
