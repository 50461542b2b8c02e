//! From arguments to an edit of the documents, and back from a document to the file that it was read from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use nova_config::Fault;

use super::EditArgs;
use crate::change::{Edit, Labels};
use crate::documents::{self, CONFIG, StoredDocuments, Texts};

/// The largest value of a key (Consul's `kv_max_value_size`).
const MAX_TEXT_BYTES: u64 = 512 << 10;

/// The files of an edit by the document that each becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files(BTreeMap<String, PathBuf>);

/// Reads `NAME=FILE`.
pub(super) fn fragment_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or_else(|| format!("{text:?} names no file: write NAME=FILE, such as limits=limits.hcl"))?;
    Ok((documents::fragment(name)?, PathBuf::from(file)))
}

impl EditArgs {
    /// Reads the files.
    pub(super) fn read(&self) -> anyhow::Result<(Edit, Files)> {
        let mut files = BTreeMap::new();
        if let Some(file) = &self.file {
            files.insert(CONFIG.to_owned(), file.clone());
        }
        for (name, file) in &self.fragments {
            if files.insert(name.clone(), file.clone()).is_some() {
                bail!("{name} is given twice: name one file for it");
            }
        }
        let remove: BTreeSet<String> = self.removed.iter().cloned().collect();
        if let Some(both) = remove.iter().find(|name| files.contains_key(*name)) {
            bail!("{both} is put and removed at once: decide for one");
        }
        let mut put = Texts::new();
        for (name, file) in &files {
            put.insert(name.clone(), read(file)?);
        }
        Ok((Edit { put, remove }, Files(files)))
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let shown = file.display();
    let opened = File::open(file).with_context(|| format!("{shown} cannot be read"))?;
    let mut bytes = Vec::new();
    opened
        .take(MAX_TEXT_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{shown} cannot be read"))?;
    ensure!(
        u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_TEXT_BYTES),
        "{shown} is larger than {MAX_TEXT_BYTES} bytes, the most that a key of Consul's holds: name a configuration file"
    );
    String::from_utf8(bytes).with_context(|| format!("{shown} is not UTF-8 text: name a configuration file"))
}

impl Files {
    /// What a person calls a document: its file where it was read from one, its key otherwise.
    pub(super) fn shown(&self, prefix: &str, name: &str) -> String {
        self.0.get(name).map_or_else(|| format!("{prefix}/{name}"), |file| file.display().to_string())
    }

    /// As [`Self::shown`], for a full key.
    pub(super) fn shown_key(&self, prefix: &str, key: &str) -> String {
        let name = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        name.map_or_else(|| key.to_owned(), |name| self.shown(prefix, name))
    }

    /// The fault with the name of the file in place of the key.
    pub(super) fn place(&self, prefix: &str, fault: Fault) -> Fault {
        Fault { file: self.shown_key(prefix, &fault.file), ..fault }
    }
}

/// The two sides of a diff between the store and files.
pub(super) struct StoreAndFiles<'a> {
    pub(super) stored: &'a StoredDocuments,
    pub(super) files: &'a Files,
}

impl Labels for StoreAndFiles<'_> {
    fn before(&self, name: &str) -> String {
        let index = self.stored.documents().get(name).map_or(0, |document| document.modify_index);
        format!("{}\tindex {index}", self.stored.key(name))
    }

    fn after(&self, name: &str) -> String {
        self.files.shown(self.stored.prefix(), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(
        file: Option<&Path>,
        fragments: &[(&str, &Path)],
        removed: &[&str],
    ) -> anyhow::Result<(Edit, Files)> {
        EditArgs {
            file: file.map(Path::to_path_buf),
            fragments: fragments
                .iter()
                .map(|(name, file)| ((*name).to_owned(), file.to_path_buf()))
                .collect(),
            removed: removed.iter().map(|name| (*name).to_owned()).collect(),
        }
        .read()
    }

    #[test]
    fn a_fragment_is_a_name_and_a_file() {
        let (name, file) = fragment_file("limits=a=b.hcl").unwrap();
        assert_eq!((name.as_str(), file.to_str().unwrap()), ("config.d/limits", "a=b.hcl"));
        for wrong in ["limits", "limits=", "a/b=c.hcl", "=c.hcl"] {
            assert!(fragment_file(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn documents_have_the_name_of_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prod.hcl");
        std::fs::write(&file, "a = 1\n").unwrap();
        let (edit, files) = edit(Some(&file), &[], &["config.d/old"]).unwrap();
        assert_eq!(edit.put["config"], "a = 1\n");
        assert!(edit.remove.contains("config.d/old"));
        assert_eq!(files.shown_key("p", "p/config"), file.display().to_string());
        assert_eq!(files.shown_key("p", "p/config.d/x"), "p/config.d/x");
    }

    #[test]
    fn contradictions_and_files_that_are_no_text_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (text, bytes) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&text, "a").unwrap();
        std::fs::write(&bytes, [0xff]).unwrap();
        let limits = ("config.d/limits", text.as_path());
        for (result, expected) in [
            (edit(None, &[limits, limits], &[]), "given twice"),
            (edit(None, &[limits], &["config.d/limits"]), "put and removed"),
            (edit(Some(&bytes), &[], &[]), "not UTF-8"),
            (edit(Some(&folder.path().join("c")), &[], &[]), "cannot be read"),
        ] {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
