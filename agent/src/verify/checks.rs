//! What facts mean: one file for each group of checks. Pure.
//!
//! Each function judges one thing and takes the rest as given, so that one fault is found by one check.

pub mod agent;
pub mod bedrock;
pub mod clocks;
pub mod configuration;
pub mod consul;
pub mod instances;
pub mod machine;
pub mod metrics;
pub mod network;
pub mod nomad;
pub mod requests;
pub mod secrets;
pub mod vault;
pub mod versions;

mod server;
