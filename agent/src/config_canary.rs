//! Canaries of the configuration: a candidate for the document `config` that a few instances try, is judged beside the others, and is
//! promoted or taken away.
//!
//! - pure: [`record`] (the state that is kept), [`observation`] (what was seen), [`phase`] (both to the next state and what is done with
//!   it), [`ring`] (which instances try it), [`ledger`] (what was counted since), [`reading`] (a page of metrics to counts); `tests/tidy`
//!   holds them to it;
//! - IO: [`engine`] (the straight line), `observe` (one look), [`store`] (the keys, and the one transaction of each step).
//!
//! Unlike a rollout, whose acts are calls to other servers, all that is done here is done to Consul's keys: the record and what it says
//! is done are written in one transaction, so that there is no moment at which one is without the other. What it says to people is
//! written down first and told after that.

pub mod engine;
pub mod ledger;
pub mod observation;
mod observe;
pub mod phase;
pub mod reading;
pub mod record;
pub mod ring;
pub mod store;
