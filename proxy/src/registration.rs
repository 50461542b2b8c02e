//! This instance in Consul's catalog: registered with the local agent, asserted again and again, taken out by a drain.
//!
//! Whether it is registered touches no request. Callers look elsewhere from the moment of a stop request, and the entry is gone when the
//! drain has ended; neither waits for a Consul that does not answer.

mod calls;
mod judge;
mod place;

use std::collections::BTreeMap;
use std::time::Duration;

use nova_config::ServiceConfig;
use nova_hashistack::ConsulClient;
use nova_lifecycle::{Readiness, Shutdown};
use nova_telemetry::keys;
use slog::{Logger, o};

use crate::events;
use crate::receipt::{ReceiptStore, RegistrationState};
use crate::services::SharedServices;
use calls::Calls;
use judge::{Service, Verdict};
pub(crate) use place::Place;

/// How often the registration is asserted: an agent that was replaced has forgotten it.
const ASSERT_EVERY: Duration = Duration::from_secs(30);

/// How soon it is tried again after a failure.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How long a call may take.
const CALL: Duration = Duration::from_secs(5);

/// How long a call may take while the process stops, whose background tasks have two seconds.
const LAST_CALL: Duration = Duration::from_millis(1500);

/// How long the first registration waits for the instance to be ready, so that it can be listed as such at once.
const READY_WAIT: Duration = Duration::from_secs(5);

/// Why callers are to look elsewhere, for whoever looks at the catalog.
const DRAINS: &str = "nova-proxy drains";

/// The registration of this instance.
pub(crate) struct Registration {
    calls: Calls,
    wanted: Service,
    check: Check,
    readiness: Readiness,
    receipts: ReceiptStore,
    log: Logger,
}

/// How the agent finds out whether the instance is ready.
#[derive(Clone, Debug)]
struct Check {
    url: String,
    interval: Duration,
    deregister_after: Duration,
}

impl Registration {
    /// The registration of the instance that serves at `place`.
    pub(crate) fn new(
        client: ConsulClient,
        config: &ServiceConfig,
        place: Place,
        services: &SharedServices,
        log: &Logger,
    ) -> Self {
        let identity = services.receipts.current().identity;
        let mut meta = BTreeMap::from([
            ("version".to_owned(), identity.version.to_owned()),
            ("region".to_owned(), identity.region.clone()),
            ("instance".to_owned(), identity.instance.clone()),
            ("ring".to_owned(), identity.ring.clone()),
        ]);
        if let Some((port, scheme)) = place.metrics() {
            meta.insert("metrics_port".to_owned(), port.to_string());
            meta.insert("metrics_scheme".to_owned(), scheme.to_owned());
        }
        let wanted = Service {
            id: identity.instance.clone(),
            name: identity.service.clone(),
            address: place.service_address(config.address.as_deref()),
            port: place.api.port(),
            tags: config.tags.clone(),
            meta,
        };
        let check = Check {
            url: place.check_url(config.address.as_deref()),
            interval: config.check_interval,
            deregister_after: config.deregister_critical_after,
        };
        Self {
            calls: Calls::new(client),
            wanted,
            check,
            readiness: services.readiness.clone(),
            receipts: services.receipts.clone(),
            log: log.new(o!(keys::COMPONENT => "registration")),
        }
    }

    /// Registers, asserts, and takes out at the end.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = self.assert_always() => {}
            () = shutdown.requested() => {}
        }
        // What a call under way has done is not known: the agent ignores both calls for a service that it does not have.
        tokio::select! {
            () = self.maintenance() => shutdown.stopped().await,
            () = shutdown.stopped() => {}
        }
        self.deregister().await;
    }

    async fn assert_always(&self) {
        // Not ready in time, it is registered as not ready; the agent's check finds out when that changes.
        drop(tokio::time::timeout(READY_WAIT, self.readiness.wait_ready()).await);
        let mut has_registered = false;
        loop {
            let (state, reason) = self.assert(has_registered).await;
            has_registered |= state == RegistrationState::Registered;
            let pause = if state == RegistrationState::Failed { TRY_AGAIN_AFTER } else { ASSERT_EVERY };
            self.tell(state, reason);
            tokio::time::sleep(pause).await;
        }
    }

    /// Makes the agent's view what it should be, once.
    ///
    /// What an earlier process has left under this id is registered anew, also where it looks the same: it may be in the maintenance
    /// that its end began, or have another check.
    async fn assert(&self, has_registered: bool) -> (RegistrationState, Option<String>) {
        let asserted = async {
            match judge::judge(&self.wanted, &self.calls.services().await?) {
                Verdict::Leave if has_registered => Ok((RegistrationState::Registered, None)),
                Verdict::Leave | Verdict::Register => {
                    self.calls.register(&self.wanted, &self.check, self.readiness.is_ready()).await?;
                    Ok((RegistrationState::Registered, None))
                }
                Verdict::ByAnother { id, ours_is_there } => {
                    if ours_is_there {
                        self.calls.deregister(&self.wanted.id).await?;
                    }
                    let reason = format!(
                        "the service {id} of the local agent stands for this instance: it is left as it is, and none is registered beside it; if it is left over from a process that was killed, remove it (consul services deregister -id={id})"
                    );
                    Ok((RegistrationState::ByAnother, Some(reason)))
                }
            }
        };
        match tokio::time::timeout(CALL, asserted).await {
            Ok(Ok(state)) => state,
            Ok(Err(error)) => (RegistrationState::Failed, Some(error)),
            Err(_) => {
                let reason = format!("the local agent gave no answer within {} s", CALL.as_secs());
                (RegistrationState::Failed, Some(reason))
            }
        }
    }

    /// Tells callers to look elsewhere, if the agent can be told.
    async fn maintenance(&self) {
        if self.is_ours() {
            let told = self.calls.maintenance(&self.wanted.id, DRAINS);
            self.last(RegistrationState::Maintenance, told).await;
        }
    }

    async fn deregister(&self) {
        if self.is_ours() {
            let gone = self.calls.deregister(&self.wanted.id);
            self.last(RegistrationState::Deregistered, gone).await;
        }
    }

    /// Whether the agent may have a service of ours.
    fn is_ours(&self) -> bool {
        self.receipts.current().consul.registration != RegistrationState::ByAnother
    }

    async fn last(&self, state: RegistrationState, call: impl Future<Output = Result<(), String>>) {
        match tokio::time::timeout(LAST_CALL, call).await {
            Ok(Ok(())) => self.tell(state, None),
            Ok(Err(error)) => self.tell(RegistrationState::Failed, Some(error)),
            Err(_) => {
                let reason = "the local agent gave no answer in time; it removes the service when its check has failed long enough";
                self.tell(RegistrationState::Failed, Some(reason.to_owned()));
            }
        }
    }

    fn tell(&self, state: RegistrationState, reason: Option<String>) {
        let before = self.receipts.current().consul;
        if (before.registration, &before.registration_error) != (state, &reason) {
            events::registration_state(&self.log, &self.wanted.id, state, reason.as_deref());
        }
        self.receipts.change(|receipt| {
            receipt.consul.registration = state;
            receipt.consul.registration_error = reason;
        });
    }
}
