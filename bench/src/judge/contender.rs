//! Those who judge the same traffic: our judge, and what others do.
//!
//! Owns the interface. A contender has a score at each look; it stops the version when the score reaches a level. Its own level is what
//! it comes with, and any other level is found out from the same scores, which is how all are brought to one rate of false alarms.

mod mann_whitney;
mod pooled;
mod sequential;
mod thresholds;

pub(super) use mann_whitney::MannWhitney;
pub(super) use pooled::{METRICS, Pooled};
pub(super) use sequential::Sequential;
pub(super) use thresholds::{Limits, Thresholds};

use super::traffic::Counted;

/// One who judges an hour.
pub(super) trait Contender {
    /// Takes in a look, and scores it: more speaks more against the new version.
    fn look(&mut self, counted: &[Counted]) -> f64;
}
