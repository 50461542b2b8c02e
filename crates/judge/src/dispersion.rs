//! How much less a count says than it seems to: clumps in time, and differences between instances of one version.
//!
//! Owns both estimates, from the differences of instances to the pool of their own side: no fault of a version is in these, since it is
//! in all instances of its side alike. What follows from the estimates is in `evidence`.
//!
//! *In time*: requests of one instance are not independent; errors come in bursts. The dispersion is the variance of a count over
//! that of independent requests. It is measured in blocks of one look, of two, four and so on to sixty-four, because a correlation that
//! lasts minutes shows in blocks of minutes only; the largest counts. That is the variance of batch means at each batch size
//! (Flegal & Jones, Annals of Statistics 38, 2010), in place of one lag window that has to be chosen before anything is known.
//!
//! *Between instances*: one runs on a slower machine, or has callers who send harder prompts, for its whole life. That does not average
//! out with more requests, only with more instances. Its variance is estimated by moments, less what chance gives (DerSimonian & Laird,
//! Controlled Clinical Trials 7, 1986), around a prior that stands in for what a few instances cannot tell.

use std::collections::BTreeMap;

use crate::evidence::Spread;
use crate::growth::Side;

/// Block sizes, as powers of two of looks.
const SCALES: usize = 7;

/// How many independent blocks the prior dispersion counts as.
const PRIOR_BLOCKS: f64 = 10.0;

/// How many instances the prior spread counts as.
const PRIOR_INSTANCES: f64 = 24.0;

/// How many instances are told apart; more say nothing more.
const MAX_MEMBERS: usize = 600;

/// What is known before anything was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prior {
    /// The dispersion, in units of the amount.
    pub(crate) dispersion: f64,
    /// The smallest dispersion that is believed.
    pub(crate) floor: f64,
    /// The standard deviation between instances, of the logarithm of the rate.
    pub(crate) spread: f64,
}

/// The differences of instances to their side, over time.
#[derive(Clone, Debug)]
pub(crate) struct Dispersion {
    prior: Prior,
    looks: u64,
    members: BTreeMap<(Side, u32), Member>,
    /// The canary side against the stable side, less their lasting difference. It is all there is where each has one instance.
    pair: Member,
}

/// One instance, or one side.
#[derive(Clone, Debug, Default)]
struct Member {
    exposure: f64,
    open: Residual,
    all: Residual,
    scales: [Scale; SCALES],
}

/// By how much an amount differs from what was expected, and the variance that it would have if requests were independent.
#[derive(Clone, Copy, Debug, Default)]
struct Residual {
    difference: f64,
    variance: f64,
}

/// Sums over the blocks of one size.
#[derive(Clone, Copy, Debug, Default)]
struct Scale {
    open: Residual,
    blocks: f64,
    squares: f64,
    products: f64,
    variance: f64,
    variance_squares: f64,
}

impl Residual {
    fn add(&mut self, other: Self) {
        self.difference += other.difference;
        self.variance += other.variance;
    }

    /// The difference as a logarithm of a ratio.
    fn effect(self) -> f64 {
        if self.variance > 0.0 { self.difference / self.variance } else { 0.0 }
    }
}

impl Scale {
    fn close(&mut self) {
        let Residual { difference, variance } = std::mem::take(&mut self.open);
        if variance > 0.0 {
            self.blocks += 1.0;
            self.squares += difference * difference;
            self.products += difference * variance;
            self.variance += variance;
            self.variance_squares += variance * variance;
        }
    }
}

impl Member {
    fn end_look(&mut self, looks: u64) {
        let now = std::mem::take(&mut self.open);
        self.all.add(now);
        for (power, scale) in (0_u32..).zip(&mut self.scales) {
            scale.open.add(now);
            if looks.is_multiple_of(1 << power) {
                scale.close();
            }
        }
    }
}

/// What one instance had in one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) side: Side,
    pub(crate) instance: u32,
    pub(crate) exposure: f64,
    pub(crate) amount: f64,
}

impl Dispersion {
    pub(crate) fn new(prior: Prior) -> Self {
        Self { prior, looks: 0, members: BTreeMap::new(), pair: Member::default() }
    }

