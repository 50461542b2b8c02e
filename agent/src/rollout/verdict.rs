//! What a check says, with the numbers behind it.
//!
//! Owns the four results. How they come about is in `check`, what follows from them in `phase`.

use serde::{Deserialize, Serialize};

/// What a check, or all of them together, say of the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is as good as it has to be.
    Pass,
    /// There is not enough to go by. Nothing follows from it but waiting.
    Inconclusive,
    /// It could not be found out: an instance could not be scraped, a server did not answer. It says nothing of the version.
    Error,
    /// It is bad.
    Fail,
}

impl Verdict {
    /// The name in records, the API and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::Fail => "fail",
        }
    }

    /// What several say together: the worst of them, in the order of the variants. None at all is no judgment.
    #[must_use]
    pub fn of_all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Inconclusive)
    }
}

/// What one check has found in one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's label in the policy.
    pub check: String,
    /// What it says.
    pub verdict: Verdict,
    /// Whether one failure is enough.
    #[serde(default)]
    pub critical: bool,
    /// Why, in a sentence with the numbers.
    pub why: String,
    /// The numbers.
    #[serde(default)]
    pub measured: Measured,
}

/// The numbers behind a result: values in the unit of the check, samples in observations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// The value of the new version.
    pub canary: Option<f64>,
    /// The value of the old one.
    pub stable: Option<f64>,
    /// How many observations the new version's value is of.
    pub canary_sample: u64,
    /// How many the old one's is of.
    pub stable_sample: u64,
    /// How many the policy asks for.
    pub min_sample: u64,
    /// What the value was held against: the lower of the absolute maximum and the ratio to the old version.
    pub limit: Option<f64>,
    /// The unit of the values: `ratio`, `seconds`, `count`, `tokens`, `tokens_per_second`.
    pub unit: String,
    /// The comparison with the old version by evidence; absent where there are thresholds alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

/// A sequential comparison with the old version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compared {
    /// How many times the old version's value the new one's is, or its share of values above the old one's quantile; inverted where
    /// less is worse.
    pub ratio: Option<f64>,
    /// The lower end of the interval of that, which holds at all looks together.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// How many times it may be.
    pub allowed: f64,
    /// The evidence that it is more, as an e-value.
    pub e_value: f64,
    /// From which e-value on the version is failed.
    pub threshold: f64,
    /// Whether a pass is shown, in place of nothing speaking against it.
    pub is_shown: bool,
    /// How many instances of the new version were counted. One is weak evidence.
    pub canaries: usize,
    /// How many of the old one.
    pub stable: usize,
    /// The variance of what was counted over that of independent requests.
    pub dispersion: f64,
    /// The standard deviation of the logarithm of the ratio by the instances that the versions run on.
    pub instance_effect: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts_and_nothing_is_no_judgment() {
        use Verdict::{Error, Fail, Inconclusive, Pass};
        for (all, expected) in [
            (vec![], Inconclusive),
            (vec![Pass, Pass], Pass),
            (vec![Pass, Inconclusive], Inconclusive),
            (vec![Inconclusive, Error], Error),
            (vec![Error, Fail, Pass], Fail),
        ] {
            assert_eq!(Verdict::of_all(all.clone()), expected, "{all:?}");
        }
    }
}
