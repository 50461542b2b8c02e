//! The Mann-Whitney U test: whether values of one sample tend to be larger than those of another.
//!
//! Mann & Whitney, Annals of Mathematical Statistics 18, 1947; by the normal approximation, with ties and a correction for continuity.

use super::distributions::{normal_above, normal_quantile_above};
use crate::grid::as_number;

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// In how many pairs the first sample's value is larger, ties counting half.
    pub u: f64,
    /// The probability of so large a `u` or a larger one, if neither sample tends to be larger.
    pub p_greater: f64,
    /// The probability of one so far from the middle, or further.
    pub p_two_sided: f64,
}

/// By how much the first sample is shifted against the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShiftInterval {
    /// The lower bound.
    pub low: f64,
    /// The estimate.
    pub estimate: f64,
    /// The upper bound.
    pub high: f64,
}

/// What the approximation stands on: `u`, its mean under the null hypothesis, and its standard deviation.
struct Ranked {
    u: f64,
    mean: f64,
    deviation: f64,
}

impl Ranked {
    fn new(first: &[f64], second: &[f64]) -> Self {
        let mut all: Vec<(f64, bool)> = first
            .iter()
            .map(|value| (*value, true))
            .chain(second.iter().map(|value| (*value, false)))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut rank, mut ranks_of_first, mut ties) = (0.0, 0.0, 0.0);
        for tied in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let count = as_number(tied.len());
            let of_first = as_number(tied.iter().filter(|(_, is_first)| *is_first).count());
            ranks_of_first += of_first * (rank + (count + 1.0) / 2.0);
            ties += count * count * count - count;
            rank += count;
        }
        let (n, m) = (as_number(first.len()), as_number(second.len()));
        let all = n + m;
        let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        Self {
            u: ranks_of_first - n * (n + 1.0) / 2.0,
            mean: n * m / 2.0,
            deviation: variance.max(0.0).sqrt(),
        }
    }

    /// The standardized distance from the middle, half a step nearer to it for continuity.
    fn z(&self, distance: f64) -> Option<f64> {
        (self.deviation > 0.0).then(|| (distance - 0.5) / self.deviation)
    }
}

/// Compares two samples; nothing where one has no value or all values are the same.
#[must_use]
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<MannWhitney> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let ranked = Ranked::new(first, second);
    let distance = ranked.u - ranked.mean;
    Some(MannWhitney {
        u: ranked.u,
        p_greater: normal_above(ranked.z(distance)?),
        p_two_sided: (2.0 * normal_above(ranked.z(distance.abs())?)).min(1.0),
    })
}

/// By how much the first sample is shifted against the second, as Kayenta and R's `wilcox.test` tell it: the shifts that the test, with
/// its approximation, does not reject at `1 - confidence`, and the shift that it finds least fault with. Nothing where a sample is empty.
#[must_use]
pub fn shift_interval(first: &[f64], second: &[f64], confidence: f64) -> Option<ShiftInterval> {
    let extremes = |values: &[f64]| {
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        })
    };
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let ((low, high), (other_low, other_high)) = (extremes(first), extremes(second));
    let (least, most) = (low - other_high, high - other_low);
    let z = |shift: f64| {
        let shifted: Vec<f64> = first.iter().map(|value| value - shift).collect();
        let ranked = Ranked::new(&shifted, second);
        let distance = ranked.u - ranked.mean;
        let correction = if distance == 0.0 { 0.0 } else { 0.5_f64.copysign(distance) };
        // All tied: no shift is nearer to the middle.
        if ranked.deviation > 0.0 { (distance - correction) / ranked.deviation } else { 0.0 }
    };
    // Where `z`, which falls with the shift, turns from what is held to what is not.
    let turn = |holds: &dyn Fn(f64) -> bool| {
        let (mut above, mut below) = (least, most);
        for _ in 0..100 {
            let middle = f64::midpoint(above, below);
            if holds(z(middle)) { above = middle } else { below = middle }
        }
        f64::midpoint(above, below)
    };
    let bound = |quantile: f64| {
        if z(least) <= quantile {
            least
        } else if z(most) >= quantile {
            most
        } else {
            turn(&|z| z > quantile)
        }
    };
    let quantile = normal_quantile_above((1.0 - confidence) / 2.0);
    // With few values no shift is better than its neighbors: the middle of the best ones.
    let estimate = f64::midpoint(turn(&|z| z > 0.0), turn(&|z| z >= 0.0));
    Some(ShiftInterval { low: bound(quantile), estimate, high: bound(-quantile) })
}

#[cfg(test)]
mod tests;
