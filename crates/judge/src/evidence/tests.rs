//! Bets against the null are fair: what is exact is checked exactly.

use super::*;
use crate::likelihood::Batch;

const SPREAD: Spread = Spread { scale: 0.08, freedom: 24.0 };

/// The logarithm of the binomial probability of `x` of `m`.
fn log_binomial(x: u32, m: u32, p: f64) -> f64 {
    let choose: f64 = (0..x).map(|i| (f64::from(m - i) / f64::from(x - i)).ln()).sum();
    choose + f64::from(x) * p.ln() + f64::from(m - x) * (-p).ln_1p()
}

fn likelihood(x: u32, m: u32) -> Likelihood {
    let mut likelihood = Likelihood::default();
    likelihood.add(&Batch {
        allowed_exposure: 100.0,
        canary: f64::from(x),
        stable_exposure: 300.0,
        stable: f64::from(m - x),
    });
    likelihood
}

/// What a bet of one unit is worth on average, when the ratio is distributed so.
fn worth(m: u32, dispersion: f64, prior: impl Fn(f64) -> f64, towards: Towards) -> f64 {
    let grid = grid();
    let weights: Vec<f64> = grid.logs.iter().zip(&grid.widths).map(|(u, width)| prior(*u) * width).collect();
    let sum: f64 = weights.iter().sum();
    let mut worth = 0.0;
    for x in 0..=m {
        let e = Evidence::new(&likelihood(x, m), dispersion, SPREAD).log_e(0.0, towards).exp();
        for (weight, ratio) in weights.iter().zip(&grid.ratios) {
            let p = 100.0 * ratio / (100.0 * ratio + 300.0);
            worth += weight / sum * log_binomial(x, m, p).exp() * e;
        }
    }
    worth
}

fn student(centre: f64) -> impl Fn(f64) -> f64 {
    move |u: f64| {
        let distance = (u - centre) / SPREAD.scale;
        (1.0 + distance * distance / SPREAD.freedom).powf(-(SPREAD.freedom + 1.0) / 2.0)
    }
}

#[test]
fn under_the_null_a_bet_is_worth_its_stake_exactly() {
    for m in [1, 7, 40] {
        for towards in [Towards::Worse, Towards::Better] {
            let worth = worth(m, 1.0, student(0.0), towards);
            assert!((worth - 1.0).abs() < 1e-9, "{m} {towards:?}: {worth}");
        }
    }
}

#[test]
fn a_better_version_makes_the_bet_a_loss_and_a_worse_one_a_gain() {
    assert!(worth(40, 1.0, student(-0.3), Towards::Worse) < 1.0);
    assert!(worth(40, 1.0, student(0.7), Towards::Worse) > 1.5);
    assert!(worth(40, 1.0, student(0.3), Towards::Better) < 1.0);
}

#[test]
fn any_dispersion_above_one_keeps_the_bet_fair() {
    for dispersion in [1.0, 1.5, 3.0, 10.0] {
        let worth = worth(40, dispersion, student(0.0), Towards::Worse);
        assert!(worth <= 1.0 + 1e-9, "{dispersion}: {worth}");
    }
}

#[test]
fn no_count_of_requests_makes_an_instance_effect_evidence() {
    // A ratio of 1.15 is within what instances are apart, however exactly it is known.
    let mut known = Likelihood::default();
    known.add(&Batch { allowed_exposure: 1e7, canary: 1.15e7, stable_exposure: 3e7, stable: 3e7 });
    let of = |scale| Evidence::new(&known, 1.0, Spread { scale, freedom: 24.0 }).log_e(0.0, Towards::Worse);
    assert!(of(0.1) < 600.0_f64.ln(), "{}", of(0.1));
    assert!(of(0.01) > 600.0_f64.ln(), "{}", of(0.01));
}

#[test]
fn the_interval_holds_the_likeliest_ratio_and_narrows() {
    let width = |scale: u32| {
        let mut seen = Likelihood::default();
        let by = |number: f64| number * f64::from(scale);
        seen.add(&Batch {
            allowed_exposure: by(100.0),
            canary: by(20.0),
            stable_exposure: by(300.0),
            stable: by(30.0),
        });
        let evidence = Evidence::new(&seen, 1.0, Spread { scale: 0.02, freedom: 100.0 });
        let likeliest = evidence.likeliest();
        assert!((likeliest - 2.0_f64.ln()).abs() < 0.02, "{likeliest}");
        let (low, high) = evidence.interval(0.01);
        let (low, high) = (low.unwrap(), high.unwrap());
        assert!(low < likeliest && likeliest < high, "{low} {likeliest} {high}");
        high - low
    };
    assert!(width(16) < 0.5 * width(1), "{} {}", width(16), width(1));
}

#[test]
fn without_observations_there_is_no_bound_and_no_evidence() {
    let evidence = Evidence::new(&Likelihood::default(), 1.0, SPREAD);
    assert_eq!(evidence.interval(0.01), (None, None));
    assert!(evidence.log_e(0.0, Towards::Worse).abs() < 1e-12);
}
