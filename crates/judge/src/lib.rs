//! Judges a new version beside an old one, at every look, without crying wolf for having looked often.
//!
//! Owns the statistics: what instances have added since the look before goes in, a finding comes out. It knows no metric by name, no
//! clock, no server and no policy; these are the agent's. How it works in plain words, and how well, is in `docs/explanation/judging.md`.
//!
//! A [`Check`] is a sequential test whose evidence is an e-value: see `likelihood` for what is compared, `evidence` for the hypotheses,
//! `dispersion` for what dependence takes away, `strata` for why a shift of the mix is no regression. [`classical`] has the tests that
//! are looked at once; the benchmark shows what becomes of them when they are not.

mod check;
pub mod classical;
mod dispersion;
mod evidence;
mod finding;
mod grid;
mod growth;
mod histogram;
mod likelihood;
#[cfg(test)]
mod random;
mod spec;
mod strata;
mod why;

pub use check::Check;
pub use finding::{Finding, Proof, Verdict};
pub use growth::{Growth, Observed, Side};
pub use histogram::Histogram;
pub use spec::{CheckSpec, DOUBT, Direction, Kind, PASS_ALPHA, share_alpha};