    /// Takes in one batch of one stratum.
    pub(crate) fn add(&mut self, cells: &[Cell]) {
        let sum = |side: Side| {
            cells
                .iter()
                .filter(|cell| cell.side == side)
                .fold((0.0, 0.0), |(exposure, amount), cell| (exposure + cell.exposure, amount + cell.amount))
        };
        let (canary, stable) = (sum(Side::Canary), sum(Side::Stable));
        for cell in cells {
            let (exposure, amount) = if cell.side == Side::Canary { canary } else { stable };
            let key = (cell.side, cell.instance);
            if exposure <= 0.0 || (self.members.len() >= MAX_MEMBERS && !self.members.contains_key(&key)) {
                continue;
            }
            let member = self.members.entry(key).or_default();
            let share = cell.exposure / exposure;
            member.exposure += cell.exposure;
            member.open.add(residual(cell.amount, amount, share));
        }
        let exposure = canary.0 + stable.0;
        if exposure > 0.0 {
            self.pair.open.add(residual(canary.1, canary.1 + stable.1, canary.0 / exposure));
        }
    }

    /// The look is over: blocks that end with it are closed.
    pub(crate) fn end_look(&mut self) {
        self.looks += 1;
        for member in self.members.values_mut().chain([&mut self.pair]) {
            member.end_look(self.looks);
        }
    }

    /// The variance of an amount over that of independent requests.
    pub(crate) fn in_time(&self) -> f64 {
        let known = (0..SCALES).filter_map(|scale| self.at_scale(scale)).reduce(f64::max);
        known.unwrap_or(self.prior.dispersion).max(self.prior.floor)
    }

    /// The dispersion in blocks of one size, around that of the prior; nothing as long as there are none.
    fn at_scale(&self, scale: usize) -> Option<f64> {
        let (mut squares, mut variance, mut noise) = (0.0, 0.0, 0.0);
        let (mut blocks, mut members) = (0.0, 0.0);
        for member in self.members.values().chain([&self.pair]) {
            let Some(sums) = member.scales.get(scale).filter(|sums| sums.blocks > 1.0) else { continue };
            // What lasts is no clump.
            let lasting = sums.products / sums.variance_squares;
            squares +=
                sums.squares - 2.0 * lasting * sums.products + lasting * lasting * sums.variance_squares;
            variance += sums.variance;
            // The variance of a square of a count of few: v + 2 v^2.
            noise += sums.variance + 2.0 * sums.variance_squares;
            blocks += sums.blocks;
            members += 1.0;
        }
        if blocks <= members {
            return None;
        }
        let found = squares / variance * blocks / (blocks - members);
        let weight = 2.0 * variance * variance / noise * (blocks - members) / blocks;
        Some((PRIOR_BLOCKS * self.prior.dispersion + weight * found) / (PRIOR_BLOCKS + weight))
    }

    /// How many instances of a side count: fewer than there are, where some have most of the exposure.
    pub(crate) fn instances(&self, side: Side) -> f64 {
        let (sum, squares) = self.of(side).fold((0.0, 0.0), |(sum, squares), member| {
            (sum + member.exposure, squares + member.exposure * member.exposure)
        });
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    }

    /// How many instances of a side have had any exposure.
    pub(crate) fn count(&self, side: Side) -> usize {
        self.of(side).filter(|member| member.exposure > 0.0).count()
    }

    fn of(&self, side: Side) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |((of, _), _)| *of == side).map(|(_, member)| member)
    }

    /// How far the ratio of canary to stable may lie from that of their versions, by what instances they run on.
    pub(crate) fn between_instances(&self, dispersion: f64) -> Spread {
        let prior = self.prior.spread * self.prior.spread;
        let (mut sum, mut weights) = (PRIOR_INSTANCES * prior, PRIOR_INSTANCES);
        for side in [Side::Canary, Side::Stable] {
            let among = self.instances(side);
            // Each is measured against the pool of all, itself among them.
            let own = (among - 1.0).max(0.0) / among.max(1.0);
            for member in self.of(side).filter(|member| member.all.variance > 0.0) {
                let chance = dispersion / member.all.variance;
                let effect = member.all.effect();
                let weight = own * (prior / (prior + chance)).powi(2);
                sum += weight * (effect * effect - chance);
                weights += weight;
            }
        }
        let variance = (sum / weights).max(prior / 4.0);
        let sides = [Side::Canary, Side::Stable].map(|side| 1.0 / self.instances(side).max(1.0));
        Spread { scale: (variance * sides.iter().sum::<f64>()).sqrt(), freedom: weights }
    }
}

fn residual(amount: f64, of_all: f64, share: f64) -> Residual {
    let expected = of_all * share;
    Residual { difference: amount - expected, variance: expected * (1.0 - share) }
}

#[cfg(test)]
mod tests;
