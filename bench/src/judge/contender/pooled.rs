//! The metrics of each side, as a query of a metrics server has them: all instances and all kinds of requests in one number.

use super::super::traffic::{BOUNDS, Counted, bounds};

/// How many metrics there are: failures, p95 of latency and of the first token, cost, seconds a token, answers cut short.
pub(in super::super) const METRICS: usize = 6;

/// Sums over a window.
#[derive(Clone, Debug)]
pub(in super::super) struct Pooled {
    requests: f64,
    failed: f64,
    latency: [f64; BOUNDS + 1],
    first_token: [f64; BOUNDS + 1],
    cost: f64,
    speed: f64,
    cut_short: f64,
}

impl Default for Pooled {
    fn default() -> Self {
        let empty = [0.0; BOUNDS + 1];
        Self {
            requests: 0.0,
            failed: 0.0,
            latency: empty,
            first_token: empty,
            cost: 0.0,
            speed: 0.0,
            cut_short: 0.0,
        }
    }
}

impl Pooled {
    pub(in super::super) fn add(&mut self, counted: &Counted) {
        self.requests += f64::from(counted.requests);
        self.failed += f64::from(counted.failed);
        self.cost += counted.cost;
        self.speed += counted.speed;
        self.cut_short += f64::from(counted.cut_short);
        let pairs = [(&mut self.latency, &counted.latency), (&mut self.first_token, &counted.first_token)];
        for (sums, counts) in pairs {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += f64::from(*count);
            }
        }
    }

    /// The metrics, more of each being worse; nothing without a request.
    pub(in super::super) fn metrics(&self) -> Option<[f64; METRICS]> {
        let requests = self.requests;
        (requests > 0.0).then(|| {
            [
                self.failed / requests,
                p95(&self.latency, requests),
                p95(&self.first_token, requests),
                self.cost / requests,
                requests / self.speed,
                self.cut_short / requests,
            ]
        })
    }
}

/// As Prometheus' `histogram_quantile` has it: spread evenly within a bucket.
fn p95(counts: &[f64; BOUNDS + 1], all: f64) -> f64 {
    let (mut below, mut from) = (0.0, 0.0);
    for (count, bound) in counts.iter().zip(bounds()) {
        if below + count >= 0.95 * all {
            return from + (bound - from) * (0.95 * all - below) / count;
        }
        below += count;
        from = bound;
    }
    from
}
