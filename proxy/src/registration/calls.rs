//! The calls of the local agent's API that a registration makes, in the terms of this module.

use nova_hashistack::consul::{Check as AgentCheck, CheckStatus, ServiceRegistration};
use nova_hashistack::{ConsulClient, HashistackError};
use nova_telemetry::error_chain;

use super::Check;
use super::judge::Service;

/// The local agent.
pub(super) struct Calls {
    client: ConsulClient,
}

/// A failure as the receipt and the log tell it.
fn told(error: HashistackError) -> String {
    error_chain(&error)
}

impl Calls {
    pub(super) fn new(client: ConsulClient) -> Self {
        Self { client }
    }

    /// All services of the agent that the token may see.
    pub(super) async fn services(&self) -> Result<Vec<Service>, String> {
        let services = self.client.agent_service().list().await.map_err(told)?;
        let known = services.into_iter().map(|service| Service {
            id: service.id,
            name: service.name,
            address: service.address,
            port: service.port,
            tags: service.tags,
            meta: service.meta,
        });
        Ok(known.collect())
    }

    /// Registers the service with its check, in place of what the agent has under its id.
    pub(super) async fn register(
        &self,
        service: &Service,
        check: &Check,
        is_ready: bool,
    ) -> Result<(), String> {
        // Certificates of the listeners are made for the names that callers use; the agent asks by address, and only whether it is ready.
        let check = AgentCheck::http(check.url.clone(), check.interval)
            .with_tls_skip_verify()
            .with_status(if is_ready { CheckStatus::Passing } else { CheckStatus::Critical })
            .with_deregister_after(check.deregister_after);
        let registration = ServiceRegistration {
            id: service.id.clone(),
            name: service.name.clone(),
            address: service.address.clone(),
            port: service.port,
            tags: service.tags.clone(),
            meta: service.meta.clone(),
            checks: vec![check],
        };
        self.client.agent_service().register(&registration).await.map_err(told)
    }

    /// Marks the service as one that takes no calls.
    pub(super) async fn maintenance(&self, id: &str, reason: &str) -> Result<(), String> {
        self.ignoring_absence(self.client.agent_service().maintenance(id, true, reason).await)
    }

    /// Removes the service.
    pub(super) async fn deregister(&self, id: &str) -> Result<(), String> {
        self.ignoring_absence(self.client.agent_service().deregister(id).await)
    }

    /// A service that is not there is as good as one that was removed.
    fn ignoring_absence(&self, answer: Result<(), HashistackError>) -> Result<(), String> {
        match answer {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map_err(told),
        }
    }
}
