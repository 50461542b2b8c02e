//! This machine's ports: each is bound for a moment, as the proxy would.

use std::net::TcpListener;

use super::super::fact::PortFact;

/// Whether each of these addresses can be bound.
pub(super) fn ports(addresses: &[String]) -> Vec<PortFact> {
    addresses
        .iter()
        .map(|address| PortFact {
            address: address.clone(),
            free: TcpListener::bind(address.as_str()).map(drop).map_err(|error| error.to_string()),
        })
        .collect()
}
