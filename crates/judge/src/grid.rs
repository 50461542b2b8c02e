//! The grid of ratios on which likelihoods and priors live: logarithms of "canary to allowed", fine around 1 and coarse far from it.
//!
//! A grid in place of a closed form: each batch has its own exposures, so that no conjugate prior fits, and 81 points are exact enough.

use std::array;
use std::sync::LazyLock;

/// How many points lie on each side of the ratio 1.
const HALF: usize = 40;

/// How many points there are.
pub(crate) const POINTS: usize = 2 * HALF + 1;

/// The furthest logarithm: a ratio of some 20. A larger one is told as this, which no decision is as fine as.
const FURTHEST: f64 = 3.0;

/// Where the spacing turns from even to exponential. Points are 0.003 apart around 1, which is finer than an hour of traffic resolves.
const TURN: f64 = 0.02;

/// One number for each point of the grid.
pub(crate) type OnGrid = [f64; POINTS];

/// The points, their exponentials, and the width that each stands for.
#[derive(Debug)]
pub(crate) struct Grid {
    /// Logarithms of ratios, rising.
    pub(crate) logs: OnGrid,
    /// The ratios.
    pub(crate) ratios: OnGrid,
    /// The width of each point's cell (trapezoid rule).
    pub(crate) widths: OnGrid,
}

/// The one grid.
pub(crate) fn grid() -> &'static Grid {
    static GRID: LazyLock<Grid> = LazyLock::new(Grid::new);
    &GRID
}

impl Grid {
    fn new() -> Self {
        let half = as_number(HALF);
        let step = (FURTHEST / TURN).asinh() / half;
        let point = |at: f64| TURN * (step * (at - half)).sinh();
        let logs = array::from_fn(|at| point(as_number(at)));
        let widths = array::from_fn(|at| {
            let at = as_number(at);
            (point(at + 1.0) - point(at - 1.0)) / 2.0
        });
        Self { logs, ratios: logs.map(f64::exp), widths }
    }
}

/// A small count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of points, instances and values are far below 2^53")]
pub(crate) fn as_number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_rise_and_one_is_the_ratio_one() {
        let grid = grid();
        assert!(grid.logs.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(grid.logs[HALF].abs() < 1e-12);
        assert!((grid.logs[POINTS - 1] - FURTHEST).abs() < 1e-9);
        assert!(grid.logs[HALF + 1] < 0.004, "{}", grid.logs[HALF + 1]);
    }

    #[test]
    fn widths_add_up_to_the_range() {
        let grid = grid();
        let all: f64 = grid.widths.iter().sum();
        let ends = f64::midpoint(grid.widths[0], grid.widths[POINTS - 1]);
        assert!((all - ends - 2.0 * FURTHEST).abs() < 0.05, "{all}");
    }
}
