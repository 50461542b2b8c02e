//! The nodes that tasks run on.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::job::or_default;
use crate::transport::{Call, HashistackError, Transport};

/// A node, as lists have it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// `initializing`, `ready`, `down` or `disconnected`.
    pub status: String,
    /// `eligible` or `ineligible`: whether it gets tasks.
    pub scheduling_eligibility: String,
    #[serde(default, deserialize_with = "or_default")]
    drivers: BTreeMap<String, Driver>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Driver {
    #[serde(default)]
    healthy: bool,
}

impl Node {
    /// Whether a task of this driver could be placed on it.
    pub fn takes_tasks(&self, driver: &str) -> bool {
        self.status == "ready"
            && self.scheduling_eligibility == "eligible"
            && self.drivers.get(driver).is_some_and(|driver| driver.healthy)
    }
}

/// # Errors
/// When there is no answer, or a refusal.
pub(super) async fn list(transport: &Transport) -> Result<Vec<Node>, HashistackError> {
    transport.send(&Call::get("/v1/nodes")).await?.json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_takes_tasks_of_drivers_that_are_healthy_and_only_when_it_is_ready() {
        let node = |status: &str| -> Node {
            let drivers = r#"{"raw_exec":{"Healthy":true},"exec":{"Healthy":false}}"#;
            serde_json::from_str(&format!(
                r#"{{"ID":"1","Name":"n","Status":"{status}","SchedulingEligibility":"eligible","Drivers":{drivers}}}"#
            ))
            .unwrap()
        };
        assert!(node("ready").takes_tasks("raw_exec"));
        assert!(!node("ready").takes_tasks("exec") && !node("ready").takes_tasks("docker"));
        assert!(!node("down").takes_tasks("raw_exec"));
    }
}
