//! One check: growths of instances in, a finding out, at every look.
//!
//! Owns the order of a look, the tests that a check is made of (a tail has one for each quantile, a check of any change one for each
//! way), and the verdict.

use std::collections::BTreeMap;

use crate::dispersion::{Cell, Dispersion, Prior};
use crate::evidence::{Evidence, Spread, Towards};
use crate::finding::{Finding, Proof, Verdict};
use crate::grid::as_number;
use crate::growth::{Growth, Observed, Side};
use crate::likelihood::{Batch, Likelihood};
use crate::spec::{CheckSpec, DOUBT, Direction, Kind, PASS_ALPHA};
use crate::strata::{Cut, Stratum};
use crate::why;

/// The largest e-value that is told: what is beyond it makes no difference.
const LARGEST_LOG_E: f64 = 300.0;

/// A check with what it has seen.
#[derive(Clone, Debug)]
pub struct Check {
    spec: CheckSpec,
    strata: BTreeMap<u32, Stratum>,
    tests: Vec<Test>,
    /// The e-value of another process that looked before, and whose counts are lost.
    carried: Option<f64>,
    fault: Option<&'static str>,
}

/// One comparison of the check.
#[derive(Clone, Debug)]
struct Test {
    /// Of a tail.
    quantile: Option<f64>,
    /// The side that may not be higher than the other one.
    suspect: Side,
    likelihood: Likelihood,
    dispersion: Dispersion,
    strata: BTreeMap<u32, Totals>,
    /// The exposure of both sides that was compared.
    compared: (f64, f64),
}

/// What both sides had in a stratum.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    canary: (f64, f64),
    stable: (f64, f64),
    allowed: f64,
}

/// What one test has come to.
pub(crate) struct Tested {
    pub(crate) quantile: Option<f64>,
    pub(crate) is_inverse: bool,
    pub(crate) log_worse: f64,
    pub(crate) log_better: f64,
    pub(crate) evidence: Evidence,
    pub(crate) dispersion: f64,
    pub(crate) instance_effect: f64,
    pub(crate) canary: Option<f64>,
    pub(crate) stable: Option<f64>,
    pub(crate) allowed: f64,
}

impl Check {
    /// A check that has seen nothing.
    #[must_use]
    pub fn new(spec: CheckSpec) -> Self {
        let (dispersion, floor) = match spec.kind {
            // Independent requests have a dispersion of 1 or less: with 1 the e-value is exact for them.
            Kind::Share | Kind::Tail(_) => (1.0, 1.0),
            Kind::Mean => (1.0, 0.02),
        };
        let prior = Prior { dispersion, floor, spread: spec.instance_spread };
        let test = |quantile, suspect| Test {
            quantile,
            suspect,
            likelihood: Likelihood::default(),
            dispersion: Dispersion::new(prior),
            strata: BTreeMap::new(),
            compared: (0.0, 0.0),
        };
        let tests = match (&spec.kind, spec.direction) {
            (Kind::Tail(quantiles), _) => {
                quantiles.iter().map(|quantile| test(Some(*quantile), Side::Canary)).collect()
            }
            (_, Direction::Higher) => vec![test(None, Side::Canary)],
            (_, Direction::Lower) => vec![test(None, Side::Stable)],
            (_, Direction::Either) => vec![test(None, Side::Canary), test(None, Side::Stable)],
        };
        Self { spec, strata: BTreeMap::new(), tests, carried: None, fault: None }
    }

    /// What it asks.
    #[must_use]
    pub fn spec(&self) -> &CheckSpec {
        &self.spec
    }

    /// Goes on from the e-value of a process that looked before, whose counts are lost. Half of the stake is on what it had found and
    /// half on what is found from now on: the mean of two e-values is one, however they depend on each other.
    pub fn carry(&mut self, e_value: f64) {
        self.carried = Some(e_value.clamp(0.0, LARGEST_LOG_E.exp()));
    }

