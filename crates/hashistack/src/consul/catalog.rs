//! The catalog.
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
    service_meta: BTreeMap<String, String>,
    #[serde(default)]
    service_tags: Vec<String>,
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
        let answer =
            self.transport.send(&consistency.of(Call::get("/v1/catalog/service").segment(name)?)).await?;
        let listed: Vec<Listed> = answer.json()?;
        let instances = listed
            .into_iter()
            .map(|one| ServiceInstance {
                id: one.service_id,
                node: one.node,
                address: if one.service_address.is_empty() { one.address } else { one.service_address },
                port: one.service_port,
                meta: one.service_meta,
                tags: one.service_tags,
                status: CheckStatus::Unknown,
            })
            .collect();
        Ok(Indexed::new(&answer.head, instances))
    }
}
