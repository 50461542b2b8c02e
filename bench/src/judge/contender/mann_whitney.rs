//! A Mann-Whitney test at every look, of all values of the looks so far: what becomes of a test for one look when one looks often.

use nova_judge::classical::mann_whitney;

use super::super::traffic::Counted;
use super::{Contender, METRICS, Pooled};

/// Looks before the first test.
const FIRST: usize = 6;

/// Values of both sides, by metric.
#[derive(Debug, Default)]
pub(in super::super) struct MannWhitney {
    canary: [Vec<f64>; METRICS],
    stable: [Vec<f64>; METRICS],
}

impl MannWhitney {
    /// The score at which it stops a version: a p-value of 5 % of any metric.
    pub(in super::super) const LEVEL: f64 = 2.995_732_273_553_991;
}

impl Contender for MannWhitney {
    fn look(&mut self, counted: &[Counted]) -> f64 {
        let (mut canary, mut stable) = (Pooled::default(), Pooled::default());
        for one in counted {
            if one.is_canary { &mut canary } else { &mut stable }.add(one);
        }
        for (values, pooled) in [(&mut self.canary, canary), (&mut self.stable, stable)] {
            for (values, value) in values.iter_mut().zip(pooled.metrics().into_iter().flatten()) {
                // Sorted samples are ranked in one pass.
                let place = values.partition_point(|known| *known < value);
                values.insert(place, value);
            }
        }
        let mut score = 0.0;
        for (canary, stable) in self.canary.iter().zip(&self.stable) {
            if canary.len() >= FIRST
                && let Some(test) = mann_whitney(canary, stable)
            {
                score = f64::max(score, -test.p_greater.max(f64::MIN_POSITIVE).ln());
            }
        }
        score
    }
}
