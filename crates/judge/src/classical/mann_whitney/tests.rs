//! Against values of SciPy and of Kayenta.

use super::*;
use crate::classical::oracle::{assert_close, cases};

#[test]
fn it_says_what_scipy_says() {
    for case in cases() {
        let ours = mann_whitney(&case.first, &case.second).unwrap();
        let theirs = case.mann_whitney;
        assert_close(ours.u, theirs.u, &case.name);
        assert_close(ours.p_greater, theirs.p_greater, &case.name);
        assert_close(ours.p_two_sided, theirs.p_two_sided, &case.name);
    }
}

/// The values that Kayenta's own suite expects of these samples (`MannWhitneySuite.scala`, "Confidence Interval & Estimate"), at its
/// confidence of 98 %.
#[test]
fn the_shift_is_what_kayenta_says() {
    let shift = shift_interval(&[10.0, 20.0, 30.0, 40.0], &[1.0, 2.0, 3.0, 4.0], 0.98).unwrap();
    for (ours, kayenta) in [(shift.low, 6.0), (shift.estimate, 22.5), (shift.high, 39.0)] {
        assert!((ours - kayenta).abs() < 1e-4, "{ours} and {kayenta}");
    }
    // The quantile that the suite expects for that confidence.
    assert!((normal_quantile_above(0.01) - 2.326_348).abs() < 1e-6);
}

#[test]
fn where_there_is_nothing_to_rank_it_says_nothing() {
    assert_eq!(mann_whitney(&[], &[1.0]), None);
    assert_eq!(mann_whitney(&[1.0, 1.0], &[1.0]), None, "all tied");
    assert_eq!(shift_interval(&[1.0], &[], 0.95), None);
}
