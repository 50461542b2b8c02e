//! Fixed thresholds, as Flagger has them: each minute the metrics of the last minute are held against fixed limits, a minute with any of
//! them above its limit is a failed check, and so many failed checks stop the version. Failed checks are not forgotten.

use super::super::traffic::Counted;
use super::{Contender, METRICS, Pooled};

/// Looks of a minute.
const MINUTE: usize = 6;

/// How many failed checks stop the version: `threshold: 5` with `interval: 1m` is what Flagger's tutorials begin with.
const FAILED_CHECKS: usize = 5;

/// What the metrics are usually, which limits are set by.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Limits {
    /// A limit for each metric.
    Fixed([f64; METRICS]),
    /// The mean of each metric and its standard deviation from minute to minute: the limit is so many of these above the mean.
    Tuned([f64; METRICS], [f64; METRICS]),
}

/// The canary's metrics, minute by minute.
#[derive(Debug)]
pub(in super::super) struct Thresholds {
    limits: Limits,
    looks: usize,
    minute: Pooled,
    /// How bad each minute was, the worst first.
    minutes: Vec<f64>,
}

impl Thresholds {
    /// The score at which it stops a version whose limits are fixed.
    pub(in super::super) const LEVEL: f64 = 1.0;

    pub(in super::super) fn new(limits: Limits) -> Self {
        Self { limits, looks: 0, minute: Pooled::default(), minutes: Vec::new() }
    }

    fn badness(&self, metrics: [f64; METRICS]) -> f64 {
        let scores = match &self.limits {
            Limits::Fixed(limits) => metrics.iter().zip(limits).map(|(value, limit)| value / limit).collect(),
            Limits::Tuned(means, deviations) => {
                let distances = metrics.iter().zip(means).map(|(value, mean)| value - mean);
                distances
                    .zip(deviations)
                    .map(|(distance, deviation)| distance / deviation)
                    .collect::<Vec<_>>()
            }
        };
        scores.into_iter().fold(0.0, f64::max)
    }
}

impl Contender for Thresholds {
    fn look(&mut self, counted: &[Counted]) -> f64 {
        self.looks += 1;
        for one in counted.iter().filter(|one| one.is_canary) {
            self.minute.add(one);
        }
        if self.looks.is_multiple_of(MINUTE)
            && let Some(metrics) = std::mem::take(&mut self.minute).metrics()
        {
            self.minutes.push(self.badness(metrics));
            self.minutes.sort_by(|a, b| b.total_cmp(a));
        }
        self.minutes.get(FAILED_CHECKS - 1).copied().unwrap_or_default()
    }
}
