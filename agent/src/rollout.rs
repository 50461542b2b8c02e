//! Rollouts: how a new version of a job comes into force on Nomad, judged on the way, and how it is undone.
//!
//! The agent is a gatekeeper: others register jobs, and it decides of each deployment whether it is promoted, held or failed.
//!
//! - pure: [`record`] (the state that is kept), [`observation`] (what was seen), [`phase`] (state and observation to the next state),
//!   [`action`] (what is to be done), [`finding`] (recognized situations), [`verdict`] (what a check says), [`check`] (samples to
//!   verdicts), [`replay`] (recorded samples to what would have been decided), [`gate`] (windows and blackout dates), [`policy`] (the rules, from HCL);
//!   none of these files does IO, spawns anything, reads a clock or logs; `tests/tidy` holds them to it;
//! - IO: [`rounds`] (all jobs), [`engine`] (the straight line of one), `observe` (one look), [`store`] (the records in Consul),
//!   [`hooks`] (webhooks of policies), [`rules`] (where policies come from).

pub mod action;
pub mod check;
pub mod diagram;
pub mod engine;
pub mod finding;
pub mod gate;
pub mod hooks;
mod millis;
pub mod observation;
mod observe;
pub mod phase;
pub mod policy;
pub mod record;
pub mod replay;
pub mod rounds;
pub mod rules;
pub mod store;
pub mod verdict;
