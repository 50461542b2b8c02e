//! `bedrock { breaker { … } }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// When a region counts as failed for a model, and how it is tried again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawBreaker {
    /// So many failures in a row open the breaker.
    #[schemars(range(min = 1, max = 1000), extend("x-tier" = "runtime"))]
    pub(crate) consecutive_failures: u32,
    /// This percentage of failed calls within half a minute opens it.
    #[schemars(range(min = 1, max = 100), extend("x-tier" = "runtime"))]
    pub(crate) failure_percent: u32,
    /// So many calls must have ended within the half minute before their percentage counts.
    #[schemars(range(min = 1, max = 100_000), extend("x-tier" = "runtime"))]
    pub(crate) min_calls: u32,
    /// How long it stays open the first time; twice as long each time that it opens again soon.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "100ms", "x-maximum" = "10m"))]
    pub(crate) open_for: DurationText,
    /// The longest that it stays open.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "100ms", "x-maximum" = "1h"))]
    pub(crate) open_max: DurationText,
    /// How many calls at once probe a region that was open, and how many must succeed to close it.
    #[schemars(range(min = 1, max = 100), extend("x-tier" = "runtime"))]
    pub(crate) probes: u32,
}

impl Default for RawBreaker {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_percent: 50,
            min_calls: 20,
            open_for: DurationText::from_secs(5),
            open_max: DurationText::from_secs(120),
            probes: 3,
        }
    }
}
