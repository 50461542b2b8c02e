//! Simulated traffic: a fleet of two versions of a proxy, an hour of it, look by look.
//!
//! Owns what is true: how instances of one version differ, how the world changes in time, what a regression is. It knows nothing of
//! those who judge, and shares no code with them.

use super::random::{Random, Wander};

/// Seconds between two looks.
pub(super) const LOOK_SECONDS: f64 = 10.0;

/// Looks of an hour.
pub(super) const LOOKS: usize = 360;

/// Instances of the new version.
pub(super) const CANARIES: usize = 3;

/// Instances of the old one.
pub(super) const STABLE: usize = 9;

/// Requests a second that an instance gets.
const REQUESTS_PER_SECOND: f64 = 5.0;

/// Upper bounds of the histograms, in seconds: ten to the decade, as the proxy's metrics have them.
pub(super) const BOUNDS: usize = 41;

/// Requests that are alike: a model in a class of size.
struct Kind {
    share: f64,
    failures: f64,
    latency_seconds: f64,
    first_token_seconds: f64,
    tokens: f64,
    tokens_per_second: f64,
    cost_per_token: f64,
    cut_short: f64,
}

const fn kind(
    share: f64,
    failures: f64,
    seconds: (f64, f64),
    tokens: (f64, f64, f64),
    cut_short: f64,
) -> Kind {
    Kind {
        share,
        failures,
        latency_seconds: seconds.0,
        first_token_seconds: seconds.1,
        tokens: tokens.0,
        tokens_per_second: tokens.1,
        cost_per_token: tokens.2,
        cut_short,
    }
}

/// Three models, each with short and long requests. Costs are in micro-dollars.
const KINDS: [Kind; STRATA] = [
    kind(0.30, 0.006, (0.6, 0.20), (80.0, 180.0, 0.14), 0.04),
    kind(0.10, 0.012, (2.8, 0.45), (450.0, 180.0, 0.14), 0.12),
    kind(0.25, 0.007, (0.9, 0.30), (100.0, 140.0, 0.24), 0.04),
    kind(0.10, 0.014, (4.2, 0.60), (550.0, 140.0, 0.24), 0.12),
    kind(0.15, 0.009, (1.8, 0.50), (120.0, 80.0, 3.2), 0.05),
    kind(0.10, 0.018, (8.0, 0.90), (600.0, 80.0, 3.2), 0.15),
];

/// How many kinds of requests there are.
pub(super) const STRATA: usize = 6;

/// How much requests of one kind differ among themselves: standard deviations of logarithms.
const LATENCY_SPREAD: f64 = 0.5;
const FIRST_TOKEN_SPREAD: f64 = 0.4;
const TOKENS_SPREAD: f64 = 0.8;
const SPEED_SPREAD: f64 = 0.25;

/// What is wrong with the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regression {
    None,
    DoubledErrors,
    SlowerByHalf,
    DearerByTenth,
}

