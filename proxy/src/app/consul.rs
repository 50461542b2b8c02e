//! Starts what goes on with Consul beside the requests: the documents are followed, and the instance is registered.

use std::io;

use nova_config::{BootstrapConfig, Documents};
use nova_lifecycle::Tasks;
use nova_telemetry::keys;
use slog::{Logger, o};
use tokio::sync::watch;

use super::Listeners;
use crate::documents::{Consul, follow};
use crate::registration::{Place, Registration};
use crate::services::SharedServices;

/// Starts both, and gives the channel on which documents come that have come to rest.
///
/// # Errors
/// When a listener has no address of its own.
pub(super) fn start(
    consul: Consul,
    bootstrap: &BootstrapConfig,
    listeners: &Listeners,
    services: &SharedServices,
    (tasks, log): (&Tasks, &Logger),
) -> io::Result<watch::Receiver<Option<Documents>>> {
    let Consul { client, config, following, counters: _ } = consul;
    let (sender, documents) = watch::channel(None);
    let documents_log = log.new(o!(keys::COMPONENT => "documents"));
    let receipts = services.receipts.clone();
    tasks.spawn("documents", follow(following, receipts, sender, documents_log, tasks.shutdown().clone()));
    if config.service.register {
        let metrics = listeners.metrics.as_ref().map(|listener| listener.local_addr()).transpose()?;
        let place = Place {
            api: listeners.api.local_addr()?,
            metrics,
            api_tls: bootstrap.tls.is_some(),
            metrics_tls: bootstrap.tls.as_ref().is_some_and(|tls| tls.metrics),
        };
        let registration = Registration::new(client, &config.service, place, services, log);
        tasks.spawn("registration", registration.run(tasks.shutdown().clone()));
    }
    Ok(documents)
}
