//! The folder that everything of a cluster is in, and what is called how in it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

/// A file that tells the folder of a cluster from any other. Nothing else is ever removed.
const MARKER: &str = ".nova-local-cluster";

/// Which cluster is meant.
#[derive(Debug, Clone, Args)]
pub struct FolderArgs {
    /// The folder of the cluster [default: nova-local/cluster in $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FOLDER", env = "NOVA_LOCAL_FOLDER")]
    pub folder: Option<PathBuf>,
}

/// The folder of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl FolderArgs {
    /// The folder that was named, or the one of this user. Whether it exists is another question.
    ///
    /// # Errors
    /// When none was named and the user has no home.
    pub(crate) fn chosen(&self) -> anyhow::Result<Folder> {
        if let Some(named) = &self.folder {
            return Ok(Folder(std::path::absolute(named).context("the folder of the cluster has no name")?));
        }
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
        let state = state.context("neither XDG_STATE_HOME nor HOME is set: name a folder with --folder")?;
        Ok(Folder(state.join("nova-local/cluster")))
    }
}

impl Folder {
    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What is in it under this name.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Makes it. What a cluster writes can be read by its user alone: there are tokens that may do everything.
    ///
    /// # Errors
    /// When it exists, or cannot be made.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        if self.0.exists() {
            bail!(
                "{} exists: `nova-local status` shows the cluster in it, `nova-local down` ends it, --folder names another one",
                self.0.display()
            );
        }
        self.make("")?;
        // First of all, so that `down` knows it whatever happens next.
        self.write(
            MARKER,
            "The folder of a cluster: `nova-local down` removes it with all that is in it.\n",
        )?;
        for name in ["home", "tmp", "logs", "releases", "jobs", "keys"] {
            self.make(name)?;
        }
        Ok(())
    }

    /// Checks that it is the folder of a cluster: whoever has mistyped a name loses nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn is_of_a_cluster(&self) -> anyhow::Result<()> {
        if !self.join(MARKER).is_file() {
            bail!(
                "{} is no folder that `nova-local up --cluster` has made: it is left as it is",
                self.0.display()
            );
        }
        Ok(())
    }

    /// Makes a folder in it, for its user alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = if name.is_empty() { self.0.clone() } else { self.join(name) };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file in it, for its user alone, in one piece.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.join(name);
        let written = || -> anyhow::Result<()> {
            let beside = path.with_extension("new");
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&beside)?;
            file.write_all(text.as_bytes())?;
            drop(file);
            Ok(std::fs::rename(&beside, &path)?)
        };
        written().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Takes it away with everything in it, and the folder above it where that is ours and has nothing else.
    ///
    /// # Errors
    /// When it is no cluster's, or something cannot be removed.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        self.is_of_a_cluster()?;
        std::fs::remove_dir_all(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))?;
        if let Some(above) =
            self.0.parent().filter(|above| above.file_name() == Some(OsStr::new("nova-local")))
        {
            // Another cluster may be in it, and then it stays.
            drop(std::fs::remove_dir(above));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_that_is_no_clusters_is_never_removed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("letters"), "").unwrap();
        let folder = FolderArgs { folder: Some(home.path().to_owned()) }.chosen().unwrap();
        let refused = folder.remove().unwrap_err().to_string();
        assert!(refused.contains("left as it is"), "{refused}");
        assert!(home.path().join("letters").exists());
    }

    #[test]
    fn a_folder_is_its_users_alone_and_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("nova-local/cluster");
        let folder = FolderArgs { folder: Some(path.clone()) }.chosen().unwrap();
        folder.create().unwrap();
        let file = folder.write("tokens", "secret").unwrap();
        for (path, mode) in [(&path, 0o700), (&file, 0o600)] {
            assert_eq!(
                std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
                mode,
                "{}",
                path.display()
            );
        }
        let refused = folder.create().unwrap_err().to_string();
        assert!(refused.contains("nova-local down"), "{refused}");
        folder.remove().unwrap();
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
