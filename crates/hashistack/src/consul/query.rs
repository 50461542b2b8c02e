//! Prepared queries: a service by a name of its own, with other datacenters where the nearest has none.

use serde::{Deserialize, Serialize};

use super::agent_service::or_default;
use super::health::{Listed, ServiceInstance};
use super::indexed::Consistency;
use crate::transport::{Call, HashistackError, Transport};

/// A prepared query. What it leaves out is Consul's to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PreparedQuery {
    /// The name under which it is executed, also by DNS (`<name>.query.consul`).
    pub name: String,
    /// What it finds.
    pub service: QueriedService,
}

/// What a prepared query finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueriedService {
    /// The service.
    pub service: String,
    /// Leave out what does not pass all checks; without it, what is critical alone.
    #[serde(default)]
    pub only_passing: bool,
    /// Tags that instances must have; those with `!` before them they must not have.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// Where to look when nothing is found here.
    #[serde(default)]
    pub failover: QueryFailover,
}

/// Where a prepared query looks when nothing is found in its own datacenter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryFailover {
    /// This many of the nearest datacenters, first.
    #[serde(default)]
    pub nearest_n: u32,
    /// Then these, in order.
    #[serde(default, deserialize_with = "or_default")]
    pub datacenters: Vec<String>,
}

/// A query as Consul has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NamedQuery {
    /// Its id, by which it is replaced and removed.
    #[serde(rename = "ID")]
    pub id: String,
    /// What it is.
    #[serde(flatten)]
    pub query: PreparedQuery,
}

#[derive(Debug, Deserialize)]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Executed {
    #[serde(deserialize_with = "or_default")]
    nodes: Vec<Listed>,
    datacenter: String,
    failovers: u32,
}

/// What an execution has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryResult {
    /// The instances.
    pub instances: Vec<ServiceInstance>,
    /// The datacenter that they are in.
    pub datacenter: String,
    /// How many datacenters were asked before it.
    pub failovers: u32,
}

/// The prepared queries of a client.
#[derive(Debug, Clone, Copy)]
pub struct PreparedQueries<'c> {
    transport: &'c Transport,
}

impl<'c> PreparedQueries<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Makes a query, and returns its id.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 500 where the name is taken.
    pub async fn create(&self, query: &PreparedQuery) -> Result<String, HashistackError> {
        let created: Created = self.transport.send(&Call::post("/v1/query").json(query)?).await?.json()?;
        Ok(created.id)
    }

    /// Replaces a query.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn update(&self, id: &str, query: &PreparedQuery) -> Result<(), HashistackError> {
        let call = Call::put("/v1/query").segment(id)?.json(query)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// Removes a query.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn delete(&self, id: &str) -> Result<(), HashistackError> {
        let call = Call::delete("/v1/query").segment(id)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// The query of a name; nothing where there is none that the token may see.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn named(
        &self,
        name: &str,
        consistency: Consistency,
    ) -> Result<Option<NamedQuery>, HashistackError> {
        let answer = self.transport.send(&consistency.of(Call::get("/v1/query"))).await?;
        let queries: Vec<NamedQuery> = answer.json()?;
        Ok(queries.into_iter().find(|found| found.query.name == name))
    }

    /// Executes a query by its name or id.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 404 where there is no such query.
    pub async fn execute(&self, name: &str) -> Result<QueryResult, HashistackError> {
        let call = Call::get("/v1/query").segment(name)?.segment("execute")?;
        let Executed { nodes, datacenter, failovers } = self.transport.send(&call).await?.json()?;
        let instances = nodes.into_iter().map(ServiceInstance::from).collect();
        Ok(QueryResult { instances, datacenter, failovers })
    }
}
