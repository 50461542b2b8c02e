//! From likelihoods to evidence: e-values and the interval of the ratio.
//!
//! Owns the null hypothesis and its alternatives. An e-value is what a bet against the null has made of one unit of stake; under the
//! null it exceeds `1 / alpha` at any time at all, however often one looks, with a probability of `alpha` at most (Ville, 1939;
//! Ramdas, Grünwald, Vovk & Shafer, "Game-Theoretic Statistics and Safe Anytime-Valid Inference", Statistical Science 38, 2023).
//!
//! Both sides of the bet are mixtures (Robbins, Annals of Mathematical Statistics 41, 1970). The null is not one ratio: a canary
//! without any fault has the ratio of the instances that it happens to run on. So the null is the distribution of that ratio, as
//! stable instances show it (`dispersion`), around what is allowed, and the alternative is the same distribution around something
//! worse. The ratio of two such marginal likelihoods is a Bayes factor, and as such stays valid under optional stopping (Hendriksen,
//! de Heide & Grünwald, Bayesian Analysis 16, 2021). What an instance effect can explain is thereby no evidence, whatever the count of
//! requests: that is why one canary is weak evidence.

use crate::grid::{OnGrid, POINTS, as_number, grid};
use crate::likelihood::Likelihood;

/// How much worse than allowed the alternatives are, as logarithms of ratios: from 5 % to six times, each as likely before as another.
const SHIFTS: [f64; 8] = [0.05, 0.1, 0.2, 0.35, 0.55, 0.8, 1.2, 1.8];

/// How far apart instances of one version lie: a Student distribution of the logarithm of the ratio of canary to stable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// Its scale.
    pub(crate) scale: f64,
    /// Its degrees of freedom: of how much knowledge the scale is.
    pub(crate) freedom: f64,
}

/// The smallest scale that the grid resolves.
const MIN_SCALE: f64 = 0.005;

/// Which way the alternatives lie from the null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Towards {
    /// More than allowed: evidence for a failure.
    Worse,
    /// Less than allowed: evidence for a pass.
    Better,
}

/// The likelihood with its dispersion taken into account, and how far instances may lie apart.
///
/// A likelihood to the power of `1 / dispersion` is what is left of it when observations come in clumps. With a dispersion of 1 or
/// above the power never turns a valid e-value into an invalid one, however the dispersion was estimated: `E^(1/d)` is at most `E` or 1.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// Logarithms.
    tempered: OnGrid,
    /// The same as parts of the highest, times the width of each point's cell.
    parts: OnGrid,
    spread: Spread,
}

impl Evidence {
    pub(crate) fn new(likelihood: &Likelihood, dispersion: f64, spread: Spread) -> Self {
        let tempered = likelihood.logs.map(|log| log / dispersion);
        let highest = tempered.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut parts = tempered.map(|log| (log - highest).exp());
        for (part, width) in parts.iter_mut().zip(&grid().widths) {
            *part *= width;
        }
        Self { tempered, parts, spread: Spread { scale: spread.scale.max(MIN_SCALE), ..spread } }
    }

    /// The logarithm of the e-value against "the ratio is `centre` (a logarithm) or on its other side".
    pub(crate) fn log_e(&self, centre: f64, towards: Towards) -> f64 {
        let sign = match towards {
            Towards::Worse => 1.0,
            Towards::Better => -1.0,
        };
        let alternatives: f64 = SHIFTS.iter().map(|shift| self.marginal(centre + sign * shift)).sum();
        (alternatives / as_number(SHIFTS.len()) / self.marginal(centre)).ln()
    }

    /// The likelihood of a version whose ratio is `centre`, whatever its instances are like, as a part of the highest. Student's tails
    /// fall by a power, so that neither sum comes to nothing.
    fn marginal(&self, centre: f64) -> f64 {
        let grid = grid();
        let Spread { scale, freedom } = self.spread;
        let (mut prior, mut joint) = (0.0, 0.0);
        for ((u, width), part) in grid.logs.iter().zip(&grid.widths).zip(&self.parts) {
            let distance = (u - centre) / scale;
            let density = (-(freedom + 1.0) / 2.0 * (distance * distance / freedom).ln_1p()).exp();
            prior += density * width;
            joint += density * part;
        }
        // The prior adds up to 1 on the grid whatever its constant, which is why it needs none.
        joint / prior
    }

    /// The likeliest logarithm of the ratio, between the grid's points by a parabola.
    pub(crate) fn likeliest(&self) -> f64 {
        let logs = &grid().logs;
        let best = (0..POINTS).zip(&self.tempered).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at);
        let point = |at: usize| logs.get(at).copied().zip(self.tempered.get(at).copied());
        let (Some((here, top)), Some(before)) = (point(best), best.checked_sub(1).and_then(point)) else {
            return logs.get(best).copied().unwrap_or_default();
        };
        let Some(after) = point(best + 1) else { return here };
        vertex(before, (here, top), after).unwrap_or(here)
    }

    /// The logarithms of the ratios that are not refuted at `1 / alpha` from either side: they hold at all looks together with a
    /// probability of `1 - 2 alpha`. A bound at the end of the grid is no bound.
    pub(crate) fn interval(&self, alpha: f64) -> (Option<f64>, Option<f64>) {
        let threshold = -alpha.ln();
        let logs = &grid().logs;
        let (first, last) =
            (logs.first().copied().unwrap_or_default(), logs.last().copied().unwrap_or_default());
        let peak = self.likeliest();
        let bound = |end: f64, towards: Towards| {
            let is_refuted = |centre: f64| self.log_e(centre, towards) >= threshold;
            is_refuted(end).then(|| bisect(end, peak, is_refuted))
        };
        (bound(first, Towards::Worse), bound(last, Towards::Better))
    }
}

/// Between a place that is refuted and one that is not: where it turns, to a thousandth.
fn bisect(mut refuted: f64, mut open: f64, is_refuted: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..14 {
        let middle = f64::midpoint(refuted, open);
        if is_refuted(middle) { refuted = middle } else { open = middle }
    }
    open
}

/// Where the parabola through three points is highest.
fn vertex(before: (f64, f64), here: (f64, f64), after: (f64, f64)) -> Option<f64> {
    let (left, right) = (here.0 - before.0, after.0 - here.0);
    let (rise, fall) = ((here.1 - before.1) / left, (here.1 - after.1) / right);
    let curvature = (rise + fall) / (left + right);
    (curvature > 0.0).then(|| f64::midpoint(before.0, here.0) + rise / (2.0 * curvature))
}

#[cfg(test)]
mod tests;