/// How the world departs from independent requests: standard deviations of logarithms.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    /// Of an instance against others of its version, for its whole life.
    instance: Effects,
    /// Of all instances at once, with a memory of five minutes.
    shared: Effects,
    /// Of one instance alone, with a memory of one minute.
    own: Effects,
    /// Of the shares of kinds: by instance, shared over twenty minutes, and of one instance over five.
    mix: (f64, f64, f64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Effects {
    failures: f64,
    latency: f64,
    tokens: f64,
    cut_short: f64,
    load: f64,
}

impl World {
    /// As fleets are: instances differ, bursts last, and the mix shifts.
    pub(super) const REAL: Self = Self {
        instance: Effects { failures: 0.1, latency: 0.03, tokens: 0.01, cut_short: 0.03, load: 0.1 },
        shared: Effects { failures: 0.4, latency: 0.15, tokens: 0.05, cut_short: 0.1, load: 0.2 },
        own: Effects { failures: 0.3, latency: 0.05, tokens: 0.03, cut_short: 0.1, load: 0.1 },
        mix: (0.3, 0.4, 0.2),
    };

    /// As textbooks have it: every request is independent of every other.
    pub(super) const INDEPENDENT: Self = {
        const NONE: Effects = Effects { failures: 0.0, latency: 0.0, tokens: 0.0, cut_short: 0.0, load: 0.0 };
        Self { instance: NONE, shared: NONE, own: NONE, mix: (0.0, 0.0, 0.0) }
    };
}

/// One value of [`Effects`] for each of its fields, wandering.
struct Wanders {
    failures: Wander,
    latency: Wander,
    tokens: Wander,
    cut_short: Wander,
    load: Wander,
}

impl Wanders {
    fn new(random: &mut Random, effects: Effects, memory_looks: f64) -> Self {
        let mut wander = |deviation| Wander::new(random, deviation, memory_looks);
        Self {
            failures: wander(effects.failures),
            latency: wander(effects.latency),
            tokens: wander(effects.tokens),
            cut_short: wander(effects.cut_short),
            load: wander(effects.load),
        }
    }

    fn step(&mut self, random: &mut Random) -> Effects {
        Effects {
            failures: self.failures.step(random),
            latency: self.latency.step(random),
            tokens: self.tokens.step(random),
            cut_short: self.cut_short.step(random),
            load: self.load.step(random),
        }
    }
}

impl std::ops::Add for Effects {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            failures: self.failures + other.failures,
            latency: self.latency + other.latency,
            tokens: self.tokens + other.tokens,
            cut_short: self.cut_short + other.cut_short,
            load: self.load + other.load,
        }
    }
}

/// What an instance has counted of one kind since the look before.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) is_canary: bool,
    pub(super) instance: usize,
    pub(super) stratum: usize,
    pub(super) requests: u32,
    pub(super) failed: u32,
    /// By bucket, not cumulative; the last one is what is above all bounds.
    pub(super) latency: [u32; BOUNDS + 1],
    pub(super) first_token: [u32; BOUNDS + 1],
    pub(super) cost: f64,
    /// The sum of the speeds of all answers, in tokens a second.
    pub(super) speed: f64,
    pub(super) cut_short: u32,
}

struct Instance {
    is_canary: bool,
    lasting: Effects,
    own: Wanders,
    mix: [f64; STRATA],
    own_mix: [Wander; STRATA],
}

/// An hour of a fleet.
pub(super) struct Hour {
    random: Random,
    regression: Regression,
    instances: Vec<Instance>,
    shared: Wanders,
    shared_mix: [Wander; STRATA],
    bounds: [f64; BOUNDS],
}

/// The bounds of the histograms.
pub(super) fn bounds() -> [f64; BOUNDS] {
    let mut exponent = -2.0;
    [0.0; BOUNDS].map(|_| {
        let bound = 10.0_f64.powf(exponent);
        exponent += 0.1;
        bound
    })
}

impl Hour {
    pub(super) fn new(world: World, regression: Regression, mut random: Random) -> Self {
        let instance = |random: &mut Random, is_canary| {
            let mix = [(); STRATA].map(|()| random.normal(world.mix.0));
            Instance {
                is_canary,
                // A wander that is never stepped lasts.
                lasting: Wanders::new(random, world.instance, f64::INFINITY).step(random),
                own: Wanders::new(random, world.own, 60.0 / LOOK_SECONDS),
                mix,
                own_mix: [(); STRATA].map(|()| Wander::new(random, world.mix.2, 300.0 / LOOK_SECONDS)),
            }
        };
        let instances = (0..CANARIES + STABLE).map(|at| instance(&mut random, at < CANARIES)).collect();
        let shared = Wanders::new(&mut random, world.shared, 300.0 / LOOK_SECONDS);
        let shared_mix = [(); STRATA].map(|()| Wander::new(&mut random, world.mix.1, 1200.0 / LOOK_SECONDS));
        Self { random, regression, instances, shared, shared_mix, bounds: bounds() }
    }

