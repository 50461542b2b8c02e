//! A negotiated price as it is written. What lies between fields is in `overlay`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A document with negotiated prices.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawOverlays {
    /// A rule that is laid over the list prices, by its name.
    #[schemars(extend("propertyNames" = {"pattern": r"^[a-z0-9][a-z0-9_-]{0,63}$",
        "x-form": "a name of at most 64 lower-case letters, digits, - and _, in quotes"}))]
    pub(super) overlay: BTreeMap<String, RawRule>,
}

/// What was agreed, about which calls, and for how long. What is not named is all.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRule {
    /// The higher one decides, before anything else is compared.
    #[schemars(range(min = -1000, max = 1000))]
    pub(super) precedence: i32,
    /// The first day on which it holds, in UTC, or an instant.
    #[schemars(extend("x-form" = "a date, such as \"2026-01-01\""))]
    pub(super) from: Option<String>,
    /// The first day on which it no longer holds.
    #[schemars(extend("x-form" = "a date, such as \"2027-01-01\""))]
    pub(super) until: Option<String>,
    /// Ids of foundation models, without the prefix of a profile.
    #[schemars(length(max = 100))]
    pub(super) models: Vec<String>,
    /// AWS regions that are asked.
    #[schemars(length(max = 100), extend("items" = {"type": "string", "pattern": r"^[a-z]{2}(-[a-z]+)+-[0-9]$",
        "x-form": "an AWS region, such as \"eu-central-1\""}))]
    pub(super) regions: Vec<String>,
    /// Ways to the model: in-region, or the prefix of an inference profile such as eu or global.
    #[schemars(length(max = 16))]
    pub(super) routings: Vec<String>,
    /// Service tiers: standard, priority, flex, batch.
    #[schemars(length(max = 8))]
    pub(super) tiers: Vec<String>,
    /// What a discount is taken off, such as input or output.
    #[schemars(length(max = 16))]
    pub(super) kinds: Vec<String>,
    /// What is taken off the list price, in percent, as text so that no digit is lost.
    #[schemars(extend("x-form" = "a percentage in quotes, such as \"7.5\""))]
    pub(super) discount_percent: Option<String>,
    /// What the prices are for: token, 1K tokens, 1M tokens, or image.
    #[schemars(extend("x-form" = "a unit in quotes, such as \"1M tokens\""))]
    pub(super) per: Option<String>,
    /// Prices in dollars that take the place of list prices, as text, by what they are of.
    #[schemars(extend("x-form" = "a map, such as { input = \"0.7\", output = \"2.8\" }"))]
    pub(super) price: BTreeMap<String, String>,
}
