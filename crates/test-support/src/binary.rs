//! Where the built programs are.
//!
//! An environment variable names a binary that is to be tested as it is (`NOVA_PROXY_BIN`, `NOVA_LOCAL_BIN`, `NOVA_AGENT_BIN`).
//! Without it Cargo builds all once for each test process, so that a test never runs against a stale program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, anyhow, bail};

/// One of the workspace's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `nova-proxy`, the data plane.
    Proxy,
    /// `nova-local`, the launcher of the whole system on one machine.
    Local,
    /// `nova-agent`, the control plane.
    Agent,
}

impl Program {
    /// The name of the package and of its binary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proxy => "nova-proxy",
            Self::Local => "nova-local",
            Self::Agent => "nova-agent",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Proxy => "NOVA_PROXY_BIN",
            Self::Local => "NOVA_LOCAL_BIN",
            Self::Agent => "NOVA_AGENT_BIN",
        }
    }

    /// The path of the program to test, built first when the environment names none.
    ///
    /// # Errors
    /// When the named file is missing, or Cargo cannot build the program.
    pub fn path(self) -> anyhow::Result<PathBuf> {
        if let Some(path) = std::env::var_os(self.variable()).map(PathBuf::from) {
            if !path.is_file() {
                bail!(
                    "{} names {}, which is no file: build it or unset the variable",
                    self.variable(),
                    path.display()
                );
            }
            return Ok(path);
        }
        static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let folder = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
        let folder = folder.as_ref().map_err(|error| anyhow!("{error}"))?;
        Ok(folder.join(self.name()))
    }
}

/// The root of the workspace.
pub fn workspace_root() -> PathBuf {
    // This file's package lies two folders below the root.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// Builds the programs and returns the folder that they are in.
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace_root())
        .args([
            "build",
            "--quiet",
            "--locked",
            "--bins",
            "-p",
            "nova-proxy",
            "-p",
            "nova-local",
            "-p",
            "nova-agent",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .output()
        .context("start cargo build")?;
    if !output.status.success() {
        bail!("cargo build of the programs failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let executable = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo build named no executable: do proxy/ and crates/local/ have a main.rs?")?;
    executable.parent().map(Path::to_path_buf).context("the built program lies in no folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_root_holds_the_workspace() {
        let manifest = std::fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }
}
