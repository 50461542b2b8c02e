//! What a check has found, and why, in numbers and in a sentence.

use crate::spec::PASS_ALPHA;

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The version is no worse than allowed, as `proof` says.
    Pass,
    /// There is too little to go by.
    Inconclusive,
    /// What was counted is no count: the check could not be made.
    Error,
    /// The version is worse than allowed.
    Fail,
}

/// What a pass rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is shown that the version is no worse than allowed.
    Shown,
    /// Nothing speaks against it, of as much as was asked for.
    NothingAgainst,
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it says.
    pub verdict: Verdict,
    /// What a pass rests on.
    pub proof: Option<Proof>,
    /// The new version's value; of a tail, its share of values above the old version's quantile.
    pub canary: Option<f64>,
    /// What the old version's value is at the new one's mix of strata.
    pub stable: Option<f64>,
    /// The part of values that lies below where a tail is compared.
    pub quantile: Option<f64>,
    /// How many times the old version's value the new one's is; where less is worse, the inverse.
    pub ratio: Option<f64>,
    /// The interval of that at all looks together; a side without bound is absent.
    pub interval: (Option<f64>, Option<f64>),
    /// How many times it may be.
    pub allowed: f64,
    /// The evidence that it is more, as an e-value.
    pub e_value: f64,
    /// From which e-value on that is a failure.
    pub threshold: f64,
    /// The evidence that it is less, as an e-value; from `1 / PASS_ALPHA` on it is shown.
    pub e_pass: f64,
    /// The exposure of both sides that was compared.
    pub samples: (f64, f64),
    /// How many instances of both sides were counted.
    pub instances: (usize, usize),
    /// The variance of what was counted over that of independent requests.
    pub dispersion: f64,
    /// The standard deviation of the logarithm of the ratio, by the instances that the versions run on.
    pub instance_effect: f64,
    /// Why, in one sentence without the values.
    pub why: String,
}

impl Finding {
    /// Whether the new version has too few instances to tell it from its instances.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.instances.0 <= 1
    }

    /// From which e-value on it is shown that the version is no worse than allowed.
    #[must_use]
    pub fn pass_threshold() -> f64 {
        1.0 / PASS_ALPHA
    }
}
