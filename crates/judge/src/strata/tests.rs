//! Where tails are cut, and what is allowed there.

use super::*;

fn spec(kind: Kind) -> CheckSpec {
    CheckSpec::new(kind, 0.01)
}

fn growth(side: Side, observed: Observed) -> Growth {
    Growth { side, instance: 0, stratum: 0, observed }
}

fn stratum(observed: Observed) -> Stratum {
    let mut stratum = Stratum::default();
    stratum.wait(growth(Side::Stable, observed.clone()));
    stratum.wait(growth(Side::Canary, observed));
    assert!(stratum.ready().is_some());
    stratum.settle();
    stratum
}

#[test]
fn a_batch_waits_for_the_other_side() {
    let mut stratum = Stratum::default();
    let observed = Observed::Amount { exposure: 10.0, amount: 1.0 };
    stratum.wait(growth(Side::Canary, observed.clone()));
    assert!(stratum.ready().is_none());
    stratum.wait(growth(Side::Stable, Observed::Amount { exposure: 0.0, amount: 0.0 }));
    assert!(stratum.ready().is_none(), "no exposure is nothing to compare with");
    stratum.wait(growth(Side::Stable, observed));
    assert_eq!(stratum.ready().map(<[Growth]>::len), Some(2), "what one instance adds is one");
}

#[test]
fn slack_weighs_more_where_there_is_little() {
    let spec = CheckSpec { tolerance: 0.2, slack: 0.001, ..spec(Kind::Share) };
    let allowed = |amount| {
        let stratum = stratum(Observed::Amount { exposure: 10_000.0, amount });
        stratum.amounts(&spec, Side::Stable).unwrap().allowed()
    };
    assert!((allowed(100.0) - 1.3).abs() < 0.001, "a tenth of 1 %: {}", allowed(100.0));
    assert!(allowed(0.0) > 20.0, "with next to none before, some are no matter: {}", allowed(0.0));
}

#[test]
fn a_sum_is_compared_once_its_mean_is_known() {
    let few = stratum(Observed::Amount { exposure: 10.0, amount: 50.0 });
    assert_eq!(few.amounts(&spec(Kind::Mean), Side::Stable), None);
    let enough = stratum(Observed::Amount { exposure: 100.0, amount: 500.0 });
    assert_eq!(
        enough.amounts(&spec(Kind::Mean), Side::Stable),
        Some(Cut::Amounts { unit: 5.0, allowed: 1.02 })
    );
}

#[test]
fn a_tail_is_cut_next_to_its_quantile_and_allows_by_its_own_slope() {
    // Each bound doubles the value and halves the share: a tail with an exponent of one.
    let buckets = vec![(1.0, 500.0), (2.0, 750.0), (4.0, 875.0), (8.0, 937.0), (f64::INFINITY, 1000.0)];
    let stratum = stratum(Observed::Histogram(Histogram { buckets }));
    let spec = CheckSpec { tolerance: 0.1, ..spec(Kind::Tail(vec![0.9])) };
    let Some(Cut::Above { bound, allowed }) = stratum.tail(&spec, 0.9) else { panic!("no cut") };
    assert!((bound - 4.0).abs() < 1e-12, "{bound}");
    assert!((allowed - 1.1).abs() < 0.001, "a tenth slower is a tenth more above it: {allowed}");
    let spec = CheckSpec { slack: 2.0, ..spec };
    let Some(Cut::Above { bound, allowed }) = stratum.tail(&spec, 0.9) else { panic!("no cut") };
    assert!((bound - 8.0).abs() < 1e-12, "further out, where two seconds are less: {bound}");
    assert!((allowed - 8.0 / (6.0 / 1.1)).abs() < 0.02, "two seconds of eight are no matter: {allowed}");
    assert_eq!(stratum.tail(&spec, 0.9999), None, "no value is known to be that far out");
}

#[test]
fn where_all_values_are_alike_a_tail_is_cut_beyond_them() {
    let buckets = vec![(0.2, 0.0), (0.25, 1000.0), (0.315, 1000.0), (0.4, 1000.0), (f64::INFINITY, 1000.0)];
    let stratum = stratum(Observed::Histogram(Histogram { buckets }));
    let spec = CheckSpec { tolerance: 0.1, ..spec(Kind::Tail(vec![0.99])) };
    let cut = stratum.tail(&spec, 0.99).unwrap();
    assert_eq!(
        cut,
        Cut::Above { bound: 0.315, allowed: 1.0 },
        "a tenth slower they may be above 0.25, and not above this"
    );
}