    /// Takes in what instances have added since the look before. What is not a count makes the check an error for good.
    pub fn look(&mut self, growths: impl IntoIterator<Item = Growth>) {
        for growth in growths {
            let exposure = growth.observed.exposure();
            let amount = match &growth.observed {
                Observed::Amount { amount, .. } => *amount,
                Observed::Histogram(histogram) => histogram.count(),
            };
            if !(exposure >= 0.0 && amount >= 0.0 && exposure.is_finite() && amount.is_finite()) {
                self.fault = Some("what an instance has told is no count");
                continue;
            }
            if exposure > 0.0 || amount > 0.0 {
                self.strata.entry(growth.stratum).or_default().wait(growth);
            }
        }
        for (id, stratum) in &mut self.strata {
            let Some(growths) = stratum.ready() else { continue };
            for test in &mut self.tests {
                let cut = match test.quantile {
                    Some(quantile) => stratum.tail(&self.spec, quantile),
                    None => stratum.amounts(&self.spec, test.suspect.other()),
                };
                if let Some(cut) = cut {
                    test.take(*id, growths, &cut);
                }
            }
            stratum.settle();
        }
        for test in &mut self.tests {
            test.dispersion.end_look();
        }
    }

    /// The logarithm of the e-value against "no worse than allowed": what decides a failure.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        self.total(self.tests.iter().map(|test| test.evidence().0.log_e(0.0, Towards::Worse)))
    }

    /// What it has found.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let tested: Vec<Tested> = self.tests.iter().map(Test::result).collect();
        let log_e = self.total(tested.iter().map(|test| test.log_worse));
        let log_pass = tested.iter().map(|test| test.log_better).fold(LARGEST_LOG_E, f64::min);
        let worst = tested.iter().max_by(|a, b| a.log_worse.total_cmp(&b.log_worse));
        let (verdict, proof) = self.verdict(log_e, log_pass);
        let dispersion = self.tests.first().map(|test| &test.dispersion);
        let instances = dispersion
            .map_or((0, 0), |dispersion| (dispersion.count(Side::Canary), dispersion.count(Side::Stable)));
        let mut finding = Finding {
            verdict,
            proof,
            canary: worst.and_then(|test| test.canary),
            stable: worst.and_then(|test| test.stable),
            quantile: worst.and_then(|test| test.quantile),
            ratio: None,
            interval: (None, None),
            allowed: worst.map_or(1.0 + self.spec.tolerance, |test| test.allowed),
            e_value: log_e.min(LARGEST_LOG_E).exp(),
            threshold: 1.0 / self.spec.alpha,
            e_pass: log_pass.min(LARGEST_LOG_E).exp(),
            samples: self.samples(),
            instances,
            dispersion: worst.map_or(1.0, |test| test.dispersion),
            instance_effect: worst.map_or(self.spec.instance_spread, |test| test.instance_effect),
            why: String::new(),
        };
        if let Some(worst) = worst.filter(|test| test.canary.is_some()) {
            finding.ratio = Some(worst.evidence.likeliest().exp() * worst.allowed);
            let (low, high) = worst.evidence.interval(self.spec.alpha);
            let ratio = |log: f64| log.exp() * worst.allowed;
            finding.interval = (low.map(ratio), high.map(ratio));
        }
        finding.why =
            why::sentence(&finding, &self.spec, worst.is_some_and(|test| test.is_inverse), self.fault);
        finding
    }

    fn verdict(&self, log_e: f64, log_pass: f64) -> (Verdict, Option<Proof>) {
        let (canary, stable) = self.samples();
        let least = self.spec.min_sample.max(1.0);
        let has_sample = canary >= least && stable >= least;
        if self.fault.is_some() {
            (Verdict::Error, None)
        } else if log_e >= -self.spec.alpha.ln() {
            (Verdict::Fail, None)
        } else if has_sample && log_pass >= -PASS_ALPHA.ln() {
            (Verdict::Pass, Some(Proof::Shown))
        } else if has_sample && log_e < DOUBT.ln() {
            (Verdict::Pass, Some(Proof::NothingAgainst))
        } else {
            (Verdict::Inconclusive, None)
        }
    }

    /// How much of both sides was compared. What came before anything was known to compare with does not count: it would pass unseen.
    fn samples(&self) -> (f64, f64) {
        self.tests.iter().fold((0.0, 0.0), |(canary, stable), test| {
            (f64::max(canary, test.compared.0), f64::max(stable, test.compared.1))
        })
    }

    /// The e-value of all tests: their mean, and half of it where another process has found something before.
    fn total(&self, logs: impl Iterator<Item = f64>) -> f64 {
        let logs: Vec<f64> = logs.collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if largest == f64::NEG_INFINITY {
            return 0.0;
        }
        let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
        let own = largest + (sum / as_number(logs.len())).ln();
        match self.carried {
            None => own,
            Some(before) => f64::midpoint(own.min(LARGEST_LOG_E).exp(), before).ln(),
        }
    }
}