    /// What was counted until the next look.
    pub(super) fn look(&mut self) -> Vec<Counted> {
        let Self { random, regression, instances, shared, shared_mix, bounds } = self;
        let shared = shared.step(random);
        let shared_mix = shared_mix.each_mut().map(|wander| wander.step(random));
        let mut all = Vec::with_capacity(instances.len() * STRATA);
        for (at, instance) in instances.iter_mut().enumerate() {
            let effects = shared + instance.lasting + instance.own.step(random);
            let mut shares = [0.0; STRATA];
            let lasting = instance.mix.iter().zip(&shared_mix).zip(&mut instance.own_mix);
            for ((share, kind), ((mix, shared), own)) in shares.iter_mut().zip(&KINDS).zip(lasting) {
                *share = kind.share * (mix + shared + own.step(random)).exp();
            }
            let sum: f64 = shares.iter().sum();
            for (stratum, (kind, share)) in KINDS.iter().zip(shares).enumerate() {
                let mean = REQUESTS_PER_SECOND * LOOK_SECONDS * effects.load.exp() * share / sum;
                let truth = Truth::new(
                    kind,
                    effects,
                    if instance.is_canary { *regression } else { Regression::None },
                );
                let requests = random.count(mean);
                all.push(truth.count(random, bounds, (instance.is_canary, at, stratum), requests));
            }
        }
        all
    }
}

/// What requests of a kind are like at an instance at a moment.
struct Truth {
    failures: f64,
    latency_log: f64,
    first_token_log: f64,
    tokens_log: f64,
    speed_log: f64,
    cost_per_token: f64,
    cut_short: f64,
}

impl Truth {
    fn new(kind: &Kind, effects: Effects, regression: Regression) -> Self {
        let times = |wrong: Regression, factor: f64| if wrong == regression { factor } else { 1.0 };
        Self {
            failures: (kind.failures * effects.failures.exp() * times(Regression::DoubledErrors, 2.0))
                .min(1.0),
            latency_log: (kind.latency_seconds * times(Regression::SlowerByHalf, 1.5)).ln() + effects.latency,
            first_token_log: kind.first_token_seconds.ln() + effects.latency,
            tokens_log: kind.tokens.ln() + effects.tokens,
            speed_log: kind.tokens_per_second.ln() - effects.latency,
            cost_per_token: kind.cost_per_token * times(Regression::DearerByTenth, 1.1),
            cut_short: (kind.cut_short * effects.cut_short.exp()).min(1.0),
        }
    }

    fn count(
        &self,
        random: &mut Random,
        bounds: &[f64; BOUNDS],
        (is_canary, instance, stratum): (bool, usize, usize),
        requests: u32,
    ) -> Counted {
        let mut counted = Counted {
            is_canary,
            instance,
            stratum,
            requests,
            failed: 0,
            latency: [0; BOUNDS + 1],
            first_token: [0; BOUNDS + 1],
            cost: 0.0,
            speed: 0.0,
            cut_short: 0,
        };
        let bucket = |value: f64| bounds.partition_point(|bound| *bound < value);
        for _ in 0..requests {
            if random.unit() < self.failures {
                counted.failed += 1;
            }
            if random.unit() < self.cut_short {
                counted.cut_short += 1;
            }
            let latency = (self.latency_log + random.normal(LATENCY_SPREAD)).exp();
            let first_token = (self.first_token_log + random.normal(FIRST_TOKEN_SPREAD)).exp();
            for (counts, value) in [(&mut counted.latency, latency), (&mut counted.first_token, first_token)]
            {
                if let Some(count) = counts.get_mut(bucket(value)) {
                    *count += 1;
                }
            }
            counted.cost += (self.tokens_log + random.normal(TOKENS_SPREAD)).exp() * self.cost_per_token;
            counted.speed += (self.speed_log + random.normal(SPEED_SPREAD)).exp();
        }
        counted
    }
}
