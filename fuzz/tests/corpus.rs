//! The committed corpora, run through what they were made for: an input that once broke something stays mended.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All corpora together: the tree is no place for what a fuzzer finds in a night.
const CORPORA_BYTES_MAX: u64 = 300_000;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = read.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn every_committed_input_keeps_the_promises_of_its_target() {
    let mut failed = Vec::new();
    for (name, target) in nova_fuzz::TARGETS {
        let inputs = entries(&corpora().join(name));
        assert!(!inputs.is_empty(), "the corpus {name} is empty");
        for path in inputs {
            let input = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| target(&input)).is_err() {
                failed.push(path.display().to_string());
            }
        }
    }
    assert!(failed.is_empty(), "these break a promise, as told above: {failed:#?}");
}

#[test]
fn every_corpus_and_every_program_has_its_target() {
    let targets: BTreeSet<_> = nova_fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let named = |folder: &Path| -> BTreeSet<String> {
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        entries(folder).into_iter().map(stem).collect()
    };
    assert_eq!(named(&corpora()), targets, "folders of fuzz/corpus");
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    assert_eq!(named(&programs), targets, "files of fuzz/targets");
}

#[test]
fn the_corpora_stay_small() {
    let files = nova_fuzz::TARGETS.iter().flat_map(|(name, _)| entries(&corpora().join(name)));
    let bytes: u64 = files.map(|path| path.metadata().unwrap().len()).sum();
    assert!(
        bytes <= CORPORA_BYTES_MAX,
        "{bytes} bytes: commit what `cargo fuzz cmin` leaves, or fewer seeds"
    );
}
