//! Reads the configuration, the keys and the certificate again: on SIGHUP, and when a file has changed.
//!
//! A new configuration is judged whole and swapped in one piece; one that cannot be put into force changes nothing, and the log says why. Fields
//! that are fixed at the start keep their values and are named.

mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nova_config::{
    AuthConfig, BootstrapConfig, Faults, Loaded, LogLevel, ProcessEnvironment, bootstrap_changes, load,
};
use nova_lifecycle::Shutdown;
use nova_telemetry::log::LevelControl;
use nova_telemetry::{error_chain, keys};
use slog::{Logger, error, info, o, warn};
use tokio::sync::Notify;

use crate::app::{Surroundings, concurrency, snapshot};
use crate::auth::Authenticator;
use crate::events;
use crate::server::ServerTls;
use crate::services::SharedServices;
use crate::snapshot::SnapshotError;
use crate::upstream::CachedCredentials;
pub use watch::FileWatch;

/// How often files are looked at. A look costs one `stat` a file, works on every file system, and sees what a symbolic link now leads to.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Faults(#[from] Faults),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// The files that are looked at.
#[derive(Clone)]
pub(crate) struct Watches {
    config: FileWatch,
    keys: FileWatch,
    certificate: FileWatch,
}

impl Watches {
    /// Looks at the keys and the certificate that a configuration names, before they are read. `config` has looked already.
    pub(crate) fn before_reading(config: FileWatch, bootstrap: &BootstrapConfig) -> Self {
        let keys = match &bootstrap.auth {
            AuthConfig::Keys { keys_file, .. } => vec![keys_file.clone()],
            AuthConfig::None => Vec::new(),
        };
        let tls = bootstrap.tls.iter();
        let certificate =
            tls.flat_map(|tls| [&tls.cert_file, &tls.key_file].into_iter().chain(&tls.client_ca_file));
        Self {
            config,
            keys: FileWatch::new(keys),
            certificate: FileWatch::new(certificate.cloned().collect()),
        }
    }
}

/// Puts new configurations and keys into force.
pub(crate) struct Reloader {
    services: SharedServices,
    credentials: Arc<CachedCredentials>,
    config_files: Vec<PathBuf>,
    log_level: LevelControl,
    tls: Option<Arc<ServerTls>>,
    log: Logger,
}

impl Reloader {
    pub(crate) fn new(
        services: SharedServices,
        credentials: Arc<CachedCredentials>,
        surroundings: &Surroundings,
        tls: Option<Arc<ServerTls>>,
    ) -> Self {
        Self {
            services,
            credentials,
            config_files: surroundings.config_watch.files().to_vec(),
            log_level: surroundings.log_level.clone(),
            tls,
            log: surroundings.log.new(o!(keys::COMPONENT => "reload")),
        }
    }

    /// Reloads until the process stops. Files are read on threads of their own: a file system that hangs must not hold a worker.
    pub(crate) async fn run(self, watches: Watches, requested: Arc<Notify>, shutdown: Shutdown) {
        let (reloader, mut watches) = (Arc::new(self), watches);
        loop {
            let by_signal = tokio::select! {
                () = requested.notified() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
                () = shutdown.stopped() => return,
            };
            let look = Arc::clone(&reloader);
            let looked = tokio::task::spawn_blocking(move || {
                look.reload_what_has_changed(&mut watches, by_signal);
                watches
            });
            match looked.await {
                Ok(back) => watches = back,
                // The watches went with the panic; the supervisor of tasks tells of the end of this one.
                Err(panic) => {
                    error!(reloader.log, "reloading failed and will not be tried again"; keys::ERROR => %panic);
                    return;
                }
            }
        }
    }

    fn reload_what_has_changed(&self, watches: &mut Watches, by_signal: bool) {
        if (watches.config.has_changed() || by_signal) && !self.config_files.is_empty() {
            self.reload_config();
        }
        if watches.keys.has_changed() || by_signal {
            self.reload_keys();
        }
        if watches.certificate.has_changed() || by_signal {
            self.reload_certificate();
        }
    }

    fn reload_config(&self) {
        let before = self.services.snapshots.current();
        match self.try_reload() {
            Ok(()) => {
                let now = self.services.snapshots.current();
                events::config_in_force(&now.config_hash, Some(&before.config_hash));
                events::config_applied(&self.log, &now.config_hash, now.models.count());
            }
            Err(error) => events::config_refused(&self.log, &error_chain(&error), &before.config_hash),
        }
    }

    /// All that can fail comes before anything is changed.
    fn try_reload(&self) -> Result<(), ReloadError> {
        let before = self.services.snapshots.current();
        let loaded = load(&self.config_files, &ProcessEnvironment)?;
        let (loaded, waiting) = self.keep_bootstrap(&before.loaded, loaded);
        let next =
            snapshot(loaded, &self.credentials, Some(&before), &self.log)?.waiting_for_restart(waiting);
        let runtime = &next.loaded.config.runtime;
        self.services.admission.concurrency().set_limits(concurrency(&runtime.limits));
        self.log_level.set(level(runtime.log_level));
        let gone = self.services.breakers.retain(|key| next.models.calls(key));
        self.services.snapshots.replace(next);
        events::breakers_gone(&gone);
        Ok(())
    }

    /// What is fixed at the start stays as it was; the operator is told what waits for a restart.
    fn keep_bootstrap(&self, before: &Loaded, loaded: Loaded) -> (Loaded, Vec<String>) {
        let waiting = bootstrap_changes(before, &loaded);
        if !waiting.is_empty() {
            warn!(self.log, "these fields change at the next start only"; "fields" => waiting.join(", "));
        }
        (loaded.with_bootstrap_of(before), waiting)
    }

    fn reload_certificate(&self) {
        let Some(tls) = &self.tls else { return };
        match tls.reload() {
            Ok(not_after) => events::certificate_in_force(&self.log, not_after, true),
            Err(error) => events::certificate_refused(&self.log, &error),
        }
    }

    fn reload_keys(&self) {
        let Authenticator::KeysFile(keys) = &self.services.authenticator else { return };
        match keys.reload() {
            Ok(count) => info!(self.log, "API keys applied"; keys::COUNT => count),
            Err(error) => {
                error!(self.log, "API keys refused, the last good ones stay in force"; keys::ERROR => error_chain(&error));
            }
        }
    }
}

/// The log's level in slog's terms.
pub(crate) fn level(level: LogLevel) -> slog::Level {
    match level {
        LogLevel::Error => slog::Level::Error,
        LogLevel::Warn => slog::Level::Warning,
        LogLevel::Info => slog::Level::Info,
        LogLevel::Debug => slog::Level::Debug,
    }
}
