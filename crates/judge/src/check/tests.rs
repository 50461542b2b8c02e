//! Whole checks: what is told, when, and what is not.

use super::*;
use crate::histogram::Histogram;
use crate::random::Random;

/// Failures of a hundred requests, of each instance in each look.
struct Fleet {
    canaries: u32,
    stable: u32,
    random: Random,
}

impl Fleet {
    fn growths(&mut self, mut rate: impl FnMut(Side, u32) -> f64) -> Vec<Growth> {
        let mut growths = Vec::new();
        for instance in 0..self.canaries + self.stable {
            let side = if instance < self.canaries { Side::Canary } else { Side::Stable };
            let amount = self.random.count(100.0 * rate(side, instance));
            let observed = Observed::Amount { exposure: 100.0, amount };
            growths.push(Growth { side, instance, stratum: 0, observed });
        }
        growths
    }
}

fn share() -> Check {
    Check::new(CheckSpec { tolerance: 0.2, ..CheckSpec::new(Kind::Share, 0.002) })
}

fn after(mut check: Check, fleet: &mut Fleet, looks: u32, rate: impl Fn(Side, u32) -> f64) -> Finding {
    for _ in 0..looks {
        check.look(fleet.growths(&rate));
    }
    check.finding()
}

fn times(factor: f64) -> impl Fn(Side, u32) -> f64 {
    move |side, _| if side == Side::Canary { 0.02 * factor } else { 0.02 }
}

#[test]
fn doubled_failures_fail_and_the_same_are_shown_to_pass() {
    let mut fleet = Fleet { canaries: 3, stable: 9, random: Random(1) };
    let finding = after(share(), &mut fleet, 200, times(2.0));
    assert_eq!(finding.verdict, Verdict::Fail, "{finding:#?}");
    assert!(finding.e_value >= finding.threshold, "{finding:#?}");
    assert!((1.6..2.5).contains(&finding.ratio.unwrap()), "{finding:#?}");
    assert!(finding.interval.0.unwrap() > 1.0 && finding.interval.1.unwrap() > 2.0, "{finding:#?}");
    assert!(finding.why.starts_with("worse than allowed: new to old "), "{}", finding.why);

    let finding = after(share(), &mut fleet, 600, times(0.8));
    assert_eq!((finding.verdict, finding.proof), (Verdict::Pass, Some(Proof::Shown)), "{finding:#?}");
}

#[test]
fn what_is_within_the_tolerance_never_fails() {
    let mut fleet = Fleet { canaries: 3, stable: 9, random: Random(2) };
    let mut check = share();
    for _ in 0..2000 {
        check.look(fleet.growths(times(1.2)));
        assert!(check.log_e() < 500.0_f64.ln());
    }
}

#[test]
fn a_sample_that_is_too_small_says_nothing_either_way() {
    let mut fleet = Fleet { canaries: 1, stable: 3, random: Random(3) };
    let check = Check::new(CheckSpec { min_sample: 1000.0, ..CheckSpec::new(Kind::Share, 0.002) });
    let finding = after(check, &mut fleet, 3, times(1.0));
    assert_eq!(finding.verdict, Verdict::Inconclusive);
    assert!(finding.why.starts_with("the new version has 300 observations of 1000"), "{}", finding.why);
}

#[test]
fn one_canary_is_weak_evidence_and_several_are_not() {
    // A third more failures: a bad version, or a bad instance?
    let finding_of = |canaries| {
        let mut fleet = Fleet { canaries, stable: 12, random: Random(4) };
        after(share(), &mut fleet, 3000 / canaries, times(1.6))
    };
    let (one, many) = (finding_of(1), finding_of(12));
    assert_ne!(one.verdict, Verdict::Fail, "{one:#?}");
    assert!(one.is_weak() && one.why.ends_with("may be the instance's"), "{}", one.why);
    assert_eq!(many.verdict, Verdict::Fail, "{many:#?}");
    assert!(!many.is_weak());
}

#[test]
fn a_bad_hour_for_all_is_no_regression() {
    let mut fleet = Fleet { canaries: 3, stable: 9, random: Random(5) };
    let mut check = share();
    for look in 0..300 {
        let rate = if look < 150 { 0.005 } else { 0.3 };
        check.look(fleet.growths(|_, _| rate));
    }
    assert_eq!(check.finding().verdict, Verdict::Pass, "{:#?}", check.finding());
}

