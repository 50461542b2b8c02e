//! Clients of HashiCorp's servers on one transport: Consul, Nomad and Vault, with what a program needs that has to outlive them.
//!
//! Owns the wire: addresses, TLS, tokens, limits, typed errors, and the rules of blocking queries. What a key means, when
//! a configuration is applied and what is told to operators is for the programs.
//!
//! - [`Transport`] sends a [`Call`] and reads a bounded [`Answer`]; it knows no product but for the names in a [`Dialect`].
//! - [`ConsulClient`] has one file for each part of Consul's API.
//! - [`NomadClient`] has one for each part of Nomad's; [`NomadFault`] tells its refusals apart.
//! - [`VaultClient`] has one for each engine, and a login for the process.
//! - [`ConsulClient::watch`] is a blocking query as a stream of events, whose rules are pure functions.

pub mod consul;
pub mod nomad;
#[cfg(test)]
mod scripted;
pub mod snapshot;
pub mod transport;
pub mod vault;

pub use consul::{ConsulClient, ConsulConfig};
pub use nomad::{NomadClient, NomadConfig, NomadFault};
pub use transport::{
    Address, Answer, Call, ClientIdentity, Dialect, HashistackError, Login, Refusal, Retries, TlsConfig,
    TokenError, TokenFile, TokenSource, Transport, TransportConfig,
};
pub use vault::{VaultClient, VaultConfig};
