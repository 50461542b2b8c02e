//! Random numbers of the simulated traffic: the same for the same seed on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use rand_distr::{Distribution as _, Poisson, StandardNormal};

/// A source of random numbers.
#[derive(Debug)]
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The source of one simulated hour: hours of other scenarios and numbers have others.
    pub(super) fn new(seed: u64, scenario: u64, hour: u64) -> Self {
        let mut bytes = [0; 32];
        for (part, number) in bytes.chunks_exact_mut(8).zip([seed, scenario, hour]) {
            part.copy_from_slice(&number.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A number from 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
        let numerator = (self.0.next_u64() >> 11) as f64;
        numerator / 9_007_199_254_740_992.0
    }

    /// A number of the normal distribution with this standard deviation around zero.
    pub(super) fn normal(&mut self, deviation: f64) -> f64 {
        let standard: f64 = StandardNormal.sample(&mut self.0);
        standard * deviation
    }

    /// How often something happens that happens so often on average.
    pub(super) fn count(&mut self, mean: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "means are some hundreds"
        )]
        Poisson::new(mean).map_or(0, |poisson| poisson.sample(&mut self.0) as u32)
    }
}

/// A value that wanders around zero and forgets where it was: an autoregressive process of order one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wander {
    deviation: f64,
    kept: f64,
    value: f64,
}

impl Wander {
    /// With this standard deviation, which forgets within `memory_looks`.
    pub(super) fn new(random: &mut Random, deviation: f64, memory_looks: f64) -> Self {
        Self { deviation, kept: (-1.0 / memory_looks).exp(), value: random.normal(deviation) }
    }

    pub(super) fn step(&mut self, random: &mut Random) -> f64 {
        self.value =
            self.kept * self.value + random.normal(self.deviation * (1.0 - self.kept * self.kept).sqrt());
        self.value
    }
}
