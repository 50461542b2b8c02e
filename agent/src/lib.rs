//! The control plane: what operators do to a fleet of proxies and to the servers around it by commands, and what a daemon does for them.
//!
//! The agent and the proxy never depend on each other. They meet in Consul's keys, and in the receipts that proxies give.
//!
//! - pure: [`documents`] (what is configuration), [`history`] (its records), [`change`] (one transaction), [`receipt`],
//!   [`instance`], [`standing`] (what receipts mean), [`judgment`] (which versions read a change), and the state machine of
//!   [`confirmation`];
//! - IO: [`store`] (Consul's keys), [`fleet`] (the catalog and the instances);
//! - [`setup`]: what the product needs in Consul, Vault and Nomad, and how it is brought there;
//! - the daemon: [`app`] (wires and runs it), [`config`] (its configuration), [`leader`] (who of several acts), [`driver`] and
//!   [`tasks`] (what is done again and again), [`api`] (what operators ask it), [`events`], [`metrics`];
//! - rollouts: [`rollout`] (what is decided and done), [`seams`] (the servers that are asked), [`notify`] (messages to people),
//!   [`rollouts`] (all of it put together);
//! - [`prices`]: price books, negotiated prices and traffic for commands; what things cost is the crate `nova-pricing`;
//! - [`cli`]: the command line, the one place that prints.

pub mod api;
pub mod app;
pub mod change;
pub mod cli;
pub mod config;
pub mod confirmation;
pub mod documents;
pub mod driver;
pub mod events;
pub mod fleet;
pub mod history;
pub mod instance;
pub mod judgment;
pub mod leader;
pub mod metrics;
pub mod notify;
pub mod prices;
pub mod receipt;
pub mod rollout;
pub mod rollouts;
#[cfg(test)]
mod scripted;
pub mod seams;
pub mod setup;
pub mod standing;
pub mod store;
pub mod tasks;
