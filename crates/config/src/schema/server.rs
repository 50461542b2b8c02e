//! `server { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// The listener's limits, and how the process stops.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawServer {
    /// How many connections are open at most; further ones wait in the kernel's queue.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-tier" = "bootstrap"))]
    pub(crate) max_connections: u32,
    /// How long a client may take for its TLS handshake, and then to send the headers of a request.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "100ms", "x-maximum" = "10m"))]
    pub(crate) header_timeout: DurationText,
    /// How long a connection may be open without a request.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1s", "x-maximum" = "1h"))]
    pub(crate) idle_timeout: DurationText,
    /// How long a stopping instance still accepts, so that load balancers can look elsewhere.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "0s", "x-maximum" = "10m"))]
    pub(crate) drain_min_delay: DurationText,
    /// How long open requests may go on after that; with drain_min_delay it must stay below Nomad's kill_timeout.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "0s", "x-maximum" = "2h"))]
    pub(crate) drain_timeout: DurationText,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: DurationText::from_secs(10),
            idle_timeout: DurationText::from_secs(75),
            drain_min_delay: DurationText::from_secs(0),
            drain_timeout: DurationText::from_secs(30),
        }
    }
}
