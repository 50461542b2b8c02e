//! The secret that API keys are hashed with, where it is a declared one: read at the start, and again until it is good.
//!
//! Until then no key can be checked, and another instance may do better. It is read once: another pepper fits no key that is hashed
//! already.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nova_config::{AuthConfig, PepperConfig};
use nova_lifecycle::{ConditionHandle, Tasks};
use nova_telemetry::{error_chain, keys};
use secrecy::SecretSlice;
use slog::{Logger, o};

use super::SecretPlaces;
use crate::auth::{Authenticator, KeysFile, Pepper};
use crate::events;
use crate::receipt::{ReceiptStore, SecretPlace, SecretStanding};
use crate::secrets::sealed::KeptSecret;
use crate::secrets::{self, SecretCache, SecretError, SecretSource};
use crate::services::SharedServices;

/// How long to wait between attempts: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Begins to read it, where one is declared.
pub(super) fn read(
    places: &SecretPlaces,
    (tasks, services, log): (&Tasks, &SharedServices, &Logger),
) -> Result<(), SecretError> {
    let auth = &services.snapshots.current().loaded.config.bootstrap.auth;
    let AuthConfig::Keys { pepper: PepperConfig::Secret(declared), .. } = auth else { return Ok(()) };
    let Authenticator::KeysFile(keys_file) = &services.authenticator else { return Ok(()) };
    let source = secrets::source(declared, places.vault_client(), &places.aws)?;
    let log = log.new(o!(keys::COMPONENT => "secrets"));
    let origin = format!("{} {}", places.vault_server(), source.describe());
    let reading = Reading {
        cache: SecretCache::new(places.sealed.clone(), &declared.name, origin, log.clone()),
        source,
        name: declared.name.clone(),
        place: secrets::place(declared),
        keys_file: Arc::clone(keys_file),
        ready: services.readiness.declare("pepper", "not read yet"),
        receipts: services.receipts.clone(),
        log,
    };
    let shutdown = tasks.shutdown().clone();
    tasks.spawn("pepper", async move {
        tokio::select! {
            // There is nothing left to do then, and a task that ends before the process does would be told as failed.
            () = reading.until_good() => shutdown.stopped().await,
            () = shutdown.stopped() => {}
        }
    });
    Ok(())
}

struct Reading {
    source: Arc<dyn SecretSource>,
    cache: SecretCache,
    name: String,
    place: SecretPlace,
    keys_file: Arc<KeysFile>,
    ready: ConditionHandle,
    receipts: ReceiptStore,
    log: Logger,
}

impl Reading {
    async fn until_good(&self) {
        let (mut pause, mut said, mut is_kept_in_use) = (PAUSE.0, String::new(), false);
        self.tell(|_nothing_yet| {});
        loop {
            let reason = match self.attempt().await {
                Ok(()) => return,
                Err(reason) => reason,
            };
            if said != reason {
                events::secret_not_read(&self.log, &self.name, &reason);
                self.tell(|secret| secret.error = Some(reason.clone()));
                is_kept_in_use = is_kept_in_use || self.take_kept().await;
                if !is_kept_in_use {
                    self.ready.fail(reason.clone());
                }
                said = reason;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn attempt(&self) -> Result<(), String> {
        let secret = self.source.read().await.map_err(|error| error_chain(&error))?;
        self.give(&secret)?;
        let read_at = Timestamp::now();
        self.ready.hold("read");
        events::secret_read(&self.log, &self.name, &self.source.describe());
        events::secret_times(&self.name, read_at, None);
        self.tell(|told| (told.read_at, told.error) = (Some(read_at), None));
        self.cache.keep(KeptSecret { value: secret, read_at, ends_at: None }).await;
        Ok(())
    }

    fn give(&self, secret: &SecretSlice<u8>) -> Result<(), String> {
        self.keys_file.give_pepper(Pepper::new(secret).map_err(|error| error_chain(&error))?);
        Ok(())
    }

    /// Uses the last known one, where there is one. The true one is asked for on and on.
    async fn take_kept(&self) -> bool {
        let Some(kept) = self.cache.find().await else { return false };
        if let Err(reason) = self.give(&kept.value) {
            self.cache.is_unusable(&reason);
            return false;
        }
        self.ready.hold("the last known one");
        events::secret_times(&self.name, kept.read_at, None);
        self.tell(|told| told.read_at = Some(kept.read_at));
        true
    }

    fn tell(&self, change: impl FnOnce(&mut SecretStanding)) {
        self.receipts.change(|receipt| receipt.secret(&self.name, self.place, change));
    }
}
