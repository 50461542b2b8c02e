//! `limits { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DurationText, SizeText};

/// What one instance takes on at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLimits {
    /// The largest request body.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1KiB", "x-maximum" = "256MiB"))]
    pub(crate) body_bytes: SizeText,
    /// How long a body may take to arrive. One that comes slower than 8 KiB a second, after the first ten seconds, ends sooner.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "100ms", "x-maximum" = "1h"))]
    pub(crate) body_timeout: DurationText,
    /// The memory of all bodies together that are being read; a quarter of it is for bodies of up to 256 KiB, so that large ones hold up none of them.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1MiB", "x-maximum" = "1024GiB"))]
    pub(crate) body_memory: SizeText,
    /// How many requests are worked on at once; a request for n choices makes n calls.
    #[schemars(range(min = 1, max = 100_000), extend("x-tier" = "runtime"))]
    pub(crate) concurrency: u32,
    /// How many requests wait for one of these calls; further ones are refused with 429.
    #[schemars(range(min = 0, max = 1_000_000), extend("x-tier" = "runtime"))]
    pub(crate) queue: u32,
    /// How long a request waits there, or for the memory of its body, before it is refused.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "0s", "x-maximum" = "10m"))]
    pub(crate) queue_timeout: DurationText,
    /// How many choices (n) one request may ask for; each is a call to Bedrock.
    #[schemars(range(min = 1, max = 128), extend("x-tier" = "runtime"))]
    pub(crate) n: u32,
    /// How long a stream to a client may be silent before a comment keeps it open.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1s", "x-maximum" = "10m"))]
    pub(crate) keep_alive_interval: DurationText,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            body_bytes: SizeText::from_mib(25),
            body_timeout: DurationText::from_secs(240),
            body_memory: SizeText::from_mib(1024),
            concurrency: 256,
            queue: 1024,
            queue_timeout: DurationText::from_secs(10),
            n: 8,
            keep_alive_interval: DurationText::from_secs(15),
        }
    }
}
