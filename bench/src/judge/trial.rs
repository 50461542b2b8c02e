//! Hours of traffic, each before all contenders at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use indicatif::ProgressBar;

use super::contender::{Contender, Limits, METRICS, MannWhitney, Pooled, Sequential, Thresholds};
use super::random::Random;
use super::traffic::{Hour, LOOKS, Regression, World};

/// How many contenders there are: the judge, Mann-Whitney, fixed thresholds, tuned thresholds.
pub(super) const CONTENDERS: usize = 4;

/// Hours that limits are set by. They are like those that are judged, and none of them.
const PILOT_HOURS: u64 = 20;

/// The scenario's number of pilot hours.
const PILOT: u64 = 100;

/// How far above its usual value a metric may be by a fixed limit, and the part of requests that may fail.
const FIXED_FACTOR: f64 = 1.25;
const FIXED_FAILURES: f64 = 0.02;

/// An hour, as far as it counts.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// The new version's requests until each look.
    pub(super) requests: Vec<u64>,
    /// The highest score of each contender until each look.
    pub(super) scores: [Vec<f64>; CONTENDERS],
}

/// What trials have in common.
pub(super) struct Trials<'b> {
    pub(super) world: World,
    pub(super) seed: u64,
    pub(super) bar: &'b ProgressBar,
    pub(super) limits: [Limits; 2],
}

impl Trials<'_> {
    /// So many hours, on all processors, in the order of their numbers.
    pub(super) fn run(&self, regression: Regression, hours: u64) -> Vec<Trial> {
        let next = AtomicU64::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let hour = next.fetch_add(1, Ordering::Relaxed);
                if hour >= hours {
                    return done;
                }
                done.push((hour, self.hour(regression, hour)));
                self.bar.inc(1);
            }
        };
        let mut all: Vec<(u64, Trial)> = thread::scope(|scope| {
            let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
            // A worker that panics has found a defect, which is told by its own message; its hours are missing then, and counted so.
            workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
        });
        all.sort_by_key(|(hour, _)| *hour);
        all.into_iter().map(|(_, trial)| trial).collect()
    }

    fn hour(&self, regression: Regression, hour: u64) -> Trial {
        let mut traffic = Hour::new(self.world, regression, Random::new(self.seed, regression as u64, hour));
        let [fixed, tuned] = self.limits;
        let mut contenders: [Box<dyn Contender>; CONTENDERS] = [
            Box::new(Sequential::new()),
            Box::new(MannWhitney::default()),
            Box::new(Thresholds::new(fixed)),
            Box::new(Thresholds::new(tuned)),
        ];
        let mut highest = [f64::NEG_INFINITY; CONTENDERS];
        let mut trial = Trial { requests: Vec::with_capacity(LOOKS), scores: Default::default() };
        let mut requests = 0;
        for _ in 0..LOOKS {
            let counted = traffic.look();
            requests +=
                counted.iter().filter(|one| one.is_canary).map(|one| u64::from(one.requests)).sum::<u64>();
            trial.requests.push(requests);
            for ((contender, highest), scores) in
                contenders.iter_mut().zip(&mut highest).zip(&mut trial.scores)
            {
                *highest = highest.max(contender.look(&counted));
                scores.push(*highest);
            }
        }
        trial
    }
}

/// The limits of thresholds, from hours before: fixed ones, and the means with their deviations.
pub(super) fn limits(world: World, seed: u64) -> [Limits; 2] {
    let mut minutes: Vec<[f64; METRICS]> = Vec::new();
    for hour in 0..PILOT_HOURS {
        let mut traffic = Hour::new(world, Regression::None, Random::new(seed, PILOT, hour));
        let mut minute = Pooled::default();
        for look in 1..=LOOKS {
            for one in traffic.look().iter().filter(|one| one.is_canary) {
                minute.add(one);
            }
            if look.is_multiple_of(6) {
                minutes.extend(std::mem::take(&mut minute).metrics());
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "there are some thousand minutes")]
    let count = minutes.len() as f64;
    let sum = |of: &dyn Fn(f64, usize) -> f64| {
        let mut sums = [0.0; METRICS];
        for minute in &minutes {
            for (at, (sum, value)) in sums.iter_mut().zip(minute).enumerate() {
                *sum += of(*value, at);
            }
        }
        sums
    };
    let means = sum(&|value, _| value).map(|sum| sum / count);
    let squares = sum(&|value, at| {
        let mean = means.get(at).copied().unwrap_or_default();
        (value - mean) * (value - mean)
    });
    let mut fixed = means.map(|mean| mean * FIXED_FACTOR);
    if let Some(failures) = fixed.first_mut() {
        *failures = FIXED_FAILURES;
    }
    [Limits::Fixed(fixed), Limits::Tuned(means, squares.map(|sum| (sum / count).sqrt()))]
}
