//! What is mounted at a path.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::envelope;
use crate::transport::{Call, HashistackError, Transport};

/// An engine, as a token that may use it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mount {
    /// The kind of engine: `kv`, `aws`, `pki`, `transit`.
    #[serde(rename = "type")]
    pub engine: String,
    /// Where it is mounted, with a slash at the end.
    pub path: String,
    /// Its options, such as the version of `kv`.
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
}

impl Mount {
    /// The version of a key-value engine; 1 where none is told.
    pub fn kv_version(&self) -> u32 {
        let version = self.options.as_ref().and_then(|options| options.get("version"));
        version.and_then(|version| version.parse().ok()).unwrap_or(1)
    }
}

pub(super) async fn read(transport: &Transport, path: &str) -> Result<Mount, HashistackError> {
    let call = Call::get("/v1/sys/internal/ui/mounts").path(path)?;
    let read: envelope::Envelope<Mount> = envelope::read(&transport.send(&call).await?)?;
    Ok(read.data)
}
