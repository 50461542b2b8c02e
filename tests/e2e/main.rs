//! End-to-end tests: the built programs, over the wire, against the Bedrock simulator.
//!
//! One binary, one module for each theme. Every test starts its own programs on free ports and stops them by their ids,
//! so tests do not disturb each other. What the official clients make of the answers is tested by `clients/`.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod agent;
#[cfg(test)]
mod agent_config;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bed;
#[cfg(test)]
mod case;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod consul;
#[cfg(test)]
mod consul_bed;
#[cfg(test)]
mod consul_policies;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod embeddings;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod hashed_keys;
#[cfg(test)]
mod images;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod load;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod nomad_bed;
#[cfg(test)]
mod official_load;
#[cfg(test)]
mod outcome;
#[cfg(test)]
mod pki;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod regions;
#[cfg(test)]
mod regions_load;
#[cfg(test)]
mod release;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod repair;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod rollout_crashes;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod scripted_instance;
#[cfg(test)]
mod scripted_servers;
#[cfg(test)]
mod sdk_bytes;
#[cfg(test)]
mod secrets_manager;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod stream_contract;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tls_renewal;
#[cfg(test)]
mod tls_settings;
#[cfg(test)]
mod vault;
#[cfg(test)]
mod vault_bed;
#[cfg(test)]
mod workload_identity;
