//! Cache breakpoints, on messages, parts and tools alike.

use serde::Deserialize;

/// Extension: a cache breakpoint in the form that Anthropic and most gateways use, `{"type": "ephemeral", "ttl": "5m"}`.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct CacheControl {
    /// `ephemeral`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `5m` or `1h`.
    pub ttl: Option<String>,
}
