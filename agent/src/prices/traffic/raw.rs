//! A traffic profile as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A document with traffic profiles.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTraffics {
    /// The traffic of one application with one model, by a name.
    #[schemars(extend("propertyNames" = {"pattern": r"^[a-z0-9][a-z0-9_-]{0,63}$",
        "x-form": "a name of at most 64 lower-case letters, digits, - and _, in quotes"}))]
    pub(super) traffic: BTreeMap<String, RawTraffic>,
}

/// Requests of a day, and what is in one of them. A list has one number, or three: low, likely and high.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTraffic {
    /// The foundation model's id, without the prefix of a profile.
    #[schemars(length(min = 1, max = 256), extend("x-form" = "a model id in quotes, such as \"amazon.nova-lite-v1:0\""))]
    pub(super) model: String,
    /// Requests a day.
    #[schemars(length(min = 1, max = 3), inner(range(min = 0, max = 1_000_000_000_000u64)), extend("x-form" = "[2000], or [1000, 2000, 5000]"))]
    pub(super) requests_per_day: Vec<u64>,
    /// Tokens of a prompt, those in the cache included.
    #[schemars(length(min = 1, max = 3), inner(range(min = 0, max = 10_000_000)), extend("x-form" = "[800], or [400, 800, 3000]"))]
    pub(super) input_tokens: Vec<u64>,
    /// Tokens of an answer.
    #[schemars(length(min = 1, max = 3), inner(range(min = 0, max = 10_000_000)), extend("x-form" = "[300], or [100, 300, 900]"))]
    pub(super) output_tokens: Vec<u64>,
    /// The part of the prompt's tokens that is read from the cache.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub(super) cache_read_percent: u8,
    /// The part of the prompt's tokens that is written to the cache.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub(super) cache_write_percent: u8,
}
