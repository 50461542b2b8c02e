//! Where the servers' programs are.
//!
//! An environment variable names one that is to be tested with (`NOVA_CONSUL_BIN`).
//! Without it `tests/servers/build` is asked for what is there; it builds nothing here, since that takes minutes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};

use crate::binary::workspace_root;

/// The program of a server, by its name in `tests/servers`.
///
/// # Errors
/// When there is none of the pinned version.
pub(super) fn path(server: &'static str) -> anyhow::Result<PathBuf> {
    let variable = format!("NOVA_{}_BIN", server.to_uppercase());
    if let Some(named) = std::env::var_os(&variable).filter(|named| !named.is_empty()).map(PathBuf::from) {
        if !named.is_file() {
            bail!("{variable} names {}, which is no file: correct or unset it", named.display());
        }
        return Ok(named);
    }
    static FOUND: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = found.get(server) {
        return Ok(path.clone());
    }
    let output = Command::new(workspace_root().join("tests/servers/build"))
        .args(["--cached", server])
        .output()
        .context("ask tests/servers/build for a server")?;
    if !output.status.success() {
        bail!(
            "{}: build it by tests/servers/build {server}, or name it in {variable}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let path = PathBuf::from(String::from_utf8(output.stdout)?.trim_end());
    found.insert(server, path.clone());
    Ok(path)
}

/// The version of a server that the tests are written for, by its name in `tests/servers`.
///
/// # Errors
/// When its `go.mod` pins none.
pub fn pinned_version(server: &str) -> anyhow::Result<String> {
    let path = workspace_root().join("tests/servers").join(server).join("go.mod");
    let pins = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let line = format!("require github.com/hashicorp/{server} v");
    let version = pins.lines().find_map(|pin| pin.strip_prefix(&line));
    Ok(version.with_context(|| format!("{} pins no {server}", path.display()))?.to_owned())
}
