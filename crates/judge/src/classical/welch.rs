//! Welch's test: whether the means of two samples differ, whose variances may differ too.
//!
//! Welch, Biometrika 34, 1947; the degrees of freedom by Satterthwaite, Biometrics Bulletin 2, 1946.

use super::distributions::student_above;
use crate::grid::as_number;

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welch {
    /// The difference of the means over its standard error.
    pub t: f64,
    /// The degrees of freedom.
    pub freedom: f64,
    /// The probability of so large a `t` or a larger one, if the means are the same.
    pub p_greater: f64,
    /// The probability of one so far from zero, or further.
    pub p_two_sided: f64,
}

/// Compares the means of two samples; nothing where one has less than two values or neither varies.
#[must_use]
pub fn welch(first: &[f64], second: &[f64]) -> Option<Welch> {
    let (mean, error, degrees) = moments(first)?;
    let (other_mean, other_error, other_degrees) = moments(second)?;
    let sum = error + other_error;
    if sum <= 0.0 {
        return None;
    }
    let t = (mean - other_mean) / sum.sqrt();
    let freedom = sum * sum / (error * error / degrees + other_error * other_error / other_degrees);
    Some(Welch {
        t,
        freedom,
        p_greater: student_above(t, freedom),
        p_two_sided: 2.0 * student_above(t.abs(), freedom),
    })
}

/// The mean, its variance, and the degrees of freedom of that.
fn moments(values: &[f64]) -> Option<(f64, f64, f64)> {
    let count = as_number(values.len());
    if count < 2.0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some((mean, squares / (count - 1.0) / count, count - 1.0))
}

#[cfg(test)]
mod tests;
