//! The files of the repository, as Git knows them.

use std::path::{Path, PathBuf};
use std::process::Command;

use nova_test_support::binary::workspace_root;

/// One file that belongs to the project.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Relative to the root, with slashes.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl File {
    /// The lines with their numbers, counted from one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// True for files whose whole content is tests.
    pub(crate) fn is_test(&self) -> bool {
        let is_in = |folder: &str| self.path.starts_with(folder) || self.path.contains(&format!("/{folder}"));
        is_in("tests/")
            || is_in("benches/")
            || self.path.ends_with("/tests.rs")
            || self.path.starts_with("crates/test-support/")
    }

    /// The lines before the unit tests, which stand at the end of a file by custom.
    pub(crate) fn program_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
    }
}

/// Paths of all files that Git tracks or would add, so that a fault shows before a commit.
pub(crate) fn paths() -> Vec<String> {
    let root = workspace_root();
    let listed = Command::new("git")
        .current_dir(&root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .output();
    let mut paths: Vec<String> = match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
        // An unpacked archive has no repository: everything in it belongs to the project, but for what builds left.
        _ => walk(&root, &root),
    };
    paths.retain(|path| root.join(path).is_file());
    paths.sort();
    assert!(
        paths.iter().any(|path| path == "Cargo.toml"),
        "the root of the workspace is not at {}",
        root.display()
    );
    paths
}

fn walk(root: &Path, folder: &Path) -> Vec<String> {
    let left_by_builds = ["target", "node_modules", "__pycache__", ".venv", ".git", ".pytest_cache"];
    let entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries
        .into_iter()
        .filter(|path| !left_by_builds.iter().any(|name| path.ends_with(name)))
        .flat_map(|path| {
            if path.is_dir() {
                return walk(root, &path);
            }
            vec![path.strip_prefix(root).unwrap().to_string_lossy().into_owned()]
        })
        .collect()
}

/// All files whose path `accept` takes and whose content is text.
pub(crate) fn files(accept: impl Fn(&str) -> bool) -> Vec<File> {
    let root = workspace_root();
    paths()
        .into_iter()
        .filter(|path| accept(path))
        .filter_map(|path| {
            String::from_utf8(std::fs::read(root.join(&path)).unwrap()).ok().map(|text| File { path, text })
        })
        .collect()
}

/// All Rust sources.
pub(crate) fn rust() -> Vec<File> {
    files(|path| path.ends_with(".rs"))
}

/// Fails with every fault that was found and one sentence on what to do.
#[track_caller]
pub(crate) fn none(faults: &[String], what_to_do: &str) {
    assert!(faults.is_empty(), "{}\n{} places:\n  {}", what_to_do, faults.len(), faults.join("\n  "));
}
