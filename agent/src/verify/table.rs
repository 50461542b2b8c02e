//! The checks of both commands, in the order in which they are told. Pure.
//!
//! This is the one list of them, in four parts, and `docs/reference/checks.md` has a heading for each.

mod bedrock;
mod deployment;
mod place;
mod server;

use super::check::{Check, Command};

const VERIFY: &[Command] = &[Command::Verify];
const PREFLIGHT: &[Command] = &[Command::Preflight];
const BOTH: &[Command] = &[Command::Verify, Command::Preflight];

/// Every check.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    [place::CHECKS, server::CHECKS, deployment::CHECKS, bedrock::CHECKS].into_iter().flatten()
}
