//! Against values of SciPy.

use super::*;
use crate::classical::oracle::{assert_close, cases};

#[test]
fn it_says_what_scipy_says() {
    for case in cases() {
        let ours = welch(&case.first, &case.second).unwrap();
        let theirs = case.welch;
        assert_close(ours.t, theirs.t, &case.name);
        assert_close(ours.freedom, theirs.freedom, &case.name);
        assert_close(ours.p_greater, theirs.p_greater, &case.name);
        assert_close(ours.p_two_sided, theirs.p_two_sided, &case.name);
    }
}

#[test]
fn what_does_not_vary_cannot_be_compared() {
    assert_eq!(welch(&[1.0], &[1.0, 2.0]), None);
    assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), None);
}
