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
    /// The unit of the values: `ratio`, `seconds`, `count`.
    pub unit: String,
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
