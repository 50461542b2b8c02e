//! Where the built programs are.
//!
//! An environment variable names a binary that is to be tested as it is (`NOVA_PROXY_BIN`, `NOVA_LOCAL_BIN`, `NOVA_AGENT_BIN`,
//! `NOVA_NEXT_PROXY_BIN`). Without it Cargo builds all once for each test process, so that a test never runs against a stale
//! program; the next version of the proxy is built apart, when a test asks for it.

use std::ffi::OsString;
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
    /// `nova-proxy` of a later version, which knows one field of the configuration more: `next_version_only`.
    NextProxy,
}

impl Program {
    /// The name of the package and of its binary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proxy | Self::NextProxy => "nova-proxy",
            Self::Local => "nova-local",
            Self::Agent => "nova-agent",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Proxy => "NOVA_PROXY_BIN",
            Self::Local => "NOVA_LOCAL_BIN",
            Self::Agent => "NOVA_AGENT_BIN",
            Self::NextProxy => "NOVA_NEXT_PROXY_BIN",
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
        static NEXT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let folder = match self {
            Self::Proxy | Self::Local | Self::Agent => BUILT.get_or_init(|| build(&present())),
            Self::NextProxy => NEXT.get_or_init(|| build(&next())),
        };
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

/// What Cargo is to build for the programs as they are.
fn present() -> Vec<OsString> {
    ["--bins", "-p", "nova-proxy", "-p", "nova-local", "-p", "nova-agent"].map(OsString::from).into()
}

/// What Cargo is to build for the next version. In a folder of its own: it would take the place of the present one, which may
/// be running. `tests/next-version` is quicker.
fn next() -> Vec<OsString> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from);
    let mut arguments =
        ["-p", "nova-proxy", "--features", "nova-config/next-version-for-tests", "--target-dir"]
            .map(OsString::from)
            .to_vec();
    arguments.push(target.join("next-version").into());
    arguments
}

/// Builds programs and returns the folder that they are in, or why there is none.
fn build(what: &[OsString]) -> Result<PathBuf, String> {
    folder_of_build(what).map_err(|error| format!("{error:#}"))
}

fn folder_of_build(what: &[OsString]) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace_root())
        .args(["build", "--quiet", "--locked"])
        .args(what)
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
