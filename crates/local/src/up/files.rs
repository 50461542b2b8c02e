//! The files that the proxy reads: its configuration, the keys, the pepper. They are gone when the program ends.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nova_proxy::auth::Pepper;
use serde_json::json;
use tempfile::TempDir;

use super::{API_KEY, REGION, UpArgs};

/// The files, in a folder that is removed with this value.
#[derive(Debug)]
pub(super) struct LocalFiles {
    /// The configuration.
    pub config: PathBuf,
    _folder: TempDir,
}

impl LocalFiles {
    /// Writes them for a proxy before the simulator at `endpoint`.
    ///
    /// # Errors
    /// When the temporary folder cannot be written to.
    pub(super) fn write(args: &UpArgs, endpoint: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("nova-local-").tempdir()?;
        let (config, keys, pepper) = (
            folder.path().join("proxy.hcl"),
            folder.path().join("keys.json"),
            folder.path().join("keys.json.pepper"),
        );
        Pepper::create(&pepper)?;
        let (secret, _) = Pepper::load(&pepper)?;
        let digest: String = secret.digest(API_KEY).iter().map(|byte| format!("{byte:02x}")).collect();
        let record = json!({"version": 1, "keys": [{"id": "key_local", "name": "nova-local", "team": "local", "hmac_sha256": digest}]});
        write(&keys, &record.to_string())?;
        write(&config, &config_text(args, endpoint, &keys))?;
        Ok(Self { config, _folder: folder })
    }
}

fn config_text(args: &UpArgs, endpoint: &str, keys: &Path) -> String {
    format!(
        "# The configuration of `nova-local up`. Change a model, save, and the next request sees it.
listen  = \"{}\"
metrics = \"{}\"

bedrock {{
  region   = \"{REGION}\"
  endpoint = \"{endpoint}\"
}}

auth {{
  keys_file = {}
}}

# Requests are shown one by one already.
log {{
  level = \"warn\"
}}

server {{
  drain_timeout = \"3s\"
}}

# Names that callers use, and what they stand for. Well-known OpenAI names are mapped without being written here.
model \"fast\" {{
  target = \"nova-micro\"
}}

# AWS has ended Nova Canvas, the simulator has not: in front of AWS this block needs an agreement with AWS.
model \"gpt-image-1\" {{
  target          = \"nova-canvas\"
  extended_access = true
}}
",
        args.listen,
        args.metrics,
        json!(keys),
    )
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
