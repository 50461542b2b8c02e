//! What goes on beside the requests: AWS credentials and the login at Vault are kept fresh, and metrics and connections are tidied up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nova_config::{AuthConfig, CertificateConfig, PepperConfig};
use nova_hashistack::VaultClient;
use nova_lifecycle::{ConditionHandle, Shutdown, Tasks};
use nova_telemetry::metrics::{MetricsHandle, UPKEEP_EVERY};
use nova_telemetry::{error_chain, keys};
use slog::{Logger, o, warn};

use crate::auth::{Authenticator, Pepper};
use crate::events;
use crate::secrets::{self, SecretError};
use crate::server::ServerTls;
use crate::services::SharedServices;
use crate::upstream::CachedCredentials;
use crate::vault::{CertificateRenewal, Vault};

/// How long to wait between attempts to load the first AWS credentials: at first, and at most.
const FIRST_CREDENTIALS_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The same for secrets.
const FIRST_SECRET_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Loads credentials before the first request needs them, and keeps them fresh. Until there are some, another instance may do better, so
/// that this one is not ready; once there were some it stays so, and the log tells of failed renewals.
pub(super) async fn keep_credentials(
    credentials: Arc<CachedCredentials>,
    ready: ConditionHandle,
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
        () = shutdown.stopped() => {}
    }
}

/// Reads the declared secrets, and keeps what Vault gives fresh.
pub(super) fn keep_secrets(
    vault: Option<Vault>,
    tls: Option<&Arc<ServerTls>>,
    (tasks, services, log): (&Tasks, &SharedServices, &Logger),
) -> io::Result<()> {
    let client = vault.as_ref().map(Vault::client);
    read_pepper(client, (tasks, services, log)).map_err(io::Error::other)?;
    keep_vault(vault, tls, (tasks, services, log));
    Ok(())
}

/// Keeps the login at Vault alive, where there is one, and the listeners in certificates, where Vault signs them.
fn keep_vault(
    vault: Option<Vault>,
    tls: Option<&Arc<ServerTls>>,
    (tasks, services, log): (&Tasks, &SharedServices, &Logger),
) {
    let Some(vault) = vault else { return };
    let log = log.new(o!(keys::COMPONENT => "vault"));
    let tls_config = services.snapshots.current().loaded.config.bootstrap.tls.clone();
    if let (Some(CertificateConfig::Vault(config)), Some(tls)) = (tls_config.map(|tls| tls.certificate), tls)
    {
        let ready = services.readiness.declare("certificate", "Vault has not signed it yet");
        let client = vault.client().clone();
        let renewal = CertificateRenewal::new(client, config, Arc::clone(tls), ready, log.clone());
        tasks.spawn("certificate", renewal.keep(tasks.shutdown().clone()));
    }
    tasks.spawn("vault", vault.keep(tasks.shutdown().clone(), log));
}

/// Reads the secret that keys are hashed with, where one is declared, and again until it is good: until then no key can be checked, and
/// another instance may do better.
fn read_pepper(
    vault: Option<&VaultClient>,
    (tasks, services, log): (&Tasks, &SharedServices, &Logger),
) -> Result<(), SecretError> {
    let auth = &services.snapshots.current().loaded.config.bootstrap.auth;
    let AuthConfig::Keys { pepper: PepperConfig::Secret(declared), .. } = auth else { return Ok(()) };
    let Authenticator::KeysFile(keys_file) = &services.authenticator else { return Ok(()) };
    let (source, keys_file) = (secrets::source(declared, vault)?, Arc::clone(keys_file));
    let ready = services.readiness.declare("pepper", "not read yet");
    let (shutdown, log) = (tasks.shutdown().clone(), log.new(o!(keys::COMPONENT => "secrets")));
    let name = declared.name.clone();
    let read = async move {
        let (mut pause, mut said) = (FIRST_SECRET_PAUSE.0, String::new());
        loop {
            let pepper = source.read().await.map_err(|error| error_chain(&error));
            match pepper.and_then(|secret| Pepper::new(&secret).map_err(|error| error_chain(&error))) {
                Ok(pepper) => {
                    keys_file.give_pepper(pepper);
                    ready.hold("read");
                    return events::secret_read(&log, &name, &source.describe());
                }
                Err(reason) => {
                    if said != reason {
                        events::secret_not_read(&log, &name, &reason);
                        ready.fail(reason.clone());
                        said = reason;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(FIRST_SECRET_PAUSE.1);
                }
            }
        }
    };
    tasks.spawn("pepper", async move {
        tokio::select! {
            // There is nothing left to do, and a task that ends before the process does would be told as failed.
            () = read => shutdown.stopped().await,
            () = shutdown.stopped() => {}
        }
    });
    Ok(())
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
