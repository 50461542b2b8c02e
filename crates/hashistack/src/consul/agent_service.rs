//! The services of the local agent: to register with it, to be in maintenance, to be gone.
//!
//! A process registers with the agent of its node and never in the catalog itself: the agent owns what the catalog has of its
//! node, makes the checks, and removes what it does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::Check;
use crate::transport::{Call, HashistackError, Transport};

/// What is registered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceRegistration {
    /// Unique on the node. What the agent has under it is replaced, with its checks.
    #[serde(rename = "ID")]
    pub id: String,
    /// The name of the service.
    pub name: String,
    /// The address; that of the node where it is empty.
    pub address: String,
    /// The port.
    pub port: u16,
    /// Tags.
    pub tags: Vec<String>,
    /// Metadata.
    pub meta: BTreeMap<String, String>,
    /// Checks; all those that the service has.
    pub checks: Vec<Check>,
}

/// A service as the agent has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentService {
    /// Unique on the node.
    #[serde(rename = "ID")]
    pub id: String,
    /// The name of the service.
    #[serde(rename = "Service")]
    pub name: String,
    /// The address; empty where it is that of the node.
    #[serde(default)]
    pub address: String,
    /// The port.
    pub port: u16,
    /// Tags.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// Metadata.
    #[serde(default, deserialize_with = "or_default")]
    pub meta: BTreeMap<String, String>,
}

/// Go writes an empty list as `null`.
pub(super) fn or_default<'de, D, T>(reader: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(reader)?.unwrap_or_default())
}

/// The services of the agent that the client talks to.
#[derive(Debug, Clone, Copy)]
pub struct AgentServices<'c> {
    transport: &'c Transport,
}

impl<'c> AgentServices<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Registers a service, in place of what the agent has under its id. To do it again changes nothing.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn register(&self, service: &ServiceRegistration) -> Result<(), HashistackError> {
        let call =
            Call::put("/v1/agent/service/register").query("replace-existing-checks", "true").json(service)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// Takes a service out of the agent and of the catalog.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 404 where the agent does not have it.
    pub async fn deregister(&self, id: &str) -> Result<(), HashistackError> {
        let call = Call::put("/v1/agent/service/deregister").segment(id)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// Puts a service into maintenance, in which it counts as critical, or ends it. The reason is for people.
    ///
    /// # Errors
    /// As [`Self::deregister`].
    pub async fn maintenance(&self, id: &str, enable: bool, reason: &str) -> Result<(), HashistackError> {
        let call = Call::put("/v1/agent/service/maintenance")
            .segment(id)?
            .query("enable", if enable { "true" } else { "false" })
            .query("reason", reason.to_owned());
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// One service; nothing where the agent does not have it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn get(&self, id: &str) -> Result<Option<AgentService>, HashistackError> {
        let call = Call::get("/v1/agent/service").segment(id)?.accepting(&[404]);
        let answer = self.transport.send(&call).await?;
        if answer.head.status == 404 { Ok(None) } else { answer.json().map(Some) }
    }

    /// All services that the token may see, in the order of their ids.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn list(&self) -> Result<Vec<AgentService>, HashistackError> {
        let answer = self.transport.send(&Call::get("/v1/agent/services")).await?;
        let services: BTreeMap<String, AgentService> = answer.json()?;
        Ok(services.into_values().collect())
    }

    /// What the agent says of itself: its settings, its node, its datacenter. Needs `agent = "read"`.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn agent(&self) -> Result<Value, HashistackError> {
        self.transport.send(&Call::get("/v1/agent/self")).await?.json()
    }
}
