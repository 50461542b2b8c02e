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
    /// How long a client may take nothing of what is written to it: then its connection is closed, or its one stream of HTTP/2.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "100ms", "x-maximum" = "1h"))]
    pub(crate) write_timeout: DurationText,
    /// How long a stopping instance still accepts, so that load balancers can look elsewhere.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "0s", "x-maximum" = "10m"))]
    pub(crate) drain_min_delay: DurationText,
    /// How long open requests may go on after that; with drain_min_delay it must stay below Nomad's kill_timeout.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "0s", "x-maximum" = "2h"))]
    pub(crate) drain_timeout: DurationText,
    /// The addresses and networks of the load balancers before this instance: what they say of a client's address is believed, and of nobody else.
    #[schemars(length(max = 1000), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string",
        "pattern": r"^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$",
        "x-form": "an IP address, or a network such as \"10.0.0.0/8\"",
    }))]
    pub(crate) trusted_proxies: Vec<String>,
    /// Whether connections of trusted_proxies to the API listener begin with a PROXY protocol header, version 1 or 2; one without it is closed.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) proxy_protocol: bool,
    /// The header in which trusted_proxies tell the client's address: the one that they set themselves, whatever a client sent.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) forwarded_header: ForwardedHeader,
}

/// A header that tells the addresses that a request came by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, the custom of most load balancers.
    #[default]
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    #[serde(rename = "forwarded")]
    Forwarded,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: DurationText::from_secs(10),
            idle_timeout: DurationText::from_secs(75),
            write_timeout: DurationText::from_secs(60),
            drain_min_delay: DurationText::from_secs(0),
            drain_timeout: DurationText::from_secs(30),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            forwarded_header: ForwardedHeader::default(),
        }
    }
}