impl Test {
    fn take(&mut self, id: u32, growths: &[Growth], cut: &Cut) {
        let mut cells = Vec::with_capacity(growths.len());
        let (mut canary, mut stable) = ((0.0, 0.0), (0.0, 0.0));
        for growth in growths {
            let (exposure, amount) = cut.of(&growth.observed);
            let side = if growth.side == Side::Canary { &mut canary } else { &mut stable };
            *side = (side.0 + exposure, side.1 + amount);
            cells.push(Cell { side: growth.side, instance: growth.instance, exposure, amount });
        }
        self.dispersion.add(&cells);
        self.compared = (self.compared.0 + canary.0, self.compared.1 + stable.0);
        let allowed = cut.allowed();
        let (suspect, other) = if self.suspect == Side::Canary { (canary, stable) } else { (stable, canary) };
        self.likelihood.add(&Batch {
            allowed_exposure: suspect.0 * allowed,
            canary: suspect.1,
            stable_exposure: other.0,
            stable: other.1,
        });
        let unit = match cut {
            Cut::Amounts { unit, .. } => *unit,
            Cut::Above { .. } => 1.0,
        };
        let totals = self.strata.entry(id).or_default();
        totals.canary = (totals.canary.0 + canary.0, totals.canary.1 + canary.1 * unit);
        totals.stable = (totals.stable.0 + stable.0, totals.stable.1 + stable.1 * unit);
        totals.allowed += canary.0 * allowed;
    }

    /// The evidence, with the dispersion and the spread that it allows for.
    fn evidence(&self) -> (Evidence, f64, Spread) {
        let dispersion = self.dispersion.in_time();
        let spread = self.dispersion.between_instances(dispersion);
        (Evidence::new(&self.likelihood, dispersion, spread), dispersion, spread)
    }

    fn result(&self) -> Tested {
        let (evidence, dispersion, spread) = self.evidence();
        let (mut exposure, mut amount, mut expected, mut allowed) = (0.0, 0.0, 0.0, 0.0);
        for totals in self.strata.values().filter(|totals| totals.stable.0 > 0.0) {
            exposure += totals.canary.0;
            amount += totals.canary.1;
            expected += totals.canary.0 * totals.stable.1 / totals.stable.0;
            allowed += totals.allowed;
        }
        let value = |amount: f64| (exposure > 0.0).then(|| amount / exposure);
        Tested {
            quantile: self.quantile,
            is_inverse: self.suspect == Side::Stable,
            log_worse: evidence.log_e(0.0, Towards::Worse),
            log_better: evidence.log_e(0.0, Towards::Better),
            evidence,
            dispersion,
            instance_effect: spread.scale,
            canary: value(amount),
            stable: value(expected),
            allowed: if exposure > 0.0 { allowed / exposure } else { 1.0 },
        }
    }
}

#[cfg(test)]
mod tests;
