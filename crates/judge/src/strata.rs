//! What is known of a stratum, and what of it is compared in a batch.
//!
//! Owns the baseline (what both sides have had so far) and, from it, where tails are cut and what factor is allowed. Only what was
//! known before a batch goes into these, as a bet is placed before the game: else the e-value would be none.

use crate::growth::{Growth, Observed, Side};
use crate::histogram::Histogram;
use crate::spec::{CheckSpec, Kind};

/// How many values a stratum needs before its quantiles or its mean are known well enough to compare by.
const MIN_BASELINE: f64 = 30.0;

/// What both sides have had so far, and what waits for the other side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stratum {
    canary: Baseline,
    stable: Baseline,
    waiting: Vec<Growth>,
}

#[derive(Clone, Debug, Default)]
struct Baseline {
    exposure: f64,
    amount: f64,
    histogram: Histogram,
}

/// How the values of one test are taken out of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// Amounts, each divided by this.
    Amounts {
        /// The old version's mean of a sum, so that amounts of all strata have one unit; 1 of a share.
        unit: f64,
        /// The factor that is allowed.
        allowed: f64,
    },
    /// Values above a bound.
    Above {
        /// The bound.
        bound: f64,
        /// The factor that is allowed for the share above it.
        allowed: f64,
    },
}

impl Cut {
    pub(crate) fn allowed(&self) -> f64 {
        match self {
            Self::Amounts { allowed, .. } | Self::Above { allowed, .. } => *allowed,
        }
    }

    /// Exposure and amount.
    pub(crate) fn of(&self, observed: &Observed) -> (f64, f64) {
        match (self, observed) {
            (Self::Amounts { unit, .. }, Observed::Amount { exposure, amount }) => (*exposure, amount / unit),
            (Self::Above { bound, .. }, Observed::Histogram(histogram)) => {
                (histogram.count(), histogram.above(*bound))
            }
            // A caller's mix of the two forms has no value, and says nothing.
            _ => (0.0, 0.0),
        }
    }
}

impl Stratum {
    /// Takes in what was added, until both sides have something that can be compared. What one instance adds meanwhile is one, so that
    /// no more waits than there are instances.
    pub(crate) fn wait(&mut self, growth: Growth) {
        let is_same = |known: &&mut Growth| (known.side, known.instance) == (growth.side, growth.instance);
        match self.waiting.iter_mut().find(is_same) {
            Some(known) => known.observed.add(&growth.observed),
            None => self.waiting.push(growth),
        }
    }

    /// What waits, if both sides have something.
    pub(crate) fn ready(&self) -> Option<&[Growth]> {
        let has = |side: Side| {
            self.waiting.iter().any(|growth| growth.side == side && growth.observed.exposure() > 0.0)
        };
        (has(Side::Canary) && has(Side::Stable)).then_some(&self.waiting)
    }

    /// What was compared is part of the baseline now.
    pub(crate) fn settle(&mut self) {
        for growth in self.waiting.drain(..) {
            let baseline = if growth.side == Side::Canary { &mut self.canary } else { &mut self.stable };
            match &growth.observed {
                Observed::Amount { exposure, amount } => {
                    baseline.exposure += exposure;
                    baseline.amount += amount;
                }
                Observed::Histogram(histogram) => baseline.histogram.add(histogram),
            }
        }
    }

    /// How amounts are compared; nothing as long as too little is known. `base` is the side whose value the other one's may exceed.
    pub(crate) fn amounts(&self, spec: &CheckSpec, base: Side) -> Option<Cut> {
        let known = if base == Side::Canary { &self.canary } else { &self.stable };
        let by_slack = |rate: f64| if spec.slack > 0.0 { spec.slack / rate } else { 0.0 };
        if spec.kind == Kind::Share {
            // What the slack is of the other side's rate is not known before that is.
            if spec.slack > 0.0 && known.exposure < MIN_BASELINE {
                return None;
            }
            // Half a failure more, so that a side without any has a rate that one can divide by.
            let rate = (known.amount + 0.5) / (known.exposure + 1.0);
            return Some(Cut::Amounts { unit: 1.0, allowed: 1.0 + spec.tolerance + by_slack(rate) });
        }
        let unit = self.stable.amount / self.stable.exposure;
        let is_known = self.stable.exposure >= MIN_BASELINE && unit > 0.0;
        is_known.then(|| Cut::Amounts { unit, allowed: 1.0 + spec.tolerance + by_slack(unit) })
    }

    /// Where the tail is cut: at a bound with a share above it next to `1 - quantile`, above which little is allowed. What is allowed of
    /// seconds becomes a factor of the share by the old version's own tail. Where all of its values are in one bucket, that is the first
    /// bound that none of them would reach if it were slower by what is allowed.
    pub(crate) fn tail(&self, spec: &CheckSpec, quantile: f64) -> Option<Cut> {
        let histogram = &self.stable.histogram;
        let count = histogram.count();
        if count * (1.0 - quantile) < 1.0 || count < MIN_BASELINE {
            return None;
        }
        // Half a value more, so that a bound that none is above has a share that one can divide by.
        let share_of = |above: f64| (above + 0.5) / (count + 1.0);
        let candidates = histogram.buckets.iter().filter(|(bound, up_to)| bound.is_finite() && *up_to > 0.0);
        let (_, cut) = candidates
            .map(|&(bound, up_to)| {
                let share = share_of(count - up_to);
                let as_slow = ((bound - spec.slack) / (1.0 + spec.tolerance)).max(0.0);
                let allowed = (share_of(count * histogram.share_above(as_slow)) / share).max(1.0);
                let off = (share / (1.0 - quantile)).ln().abs() + allowed.ln();
                (off, Cut::Above { bound, allowed })
            })
            .min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(cut)
    }
}

#[cfg(test)]
mod tests;
