//! Starts what goes on with Consul beside the requests: the documents are followed, and the instance is registered. At the end the
//! process logs out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nova_config::{BootstrapConfig, Documents};
use nova_hashistack::consul::ConsulLogin;
use nova_lifecycle::Tasks;
use nova_telemetry::{error_chain, keys};
use slog::{Logger, o};
use tokio::sync::watch;

use super::Listeners;
use crate::documents::{Consul, follow};
use crate::events;
use crate::registration::{Place, Registration};
use crate::services::SharedServices;

/// How long the logout may take: what the last call of the registration leaves of the two seconds that background tasks have.
const LOGOUT: Duration = Duration::from_millis(400);

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
    let Consul { client, login, config, following, counters: _ } = consul;
    let (sender, documents) = watch::channel(None);
    let documents_log = log.new(o!(keys::COMPONENT => "documents"));
    let receipts = services.receipts.clone();
    let following = follow(following, receipts, sender, documents_log.clone(), tasks.shutdown().clone());
    tasks.spawn("documents", following);
    if config.service.register {
        let metrics = listeners.metrics.as_ref().map(|listener| listener.local_addr()).transpose()?;
        let place = Place {
            api: listeners.api.local_addr()?,
            metrics,
            api_tls: bootstrap.tls.is_some(),
            metrics_tls: bootstrap.tls.as_ref().is_some_and(|tls| tls.metrics),
        };
        let registration = Registration::new(client, &config.service, place, services, log);
        let shutdown = tasks.shutdown().clone();
        // What takes the instance out of the catalog needs the token.
        tasks.spawn("registration", async move {
            registration.run(shutdown).await;
            log_out(login, &documents_log).await;
        });
    } else if login.is_some() {
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("login", async move {
            shutdown.stopped().await;
            log_out(login, &documents_log).await;
        });
    }
    Ok(documents)
}

/// Deletes the token of the login: a token without an end would stay in Consul for ever.
async fn log_out(login: Option<Arc<ConsulLogin>>, log: &Logger) {
    let Some(login) = login else { return };
    match tokio::time::timeout(LOGOUT, login.logout()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => events::token_left(log, &error_chain(&error)),
        Err(_) => events::token_left(log, "Consul gave no answer in time"),
    }
}
