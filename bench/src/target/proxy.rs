//! nova-proxy as it is installed: keys are asked for, limits hold, metrics and log lines are written.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::on_target_core;

/// Writes the configuration and the keys file; gives the key that callers show.
pub(super) fn write_config(program: &Path, folder: &Path, upstream: SocketAddr) -> anyhow::Result<String> {
    let keys = folder.join("keys.json");
    let added = Command::new(program)
        .args(["keys", "add", "--name", "bench", "--team", "bench", "--json", "--keys-file"])
        .arg(&keys)
        .output()
        .with_context(|| format!("{} does not start; `just bench` builds it", program.display()))?;
    ensure!(added.status.success(), "keys add: {}", String::from_utf8_lossy(&added.stderr));
    let added: Value = serde_json::from_slice(&added.stdout)?;
    let config = format!(
        r#"listen  = "127.0.0.1:0"
metrics = "127.0.0.1:0"
server {{ max_connections = 15000 }}
bedrock {{
  region   = "us-east-1"
  endpoint = "http://{upstream}"
}}
limits {{
  concurrency = 12000
  queue       = 1024
}}
auth {{ keys_file = "{}" }}
"#,
        keys.display()
    );
    fs::write(folder.join("proxy.hcl"), config)?;
    Ok(added["key"].as_str().context("keys add gives a key")?.to_owned())
}

pub(super) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = on_target_core(program);
    command
        .args(["serve", "--json", "--config"])
        .arg(folder.join("proxy.hcl"))
        .stdout(Stdio::piped())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "example-secret-access-key")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The address in the line that the proxy prints when it listens.
pub(super) fn address(line: &str) -> anyhow::Result<SocketAddr> {
    let ready: Value = serde_json::from_str(line)?;
    Ok(ready["listen"].as_str().context("the proxy says where it listens")?.parse()?)
}
