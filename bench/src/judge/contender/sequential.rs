//! Our judge, with checks and tolerances as policies have them by default, but without any slack.

use nova_judge::{Check, CheckSpec, Direction, Growth, Histogram, Kind, Observed, Side, share_alpha};

use super::super::traffic::{BOUNDS, Counted, bounds};
use super::Contender;

/// The probability that a version without fault is stopped, by any check and at any look.
const ALPHA: f64 = 0.01;

/// Where latencies are compared.
const QUANTILES: [f64; 5] = [0.5, 0.75, 0.9, 0.95, 0.99];

/// The checks, in the order of `observed`.
#[derive(Debug)]
pub(in super::super) struct Sequential {
    checks: Vec<Check>,
    bounds: [f64; BOUNDS],
}

impl Sequential {
    /// The score at which it stops a version: the logarithm of the e-value over its threshold.
    pub(in super::super) const LEVEL: f64 = 0.0;

    pub(in super::super) fn new() -> Self {
        let tail = || Kind::Tail(QUANTILES.to_vec());
        let kinds = [
            (Kind::Share, Direction::Higher, 0.1, 0.1),
            (tail(), Direction::Higher, 0.1, 0.1),
            (tail(), Direction::Higher, 0.1, 0.1),
            (Kind::Mean, Direction::Higher, 0.02, 0.02),
            (Kind::Mean, Direction::Lower, 0.25, 0.1),
            (Kind::Share, Direction::Either, 0.2, 0.1),
        ];
        let alphas = share_alpha(ALPHA, &[1.0; 6]);
        let check = |((kind, direction, tolerance, instance_spread), alpha)| {
            Check::new(CheckSpec { direction, tolerance, instance_spread, ..CheckSpec::new(kind, alpha) })
        };
        Self { checks: kinds.into_iter().zip(alphas).map(check).collect(), bounds: bounds() }
    }

    /// What each check is made of.
    fn observed(&self, counted: &Counted) -> [Observed; 6] {
        let requests = f64::from(counted.requests);
        let of_requests = |amount: f64| Observed::Amount { exposure: requests, amount };
        [
            of_requests(f64::from(counted.failed)),
            Observed::Histogram(self.histogram(&counted.latency)),
            Observed::Histogram(self.histogram(&counted.first_token)),
            of_requests(counted.cost),
            of_requests(counted.speed),
            of_requests(f64::from(counted.cut_short)),
        ]
    }

    fn histogram(&self, counts: &[u32; BOUNDS + 1]) -> Histogram {
        let mut sum = 0.0;
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let cumulative = bounds.zip(counts).map(|(bound, count)| {
            sum += f64::from(*count);
            (bound, sum)
        });
        Histogram { buckets: cumulative.collect() }
    }
}

impl Contender for Sequential {
    fn look(&mut self, counted: &[Counted]) -> f64 {
        let mut growths: [Vec<Growth>; 6] = std::array::from_fn(|_| Vec::with_capacity(counted.len()));
        for one in counted {
            let side = if one.is_canary { Side::Canary } else { Side::Stable };
            let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            for (growths, observed) in growths.iter_mut().zip(self.observed(one)) {
                let (instance, stratum) = (number(one.instance), number(one.stratum));
                growths.push(Growth { side, instance, stratum, observed });
            }
        }
        let mut score = f64::NEG_INFINITY;
        for (check, growths) in self.checks.iter_mut().zip(growths) {
            check.look(growths);
            score = score.max(check.log_e() + check.spec().alpha.ln());
        }
        score
    }
}
