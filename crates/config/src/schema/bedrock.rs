//! `bedrock { … }`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RawAssumeRole, RawBreaker, RawVaultCredentials};
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
    /// The base URLs of Bedrock Runtime in other regions, by region.
    #[schemars(extend("x-tier" = "bootstrap", "maxProperties" = 16,
        "propertyNames" = {
            "pattern": r"^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$",
            "x-form": "an AWS region, such as \"us-west-2\"",
        },
        "additionalProperties" = {
            "type": "string",
            "pattern": r"^https?://[!-~]{1,1000}$",
            "x-form": "an http or https URL, such as \"https://vpce-1.example.com\"",
        }))]
    pub(crate) endpoints: BTreeMap<String, String>,
    /// The regions beside region that failover_regions may choose from; those that a file names there are among them anyway.
    #[schemars(length(max = 16), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string",
        "pattern": r"^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$",
        "x-form": "an AWS region, such as \"us-west-2\"",
    }))]
    pub(crate) regions: Vec<String>,
    /// The geography that requests and their data never leave. Without it each model stays in what its target says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) residency: Option<Residency>,
    /// A file of PEM certificates that are trusted in place of the machine's own; AWS_CA_BUNDLE where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) ca_file: Option<String>,
    /// Whether AWS's FIPS 140 validated endpoints are called.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) use_fips: bool,
    /// Whether AWS's endpoints that answer on IPv6 too are called.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) use_dual_stack: bool,
    /// The IAM role that calls are made as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assume_role: Option<RawAssumeRole>,
    /// AWS credentials that Vault's AWS engine gives, in place of those of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vault_credentials: Option<RawVaultCredentials>,
    /// The regions that are asked, in this order, when region cannot answer; all of regions where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("x-tier" = "runtime", "uniqueItems" = true, "items" = {
        "type": "string",
        "pattern": r"^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$",
        "x-form": "an AWS region, such as \"us-west-2\"",
    }))]
    pub(crate) failover_regions: Option<Vec<String>>,
    /// Whether a throttled call goes on to the next region (true), or is tried again in the same one (false).
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) spill_on_throttle: bool,
    /// How long a connection to Bedrock may take to be made.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "10ms", "x-maximum" = "1m"))]
    pub(crate) connect_timeout: DurationText,
    /// How long Bedrock may take to the first byte of an answer; a long answer that is not streamed comes whole after up to an hour.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1s", "x-maximum" = "2h"))]
    pub(crate) first_byte_timeout: DurationText,
    /// How long a streamed call may take to its first event before it goes on to the next region, where one stands ready; a minute or more: never.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "100ms", "x-maximum" = "2h"))]
    pub(crate) stream_failover_after: DurationText,
    /// How long a stream from Bedrock may be silent before it counts as broken.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1s", "x-maximum" = "2h"))]
    pub(crate) stream_idle_timeout: DurationText,
    /// How a failed call is tried again.
    pub(crate) retry: RawRetry,
    /// When a region counts as failed for a model, and how it is tried again.
    pub(crate) breaker: RawBreaker,
}

impl Default for RawBedrock {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            endpoints: BTreeMap::new(),
            regions: Vec::new(),
            residency: None,
            ca_file: None,
            use_fips: false,
            use_dual_stack: false,
            assume_role: None,
            vault_credentials: None,
            failover_regions: None,
            spill_on_throttle: false,
            connect_timeout: DurationText::from_secs(3),
            first_byte_timeout: DurationText::from_secs(3600),
            stream_failover_after: DurationText::from_secs(20),
            stream_idle_timeout: DurationText::from_secs(600),
            retry: RawRetry::default(),
            breaker: RawBreaker::default(),
        }
    }
}

/// A geography of Bedrock's inference profiles, by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Residency {
    /// The United States, without GovCloud.
    Us,
    /// GovCloud.
    UsGov,
    /// Canada.
    Ca,
    /// Europe.
    Eu,
    /// Asia and the Pacific, Japan and Australia among them.
    Apac,
    /// Japan.
    Jp,
    /// Australia.
    Au,
    /// Any commercial region: a short name may then fail over to another geography.
    Global,
}

impl Residency {
    /// The prefix, as inference profiles write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::UsGov => "us-gov",
            Self::Ca => "ca",
            Self::Eu => "eu",
            Self::Apac => "apac",
            Self::Jp => "jp",
            Self::Au => "au",
            Self::Global => "global",
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
