//! Clumps and instance effects are found at their size, and not where there are none.

use super::*;
use crate::random::Random;

const PRIOR: Prior = Prior { dispersion: 1.0, floor: 1.0, spread: 0.1 };

/// Eight stable instances and two canaries, each with `amount(instance, look)` of a hundred requests in each look.
fn fleet(looks: u32, mut amount: impl FnMut(u32, u32) -> f64) -> Dispersion {
    let mut dispersion = Dispersion::new(PRIOR);
    for look in 0..looks {
        let cells: Vec<Cell> = (0..10)
            .map(|instance| Cell {
                side: if instance < 2 { Side::Canary } else { Side::Stable },
                instance,
                exposure: 100.0,
                amount: amount(instance, look),
            })
            .collect();
        dispersion.add(&cells);
        dispersion.end_look();
    }
    dispersion
}

#[test]
fn independent_requests_have_no_dispersion() {
    let mut random = Random(1);
    let found = fleet(360, |_, _| random.count(5.0)).in_time();
    // The largest of seven estimates lies somewhat above all of them.
    assert!((1.0..1.4).contains(&found), "{found}");
}

#[test]
fn failures_that_come_five_at_once_count_as_one() {
    let mut random = Random(2);
    let found = fleet(360, |_, _| 5.0 * random.count(1.0)).in_time();
    assert!((4.0..6.5).contains(&found), "{found}");
}

#[test]
fn bursts_that_last_minutes_show_in_long_blocks() {
    // An instance is bad for sixteen looks and then good for sixteen, each at its own time.
    let mut random = Random(3);
    let found = fleet(360, |instance, look| {
        let is_bad = (look / 16 + instance) % 2 == 0;
        random.count(if is_bad { 8.0 } else { 2.0 })
    });
    let short = found.at_scale(0).unwrap();
    assert!(short < 4.0, "{short}");
    assert!(found.in_time() > 4.0 * short, "{} beside {short}", found.in_time());
}

#[test]
fn what_lasts_is_no_clump_and_what_happens_to_all_is_none() {
    let mut random = Random(4);
    let found = fleet(360, |instance, look| {
        let lasting = 1.0 + 0.1 * f64::from(instance % 3);
        let of_all = if look / 30 % 2 == 0 { 10.0 } else { 1.0 };
        random.count(lasting * of_all)
    });
    assert!(found.in_time() < 1.4, "{}", found.in_time());
}

#[test]
fn instance_effects_are_found_where_there_are_any() {
    let scale = |effect: f64| {
        let mut random = Random(5);
        let dispersion = fleet(360, |instance, _| {
            let sign = if instance % 2 == 0 { 1.0 } else { -1.0 };
            random.count(20.0 * f64::exp(sign * effect))
        });
        let spread = dispersion.between_instances(dispersion.in_time());
        assert!(spread.freedom > PRIOR_INSTANCES, "{spread:?}");
        // Of canary to stable: two and eight instances.
        spread.scale / (1.0_f64 / 2.0 + 1.0 / 8.0).sqrt()
    };
    assert!(scale(0.0) < 0.095, "{}", scale(0.0));
    // A quarter of the knowledge is what is measured, and the rest the prior's.
    assert!((0.14..0.3).contains(&scale(0.3)), "{}", scale(0.3));
}

#[test]
fn before_anything_is_known_the_prior_is() {
    let dispersion = Dispersion::new(PRIOR);
    assert_eq!((dispersion.in_time(), dispersion.count(Side::Canary)), (1.0, 0));
    let spread = dispersion.between_instances(1.0);
    assert!((spread.scale - 0.1 * 2.0_f64.sqrt()).abs() < 1e-12, "one instance on each side: {spread:?}");
}
