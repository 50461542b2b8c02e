//! Histograms, cumulative, as Prometheus has them.

/// For each upper bound how many values are not above it; the last bound is infinite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Upper bound and cumulative count, in the order of bounds.
    pub buckets: Vec<(f64, f64)>,
}

impl Histogram {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// How many values are above a bound, which is one of the histogram's own. Above one that it has not: all that are not known to be
    /// below it.
    #[must_use]
    pub fn above(&self, bound: f64) -> f64 {
        self.count() - self.up_to(bound)
    }

    /// The part of values above any value, spread within a bucket as a power of the value: a straight line between bounds on paper
    /// with two logarithmic scales, which is what the tails of latencies look like.
    #[must_use]
    pub fn share_above(&self, value: f64) -> f64 {
        let count = self.count();
        let (mut from, mut share_from) = (0.0, 1.0);
        for &(bound, cumulative) in &self.buckets {
            let share = if count > 0.0 { 1.0 - cumulative / count } else { 0.0 };
            if value <= bound {
                return between((from, share_from), (bound, share), value);
            }
            (from, share_from) = (bound, share);
        }
        0.0
    }

    /// The value below which this part of all values is, with values spread evenly within a bucket, as Prometheus has it.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let rank = part * self.count();
        let (mut below, mut from) = (0.0, 0.0);
        for &(bound, count) in &self.buckets {
            if count >= rank && count > 0.0 {
                let inside = count - below;
                let is_open = !bound.is_finite() || inside <= 0.0;
                return Some(if is_open { from } else { from + (bound - from) * (rank - below) / inside });
            }
            (below, from) = (count, bound);
        }
        None
    }

    /// Adds the values of another one. Bounds that one of them has not are filled with what lies below them.
    pub fn add(&mut self, other: &Self) {
        let is_alike = self.buckets.len() == other.buckets.len()
            && self
                .buckets
                .iter()
                .zip(&other.buckets)
                .all(|(own, theirs)| own.0.total_cmp(&theirs.0).is_eq());
        if is_alike {
            for (own, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
                own.1 += theirs.1;
            }
            return;
        }
        let mut bounds: Vec<f64> =
            self.buckets.iter().chain(&other.buckets).map(|(bound, _)| *bound).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        self.buckets =
            bounds.into_iter().map(|bound| (bound, self.up_to(bound) + other.up_to(bound))).collect();
    }

    /// How many values are known not to be above a bound.
    fn up_to(&self, bound: f64) -> f64 {
        self.buckets.iter().rev().find(|(own, _)| *own <= bound).map_or(0.0, |(_, count)| *count)
    }
}

fn between((from, share_from): (f64, f64), (to, share_to): (f64, f64), value: f64) -> f64 {
    if from <= 0.0 || !to.is_finite() || share_to <= 0.0 {
        let part = if to.is_finite() && to > from { (value - from) / (to - from) } else { 0.0 };
        return share_from + (share_to - share_from) * part;
    }
    let part = (value / from).ln() / (to / from).ln();
    (share_from.ln() + (share_to.ln() - share_from.ln()) * part).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram {
        Histogram { buckets: vec![(1.0, 50.0), (2.0, 90.0), (4.0, 98.0), (f64::INFINITY, 100.0)] }
    }

    #[test]
    fn shares_above_are_exact_at_bounds_and_fall_between() {
        let histogram = histogram();
        for (value, share) in [(1.0, 0.5), (2.0, 0.1), (4.0, 0.02)] {
            assert!((histogram.share_above(value) - share).abs() < 1e-12, "{value}");
        }
        let middle = histogram.share_above(2.0_f64.sqrt());
        assert!((middle - (0.5_f64 * 0.1).sqrt()).abs() < 1e-12, "{middle}");
        assert!((histogram.above(2.0) - 10.0).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_spread_evenly_within_a_bucket() {
        assert_eq!(histogram().quantile(0.5), Some(1.0));
        assert_eq!(histogram().quantile(0.7), Some(1.5));
        assert_eq!(histogram().quantile(0.99), Some(4.0));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn bounds_of_two_versions_are_united() {
        let mut histogram = histogram();
        histogram.add(&Histogram { buckets: vec![(3.0, 7.0), (f64::INFINITY, 10.0)] });
        assert_eq!(
            histogram.buckets,
            [(1.0, 50.0), (2.0, 90.0), (3.0, 97.0), (4.0, 105.0), (f64::INFINITY, 110.0)]
        );
    }
}
