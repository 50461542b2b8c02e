//! What a check asks: what is counted, which way is worse, how much worse is allowed, and how much is needed to tell.

/// What a check counts, which says how it is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A part of all, or a count over time: failed requests, malformed tool calls, restarts.
    Share,
    /// A sum over requests: tokens, costs, seconds.
    Mean,
    /// Values in histograms, by the parts of all values that lie below where they are compared: 0.95 is what the slowest 5 % took.
    Tail(Vec<f64>),
}

/// Which way is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is worse.
    Higher,
    /// Less is worse.
    Lower,
    /// Any change is.
    Either,
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSpec {
    /// What is counted.
    pub kind: Kind,
    /// Which way is worse. Of a tail it is `Higher`.
    pub direction: Direction,
    /// How much worse is allowed, as a part of the old version's value: 0.2 for a fifth. Of a tail it is a part of the value, such as
    /// of seconds, and not of the share of requests above it.
    pub tolerance: f64,
    /// How much worse is allowed beside that, in the unit of the value: 0.001 for one more failure in a thousand, 0.05 for seconds of which
    /// a twentieth is no matter.
    pub slack: f64,
    /// How much exposure each side needs before the check can pass. Evidence of a fault needs no minimum: it is one by itself.
    pub min_sample: f64,
    /// How far instances of one version are apart, before any is known: the standard deviation of the logarithm of their rates.
    pub instance_spread: f64,
    /// The probability that a version that is no worse than allowed fails this check, ever.
    pub alpha: f64,
}

/// The probability that a check passes as proven although the version is worse than allowed.
pub const PASS_ALPHA: f64 = 0.05;

/// The e-value from which on a check does not pass any more because its time is over: something is likelier than not.
pub const DOUBT: f64 = 3.0;

impl CheckSpec {
    /// A check of a kind with what is usual for it, at the level `alpha`.
    #[must_use]
    pub fn new(kind: Kind, alpha: f64) -> Self {
        let (tolerance, instance_spread) = match kind {
            Kind::Share => (0.1, 0.1),
            Kind::Mean => (0.02, 0.02),
            Kind::Tail(_) => (0.1, 0.1),
        };
        Self {
            kind,
            direction: Direction::Higher,
            tolerance,
            slack: 0.0,
            min_sample: 100.0,
            instance_spread,
            alpha,
        }
    }
}

/// The levels of several checks whose levels together are `alpha`, by their weights: Bonferroni's inequality for e-values, which needs
/// nothing of how checks depend on each other (Vovk & Wang, "E-values: calibration, combination and applications", Annals of
/// Statistics 49, 2021).
#[must_use]
pub fn share_alpha(alpha: f64, weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| alpha * weight / sum).collect()
}
