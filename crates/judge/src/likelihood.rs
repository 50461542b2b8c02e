//! The likelihood of a ratio, batch after batch: of what both sides have together, how much is the canary's?
//!
//! Owns the conditional likelihood on the grid. In a batch the canary has the exposure `a` and the amount `x` (requests and failures,
//! say), the stable side `b` and `y`. Given the sum `x + y`, the canary's part is binomial with the share `a f r / (a f r + b)`, where
//! `f` is the factor that is allowed and `r` the ratio to that. The common rate cancels out: what slows both sides down at once, an
//! hour of high load or a bad quarter of an hour at Bedrock, says nothing about either of them.
//!
//! This is the conditional test of two Poisson rates (Przyborowski & Wilenski, Biometrika 31, 1940), made sequential for rates that
//! change in time by Lindon & Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022), who use it for canaries.
//! Amounts need not be counts: for sums of costs it is a quasi-likelihood (Wedderburn, Biometrika 61, 1974), whose dispersion
//! is estimated in `dispersion`.

use crate::grid::{OnGrid, POINTS, grid};

/// What both sides had in one stratum between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// The canary's exposure times the factor that is allowed.
    pub(crate) allowed_exposure: f64,
    /// The canary's amount.
    pub(crate) canary: f64,
    /// The stable side's exposure.
    pub(crate) stable_exposure: f64,
    /// The stable side's amount.
    pub(crate) stable: f64,
}

/// Logarithms of the likelihood of each ratio of the grid, less that of the ratio 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Likelihood {
    pub(crate) logs: OnGrid,
}

impl Default for Likelihood {
    fn default() -> Self {
        Self { logs: [0.0; POINTS] }
    }
}

impl Likelihood {
    /// Takes in a batch. One in which a side has no exposure says nothing, and nor does one in which nothing happened.
    pub(crate) fn add(&mut self, batch: &Batch) {
        let Batch { allowed_exposure: a, canary: x, stable_exposure: b, stable: y } = *batch;
        let sum = x + y;
        if a <= 0.0 || b <= 0.0 || sum <= 0.0 {
            return;
        }
        let grid = grid();
        let at_one = sum * (a + b).ln();
        for ((log, u), ratio) in self.logs.iter_mut().zip(&grid.logs).zip(&grid.ratios) {
            *log += x * u - sum * (a * ratio + b).ln() + at_one;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(likelihood: &Likelihood) -> f64 {
        let best = likelihood.logs.iter().zip(&grid().ratios).max_by(|a, b| a.0.total_cmp(b.0)).unwrap();
        *best.1
    }

    #[test]
    fn the_likeliest_ratio_is_the_one_that_was_seen() {
        let mut likelihood = Likelihood::default();
        let batch = Batch { allowed_exposure: 1000.0, canary: 40.0, stable_exposure: 4000.0, stable: 80.0 };
        likelihood.add(&batch);
        assert!((peak(&likelihood) - 2.0).abs() < 0.2, "{}", peak(&likelihood));
    }

    #[test]
    fn what_happens_to_both_sides_alike_says_nothing() {
        // Ten batches whose common rate differs by a factor of a hundred, and whose ratio is 1 throughout.
        let mut likelihood = Likelihood::default();
        for rate in [1.0, 100.0, 3.0, 60.0, 1.0] {
            let batch =
                Batch { allowed_exposure: 100.0, canary: rate, stable_exposure: 300.0, stable: 3.0 * rate };
            likelihood.add(&batch);
        }
        assert!((peak(&likelihood) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_side_without_exposure_says_nothing() {
        let mut likelihood = Likelihood::default();
        likelihood.add(&Batch { allowed_exposure: 10.0, canary: 5.0, ..Batch::default() });
        likelihood.add(&Batch { stable_exposure: 10.0, stable: 5.0, ..Batch::default() });
        assert_eq!(likelihood, Likelihood::default());
    }
}
