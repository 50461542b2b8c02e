//! `bedrock { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// Where Bedrock is, and how patiently it is called.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["region"]))]
pub(crate) struct RawBedrock {
    /// The AWS region of Bedrock; AWS_REGION or AWS_DEFAULT_REGION where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$"),
        extend("x-tier" = "bootstrap", "x-form" = "an AWS region, such as \"us-east-1\""))]
    pub(crate) region: Option<String>,
    /// The base URL of Bedrock Runtime; AWS_ENDPOINT_URL_BEDROCK_RUNTIME or AWS_ENDPOINT_URL where it is not written, and AWS's own where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://[!-~]{1,1000}$"),
        extend("x-tier" = "bootstrap", "x-form" = "an http or https URL, such as \"https://vpce-1.example.com\""))]
    pub(crate) endpoint: Option<String>,
    /// How long a connection to Bedrock may take to be made.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "10ms", "x-maximum" = "1m"))]
    pub(crate) connect_timeout: DurationText,
    /// How long Bedrock may take to the first byte of an answer; a long answer that is not streamed comes whole after up to an hour.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1s", "x-maximum" = "2h"))]
    pub(crate) first_byte_timeout: DurationText,
    /// How long a stream from Bedrock may be silent before it counts as broken.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1s", "x-maximum" = "2h"))]
    pub(crate) stream_idle_timeout: DurationText,
    /// How a failed call is tried again.
    pub(crate) retry: RawRetry,
}

impl Default for RawBedrock {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            connect_timeout: DurationText::from_secs(3),
            first_byte_timeout: DurationText::from_secs(3600),
            stream_idle_timeout: DurationText::from_secs(600),
            retry: RawRetry::default(),
        }
    }
}

/// How a failed call is tried again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRetry {
    /// How often a call is made at most, the first time included.
    #[schemars(range(min = 1, max = 10), extend("x-tier" = "runtime"))]
    pub(crate) max_attempts: u32,
    /// The wait before the first retry; it doubles with each, with jitter.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1ms", "x-maximum" = "1m"))]
    pub(crate) base_delay: DurationText,
    /// The longest wait between two tries.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1ms", "x-maximum" = "5m"))]
    pub(crate) max_delay: DurationText,
}

impl Default for RawRetry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base_delay: DurationText::from_millis(100),
            max_delay: DurationText::from_secs(5),
        }
    }
}
