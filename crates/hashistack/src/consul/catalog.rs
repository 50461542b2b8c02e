//! The catalog: who is registered, healthy or not.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::health::{CheckStatus, ServiceInstance};
use super::indexed::{Consistency, Indexed};
use crate::transport::{Call, HashistackError, Transport};

/// The catalog of a client.
#[derive(Debug, Clone, Copy)]
pub struct Catalog<'c> {
    transport: &'c Transport,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    node: String,
    address: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    #[serde(default)]
    service_address: String,
    service_port: u16,
    #[serde(default)]
    service_meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    service_tags: Option<Vec<String>>,
}

impl From<Listed> for ServiceInstance {
    fn from(listed: Listed) -> Self {
        Self {
            id: listed.service_id,
            node: listed.node,
            address: if listed.service_address.is_empty() { listed.address } else { listed.service_address },
            port: listed.service_port,
            meta: listed.service_meta.unwrap_or_default(),
            tags: listed.service_tags.unwrap_or_default(),
            status: CheckStatus::Unknown,
        }
    }
}

impl<'c> Catalog<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// The instances of a service.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn service(
        &self,
        name: &str,
        consistency: Consistency,
    ) -> Result<Indexed<Vec<ServiceInstance>>, HashistackError> {
        let call = consistency.of(Call::get("/v1/catalog/service").segment(name)?);
        let answer = self.transport.send(&call).await?;
        let listed: Vec<Listed> = answer.json()?;
        Ok(Indexed::new(&answer.head, listed.into_iter().map(ServiceInstance::from).collect()))
    }
}
