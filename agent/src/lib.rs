//! The control plane: what operators do to a fleet of proxies, today to its configuration.
//!
//! The agent and the proxy never depend on each other. They meet in Consul's keys, and in the receipts that proxies give.
//!
//! - pure: [`documents`] (what is configuration), [`history`] (its records), [`change`] (one transaction), [`receipt`],
//!   [`instance`], [`standing`] (what receipts mean), [`judgment`] (which versions read a change), and the state machine of
//!   [`confirmation`];
//! - IO: [`store`] (Consul's keys), [`fleet`] (the catalog and the instances);
//! - [`cli`]: the command line, the one place that prints.

pub mod change;
pub mod cli;
pub mod confirmation;
pub mod documents;
pub mod fleet;
pub mod history;
pub mod instance;
pub mod judgment;
pub mod receipt;
pub mod standing;
pub mod store;
