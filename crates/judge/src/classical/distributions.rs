//! Distribution functions: the normal one and Student's.

use libm::{erfc, lgamma};

/// The probability that a standard normal value is above `z`.
pub(super) fn normal_above(z: f64) -> f64 {
    0.5 * erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The value above which a standard normal one is with this probability.
pub(super) fn normal_quantile_above(probability: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if normal_above(middle) > probability { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The probability that a value of Student's distribution is above `t`.
pub(super) fn student_above(t: f64, freedom: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t));
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The regularized incomplete beta function, by the continued fraction of the NIST Digital Library of Mathematical Functions, 8.17.22,
/// which converges fast for `x` below `(a + 1) / (a + b + 2)`; above that by 8.17.4, its mirror.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = (lgamma(a + b) - lgamma(a) - lgamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    front / fraction(a, b, x)
}

/// The continued fraction `1 + d1 / (1 + d2 / (1 + …))`, by Lentz' method as Thompson & Barnett have it (Journal of Computational
/// Physics 64, 1986).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let kept = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for step in 1..=300_u32 {
        let m = f64::from(step / 2);
        let term = if step.is_multiple_of(2) {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / kept(1.0 + term * d);
        c = kept(1.0 + term / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}
