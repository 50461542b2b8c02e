//! The life of a process: phases, supervised tasks, signals, readiness and the drain.
//!
//! Owns how a program starts, serves, drains and stops. Leaves to others what is served, what a signal's
//! reload does, and how readiness is shown to a load balancer.

mod drain;
mod phase;
mod readiness;
mod shutdown;
mod signals;
mod tasks;

pub use drain::{FORCE_GRACE, Outcome};
pub use phase::Phase;
pub use readiness::{Condition, ConditionHandle, Readiness, ReadinessSnapshot};
pub use shutdown::Shutdown;
pub use signals::{OsSignals, Signal, SignalSource, watch_signals};
pub use tasks::{FailureHook, Tasks};
