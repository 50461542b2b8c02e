//! Health: the instances of a service with how their checks stand, and what a check's status is called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent_service::or_default;
use super::indexed::{Consistency, Indexed};
use crate::transport::{Call, HashistackError, Transport};

/// How a check stands, or the worst of several. Ordered from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// All is well.
    Passing,
    /// It may fail soon; callers may still be sent there.
    Warning,
    /// It fails. Maintenance is a check that does.
    Critical,
    /// Not told, or by a word that this version does not know: nothing good is taken for granted.
    #[serde(other)]
    Unknown,
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInstance {
    /// Its id, unique on its node.
    pub id: String,
    /// The node that it is registered on.
    pub node: String,
    /// Its address; that of its node where it has none of its own.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Its metadata.
    pub meta: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How it stands: the worst of its own checks and those of its node. [`CheckStatus::Unknown`] where the catalog was asked, which
    /// tells nothing of checks.
    pub status: CheckStatus,
}

/// The health of services.
#[derive(Debug, Clone, Copy)]
pub struct Health<'c> {
    transport: &'c Transport,
}

/// An instance as Consul lists it with its node and its checks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    node: ListedNode,
    service: ListedService,
    #[serde(default, deserialize_with = "or_default")]
    checks: Vec<ListedCheck>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedNode {
    node: String,
    address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedService {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    address: String,
    port: u16,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedCheck {
    status: CheckStatus,
}

impl From<Listed> for ServiceInstance {
    fn from(listed: Listed) -> Self {
        let Listed { node, service, checks } = listed;
        Self {
            id: service.id,
            node: node.node,
            address: if service.address.is_empty() { node.address } else { service.address },
            port: service.port,
            meta: service.meta.unwrap_or_default(),
            tags: service.tags.unwrap_or_default(),
            status: checks.into_iter().map(|check| check.status).max().unwrap_or(CheckStatus::Passing),
        }
    }
}

impl<'c> Health<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// The instances of a service with their checks; `filter` is an expression such as `Service.Meta.version == "1.2.0"`
    /// (Consul's API documentation, "Filtering"), or empty.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn service(
        &self,
        name: &str,
        is_passing: bool,
        filter: &str,
        consistency: Consistency,
    ) -> Result<Indexed<Vec<ServiceInstance>>, HashistackError> {
        let mut call = consistency.of(Call::get("/v1/health/service").segment(name)?);
        if is_passing {
            call = call.flag("passing");
        }
        if !filter.is_empty() {
            call = call.query("filter", filter.to_owned());
        }
        let answer = self.transport.send(&call).await?;
        let listed: Vec<Listed> = answer.json()?;
        Ok(Indexed::new(&answer.head, listed.into_iter().map(ServiceInstance::from).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_stands_as_the_worst_of_its_checks() {
        let text = r#"{"Node":{"Node":"n","Address":"10.0.0.1"},
            "Service":{"ID":"i","Service":"s","Address":"","Port":80,"Meta":null,"Tags":null},
            "Checks":[{"Status":"passing"},{"Status":"maintenance"},{"Status":"warning"}]}"#;
        let listed: Listed = serde_json::from_str(text).unwrap();
        let instance = ServiceInstance::from(listed);
        assert_eq!((instance.address.as_str(), instance.status), ("10.0.0.1", CheckStatus::Unknown));
        assert!(CheckStatus::Critical > CheckStatus::Warning && CheckStatus::Warning > CheckStatus::Passing);
    }
}
