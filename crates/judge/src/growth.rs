//! What is judged: what each instance has added since the look before.
//!
//! Owns the types of the input. Differences of counters, over restarts of processes, are for the caller.

use crate::histogram::Histogram;

/// Which version an instance is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The new one.
    Canary,
    /// The old one.
    Stable,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Canary => Self::Stable,
            Self::Stable => Self::Canary,
        }
    }
}

/// What one instance has added in one stratum since the look before.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// Its version.
    pub side: Side,
    /// The instance, by a number of the caller's.
    pub instance: u32,
    /// The stratum: requests that can be compared with each other, such as those of one model in one class of size. A shift between
    /// strata is no difference.
    pub stratum: u32,
    /// What was added.
    pub observed: Observed,
}

/// An amount and what it is out of, or a histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// Failures of requests, tokens of answers, restarts of seconds.
    Amount {
        /// How much could have been: requests, answers, seconds. What the minimum of a sample counts.
        exposure: f64,
        /// How much was: failures, tokens, restarts. Never negative.
        amount: f64,
    },
    /// Values of requests in buckets.
    Histogram(Histogram),
}

impl Observed {
    /// What it is out of.
    #[must_use]
    pub fn exposure(&self) -> f64 {
        match self {
            Self::Amount { exposure, .. } => *exposure,
            Self::Histogram(histogram) => histogram.count(),
        }
    }

    /// Adds what was added later. A form other than before takes its place.
    pub(crate) fn add(&mut self, later: &Self) {
        match (self, later) {
            (Self::Amount { exposure, amount }, Self::Amount { exposure: more, amount: too }) => {
                *exposure += more;
                *amount += too;
            }
            (Self::Histogram(histogram), Self::Histogram(more)) => histogram.add(more),
            (own, other) => *own = other.clone(),
        }
    }
}
