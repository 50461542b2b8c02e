//! The servers' programs on this machine. They are found and never fetched: whoever runs them chooses them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::bail;

/// The servers.
pub(crate) const SERVERS: [&str; 3] = ["consul", "vault", "nomad"];

/// The programs of the servers.
#[derive(Debug, Clone)]
pub(crate) struct Programs(BTreeMap<&'static str, PathBuf>);

impl Programs {
    /// Finds them: in the folder that was named, else by `NOVA_CONSUL_BIN` and its like, on PATH, and where this project's
    /// `tests/servers/build` puts what it builds.
    ///
    /// # Errors
    /// When one is in none of these: all that are not, and where they were looked for.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for server in SERVERS {
            match named.map_or_else(|| usual(server), |folder| within(folder, server)) {
                Some(path) => drop(found.insert(server, path)),
                None => missing.push(server),
            }
        }
        if missing.is_empty() {
            return Ok(Self(found));
        }
        let missing = missing.join(", ");
        match named {
            Some(folder) => bail!("{} has no program {missing}", folder.display()),
            None => bail!(
                "{missing}: not on PATH, and not built by tests/servers/build: install them, build them, or name their folder with --servers"
            ),
        }
    }

    /// The program of a server.
    ///
    /// # Errors
    /// When the name is no server's.
    pub(crate) fn path(&self, server: &str) -> anyhow::Result<&Path> {
        match self.0.get(server) {
            Some(path) => Ok(path),
            None => bail!("{server} is no server of a cluster"),
        }
    }

    /// The folders that they are in, for a PATH.
    pub(crate) fn folders(&self) -> Vec<&Path> {
        let mut folders: Vec<&Path> = self.0.values().filter_map(|path| path.parent()).collect();
        folders.dedup();
        folders
    }
}

fn usual(server: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let variable = format!("NOVA_{}_BIN", server.to_uppercase());
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(server)).find(|path| is_program(path))
    };
    let built = || {
        let cache = set("NOVA_CACHE").or_else(|| set("HOME").map(|home| home.join(".cache/nova")))?;
        within(&cache.join("servers"), server)
    };
    set(&variable).filter(|path| is_program(path)).or_else(on_path).or_else(built)
}

/// In the folder itself, or in the newest of those in it that are called after the server.
fn within(folder: &Path, server: &str) -> Option<PathBuf> {
    let itself = folder.join(server);
    if is_program(&itself) {
        return Some(itself);
    }
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let is_its = |name: &OsStr| name.to_string_lossy().starts_with(&format!("{server}-"));
    entries
        .filter(|entry| is_its(&entry.file_name()))
        .map(|entry| entry.path().join(server))
        .filter(|path| is_program(path))
        .max_by_key(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok())
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn programs_are_found_in_the_folder_or_in_those_called_after_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["consul", "vault-1a2b/vault"] {
            program(&folder.path().join(name));
        }
        let refused = Programs::find(Some(folder.path())).unwrap_err().to_string();
        assert!(refused.ends_with("has no program nomad"), "{refused}");
        program(&folder.path().join("nomad-77/nomad"));
        let found = Programs::find(Some(folder.path())).unwrap();
        assert_eq!(found.path("vault").unwrap(), folder.path().join("vault-1a2b/vault"));
        assert_eq!(found.folders().len(), 3);
    }
}
