//! Whether a deployed environment is as it should be, and whether one could be set up: checks with findings, hints and places to read on.
//!
//! - pure: [`fact`] (what was found out), [`outcome`], [`check`] and [`table`] (what is checked, in which order, and what has to hold
//!   first), [`checks`] (what facts mean), [`report`] (facts to findings);
//! - IO: [`gather`] (asks servers, instances, Bedrock and this machine).
//!
//! Nothing is changed anywhere, but for what a synthetic request costs. What is printed is in `cli`.

pub mod check;
pub mod checks;
pub mod fact;
pub mod gather;
pub mod outcome;
pub mod report;
pub mod rules;
pub mod table;

#[cfg(test)]
mod tests;