#[test]
fn a_shift_between_strata_is_no_regression() {
    // One stratum fails thirty times as often as the other, and the new version gets more of it.
    let mut random = Random(6);
    let mut check = share();
    for _ in 0..300 {
        let mut growths = Vec::new();
        for instance in 0..12 {
            let side = if instance < 3 { Side::Canary } else { Side::Stable };
            let share = if side == Side::Canary { 0.6 } else { 0.1 };
            for (stratum, exposure, rate) in [(0, 100.0 * (1.0 - share), 0.005), (1, 100.0 * share, 0.15)] {
                let observed = Observed::Amount { exposure, amount: random.count(exposure * rate) };
                growths.push(Growth { side, instance, stratum, observed });
            }
        }
        check.look(growths);
    }
    let finding = check.finding();
    assert_eq!(finding.verdict, Verdict::Pass, "{finding:#?}");
    assert!((finding.canary.unwrap() - finding.stable.unwrap()).abs() < 0.01, "{finding:#?}");
}

fn latencies(random: &mut Random, factor: f64) -> Observed {
    let bounds: Vec<f64> = (0..30).map(|at| 0.1 * 1.26_f64.powi(at)).collect();
    let values: Vec<f64> = (0..60)
        .map(|_| {
            let sum: f64 = (0..6).map(|_| random.unit() - 0.5).sum();
            factor * (0.7 * sum).exp()
        })
        .collect();
    let count = |bound: f64| as_number(values.iter().filter(|value| **value <= bound).count());
    let buckets = bounds.into_iter().chain([f64::INFINITY]).map(|bound| (bound, count(bound))).collect();
    Observed::Histogram(Histogram { buckets })
}

#[test]
fn a_slower_tail_fails_and_its_quantile_is_named() {
    let check_after = |factor: f64| {
        let mut random = Random(7);
        let mut check = Check::new(CheckSpec::new(Kind::Tail(vec![0.5, 0.95]), 0.002));
        for _ in 0..60 {
            let growths: Vec<Growth> = (0..12)
                .map(|instance| {
                    let side = if instance < 3 { Side::Canary } else { Side::Stable };
                    let factor = if side == Side::Canary { factor } else { 1.0 };
                    Growth { side, instance, stratum: 0, observed: latencies(&mut random, factor) }
                })
                .collect();
            check.look(growths);
        }
        check.finding()
    };
    let slower = check_after(1.5);
    assert_eq!(slower.verdict, Verdict::Fail, "{slower:#?}");
    assert!(slower.quantile.is_some() && slower.canary > slower.stable, "{slower:#?}");
    assert_ne!(check_after(1.0).verdict, Verdict::Fail);
    assert_ne!(check_after(1.08).verdict, Verdict::Fail, "within the tolerance");
}

#[test]
fn direction_says_which_way_is_worse() {
    let found = |direction, factor: f64| {
        let mut random = Random(8);
        let mut check = Check::new(CheckSpec { direction, ..CheckSpec::new(Kind::Mean, 0.002) });
        for _ in 0..200 {
            let growths: Vec<Growth> = (0..12)
                .map(|instance| {
                    let side = if instance < 3 { Side::Canary } else { Side::Stable };
                    let mean = if side == Side::Canary { 10.0 * factor } else { 10.0 };
                    let amount: f64 = (0..50).map(|_| mean * (0.5 + random.unit())).sum();
                    Growth {
                        side,
                        instance,
                        stratum: 0,
                        observed: Observed::Amount { exposure: 50.0, amount },
                    }
                })
                .collect();
            check.look(growths);
        }
        check.finding()
    };
    for (direction, factor, is_fail) in [
        (Direction::Higher, 1.2, true),
        (Direction::Higher, 0.8, false),
        (Direction::Lower, 0.8, true),
        (Direction::Lower, 1.2, false),
        (Direction::Either, 0.8, true),
        (Direction::Either, 1.2, true),
        (Direction::Either, 1.0, false),
    ] {
        let finding = found(direction, factor);
        assert_eq!(finding.verdict == Verdict::Fail, is_fail, "{direction:?} {factor}: {finding:#?}");
    }
}

#[test]
fn what_another_process_had_found_is_half_of_the_stake() {
    let mut check = share();
    check.carry(40.0);
    assert!((check.log_e().exp() - 20.5).abs() < 1e-9, "{}", check.log_e().exp());
}

#[test]
fn what_is_no_count_is_an_error_and_not_a_failure() {
    let mut check = share();
    let observed = Observed::Amount { exposure: 10.0, amount: f64::NAN };
    check.look([Growth { side: Side::Canary, instance: 0, stratum: 0, observed }]);
    assert_eq!(check.finding().verdict, Verdict::Error);
}

#[test]
fn nothing_is_nothing() {
    let mut check = share();
    check.look([]);
    let finding = check.finding();
    assert_eq!((finding.verdict, finding.ratio), (Verdict::Inconclusive, None));
}
