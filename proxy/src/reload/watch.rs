//! Tells whether files have changed since the last look.

use std::path::PathBuf;
use std::time::SystemTime;

/// What a look at one file sees. A file that is gone looks like nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sight {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Files and how they looked. Made before the files are read, so that no change falls between the reading and the first look.
#[derive(Debug, Clone)]
pub struct FileWatch {
    files: Vec<PathBuf>,
    applied: Vec<Option<Sight>>,
    /// A change that has been seen once. It counts when it looks the same at the next look: a file that is just being written is left alone.
    pending: Option<Vec<Option<Sight>>>,
}

impl FileWatch {
    /// Begins with how the files look now.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        let applied = look(&files);
        Self { files, applied, pending: None }
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether the files have changed since this was last true, and have come to rest.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = look(&self.files);
        if now == self.applied {
            self.pending = None;
            return false;
        }
        if self.pending.as_ref() == Some(&now) {
            self.applied = now;
            self.pending = None;
            return true;
        }
        self.pending = Some(now);
        false
    }
}

fn look(files: &[PathBuf]) -> Vec<Option<Sight>> {
    use std::os::unix::fs::MetadataExt;
    let sight = |file: &PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        Some(Sight { modified: metadata.modified().ok(), length: metadata.len(), inode: metadata.ino() })
    };
    files.iter().map(sight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_and_when_it_has_come_to_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("proxy.hcl");
        std::fs::write(&file, "a").expect("a file");
        let mut watch = FileWatch::new(vec![file.clone()]);
        assert!(!watch.has_changed());
        std::fs::write(&file, "ab").expect("a file");
        assert!(!watch.has_changed(), "it may still be written");
        std::fs::write(&file, "abc").expect("a file");
        assert!(!watch.has_changed(), "it was still being written");
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
    }

    #[test]
    fn a_replaced_a_lost_and_a_returned_file_are_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, other) = (folder.path().join("keys.json"), folder.path().join("new.json"));
        std::fs::write(&file, "a").expect("a file");
        let mut watch = FileWatch::new(vec![file.clone()]);
        std::fs::write(&other, "b").expect("a file");
        std::fs::rename(&other, &file).expect("a rename");
        assert!(!watch.has_changed() && watch.has_changed(), "same length, another inode");
        std::fs::remove_file(&file).expect("a removal");
        assert!(!watch.has_changed() && watch.has_changed());
        std::fs::write(&file, "a").expect("a file");
        assert!(!watch.has_changed() && watch.has_changed());
    }
}
