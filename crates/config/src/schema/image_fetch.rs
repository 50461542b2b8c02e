//! `image_fetch { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DurationText, SizeText};

/// Whether and how images given by URL are fetched.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawImageFetch {
    /// The hosts that images may be fetched from; none means that no image is fetched.
    #[schemars(length(max = 1000), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string",
        "pattern": r"^(\*|(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$",
        "x-form": "a host name, \"*.\" and a suffix, or an address, each with \":port\" where it is not 80 or 443",
    }))]
    pub(crate) allow_hosts: Vec<String>,
    /// The largest image.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1KiB", "x-maximum" = "256MiB"))]
    pub(crate) max_bytes: SizeText,
    /// How long one image may take, redirects included.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "100ms", "x-maximum" = "5m"))]
    pub(crate) timeout: DurationText,
    /// Whether an allowed host may have a private, loopback or link-local address.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) allow_private_networks: bool,
}

impl Default for RawImageFetch {
    fn default() -> Self {
        Self {
            allow_hosts: Vec::new(),
            max_bytes: SizeText::from_mib(20),
            timeout: DurationText::from_secs(10),
            allow_private_networks: false,
        }
    }
}
