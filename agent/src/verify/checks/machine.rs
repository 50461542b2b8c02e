//! This machine: whether the proxy's ports are free.

use super::super::fact::Facts;
use super::super::outcome::Outcome;

/// Whether each port can be bound.
pub(crate) fn ports(facts: &Facts) -> Outcome {
    if facts.ports.is_empty() {
        return Outcome::NotAsked("no port is asked for".to_owned());
    }
    let faults = facts.ports.iter().filter_map(|port| {
        let why = port.free.as_ref().err()?;
        Some(format!("{}: {why}", port.address))
    });
    let named: Vec<&str> = facts.ports.iter().map(|port| port.address.as_str()).collect();
    Outcome::of_faults(faults.collect(), || named.join(", "))
}
