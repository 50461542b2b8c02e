//! What goes on beside the requests: AWS credentials and the login at Vault are kept fresh, and metrics and connections are tidied up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use nova_config::CertificateConfig;
use nova_lifecycle::{ConditionHandle, Shutdown, Tasks};
use nova_telemetry::metrics::{MetricsHandle, UPKEEP_EVERY};
use nova_telemetry::{error_chain, keys};
use slog::{Logger, o, warn};

use crate::events;
use crate::receipt::{ReceiptStore, SecretPlace};
use crate::server::ServerTls;
use crate::services::SharedServices;
use crate::upstream::{CachedCredentials, CredentialStanding};
use crate::vault::{CertificateHolder, CertificateRenewal, CertificateTold};

use super::SecretPlaces;
use super::build::CREDENTIALS;
use super::pepper;

/// How long to wait between attempts to load the first AWS credentials: at first, and at most.
const FIRST_CREDENTIALS_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Loads credentials before the first request needs them, and keeps them fresh. Until there are some, another instance may do better, so
/// that this one is not ready; once there were some it stays so, and the log tells of failed renewals.
pub(super) fn keep_credentials(
    credentials: &Arc<CachedCredentials>,
    place: SecretPlace,
    (tasks, services, log): (&Tasks, &SharedServices, &Logger),
) {
    let ready = services.readiness.declare("credentials", "not loaded yet");
    let told = (ready, services.receipts.clone());
    let keeping =
        credentials_for_ever(Arc::clone(credentials), place, told, tasks.shutdown().clone(), log.clone());
    tasks.spawn("credentials", keeping);
}

async fn credentials_for_ever(
    credentials: Arc<CachedCredentials>,
    place: SecretPlace,
    (ready, receipts): (ConditionHandle, ReceiptStore),
    shutdown: Shutdown,
    log: Logger,
) {
    if credentials.bearer_key().is_some() {
        ready.hold("an API key of Bedrock");
        return shutdown.stopped().await;
    }
    let keep = async {
        let mut pause = FIRST_CREDENTIALS_PAUSE.0;
        while let Err(error) = credentials.get().await {
            let error = error_chain(&*error);
            warn!(log, "no AWS credentials yet; requests fail until there are some"; keys::ERROR => &error, "retry_in_s" => pause.as_secs());
            ready.fail(error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(FIRST_CREDENTIALS_PAUSE.1);
        }
        ready.hold("loaded");
        credentials.keep_fresh().await;
    };
    tokio::select! {
        () = keep => {}
        () = tell_of_credentials(&credentials, place, &receipts) => {}
        () = shutdown.stopped() => {}
    }
}

/// Tells in the receipt how old the credentials are, and why there are no newer ones, for ever.
async fn tell_of_credentials(credentials: &CachedCredentials, place: SecretPlace, receipts: &ReceiptStore) {
    let timestamp = |at: SystemTime| Timestamp::try_from(at).ok();
    let mut standing = credentials.standing();
    loop {
        let CredentialStanding { loaded, fault } = standing.borrow_and_update().clone();
        let read_at = loaded.and_then(|(loaded, _)| timestamp(loaded));
        let ends_at = loaded.and_then(|(_, ends)| timestamp(ends?));
        if let Some(read_at) = read_at {
            events::secret_times(CREDENTIALS, read_at, ends_at);
        }
        let error = fault.map(|fault| error_chain(&*fault));
        receipts.change(|receipt| {
            receipt.secret(CREDENTIALS, place, |secret| {
                (secret.read_at, secret.ends_at, secret.error) = (read_at, ends_at, error);
            });
        });
        if standing.changed().await.is_err() {
            // The cache is gone, and with it whoever would have to be told.
            return std::future::pending().await;
        }
    }
}

/// Reads the declared secrets, and keeps what Vault gives fresh.
pub(super) fn keep_secrets(
    places: SecretPlaces,
    tls: Option<&Arc<ServerTls>>,
    (tasks, services, log): (&Tasks, &SharedServices, &Logger),
) -> io::Result<()> {
    pepper::read(&places, (tasks, services, log)).map_err(io::Error::other)?;
    keep_vault(places, tls, (tasks, services, log));
    Ok(())
}

/// Keeps the login at Vault alive, where there is one, and the listeners in certificates, where Vault signs them.
fn keep_vault(
    SecretPlaces { vault, sealed, consul_certificate, .. }: SecretPlaces,
    tls: Option<&Arc<ServerTls>>,
    (tasks, services, log): (&Tasks, &SharedServices, &Logger),
) {
    let Some(vault) = vault else { return };
    let log = log.new(o!(keys::COMPONENT => "vault"));
    let tls_config = services.snapshots.current().loaded.config.bootstrap.tls.clone();
    if let (Some(CertificateConfig::Vault(config)), Some(tls)) = (tls_config.map(|tls| tls.certificate), tls)
    {
        let ready = services.readiness.declare("certificate", "Vault has not signed it yet");
        let holder = CertificateHolder::Listeners(Arc::clone(tls));
        let renewal = CertificateRenewal::new(&vault, config, holder, sealed, log.clone());
        let told = CertificateTold { ready: Some(ready), receipts: services.receipts.clone() };
        tasks.spawn("certificate", renewal.keep(told, tasks.shutdown().clone()));
    }
    if let Some(renewal) = consul_certificate {
        // Without Consul an instance serves on, so that readiness does not hang on it.
        let told = CertificateTold { ready: None, receipts: services.receipts.clone() };
        tasks.spawn("consul_certificate", renewal.keep(told, tasks.shutdown().clone()));
    }
    tasks.spawn("vault", vault.keep(services.receipts.clone(), tasks.shutdown().clone(), log));
}

/// Histograms pile up values until somebody takes them in, and connections that Bedrock has closed stay until somebody looks.
pub(super) async fn upkeep(metrics: MetricsHandle, services: SharedServices, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                metrics.upkeep();
                services.snapshots.current().bedrock.close_unused_connections();
            }
            () = shutdown.stopped() => return,
        }
    }
}
