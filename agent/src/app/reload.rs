//! A reload: the files are read again and judged whole. What may change does, what may not is named until the restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use nova_config::{LogLevel, ProcessEnvironment, RawBlock};
use nova_lifecycle::Shutdown;
use nova_telemetry::error_chain;
use serde_json::json;
use slog::{Level, Logger, error, info, warn};
use tokio::sync::{Notify, watch};

use super::Surroundings;
use crate::api::server::ApiTls;
use crate::config::{self, AgentConfig, LoadedAgent};
use crate::events::Events;
use crate::metrics as names;

/// The policies of rollouts in the configuration, as text, by the ids of jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies(pub Arc<BTreeMap<String, RawBlock>>);

impl Policies {
    pub(super) fn of(config: &AgentConfig) -> Self {
        Self(Arc::new(config.rollouts.clone()))
    }
}

/// The one owner of what a reload changes.
pub(super) struct Reloader {
    pub(super) loaded: LoadedAgent,
    pub(super) surroundings: Surroundings,
    pub(super) policies: watch::Sender<Policies>,
    pub(super) tls: Option<Arc<ApiTls>>,
    pub(super) events: Events,
    pub(super) log: Logger,
}

impl Reloader {
    /// Reloads each time that somebody asks, until the process has stopped.
    pub(super) async fn run(mut self, asked: Arc<Notify>, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.stopped() => return,
                () = asked.notified() => self.reload(),
            }
        }
    }

    fn reload(&mut self) {
        // Certificates are renewed more often than files are written: they do not wait for each other.
        if let Some(fault) = self.tls.as_ref().and_then(|tls| tls.reload().err()) {
            error!(self.log, "the API's certificate stays what it was: {}", error_chain(&fault));
        }
        if self.surroundings.files.is_empty() {
            return;
        }
        let outcome = match config::load(&self.surroundings.files, &ProcessEnvironment) {
            Ok(new) if new.hash() == self.loaded.hash() => "unchanged",
            Ok(new) => {
                self.apply(new);
                "applied"
            }
            Err(faults) => {
                error!(self.log, "the configuration stays what it was: {faults}");
                self.events.record("reload", json!({ "outcome": "refused", "faults": faults.to_string() }));
                "refused"
            }
        };
        metrics::counter!(names::CONFIG_RELOADS_TOTAL, "outcome" => outcome).increment(1);
        info!(self.log, "reloaded"; "outcome" => outcome);
    }

    fn apply(&mut self, new: LoadedAgent) {
        let waiting = self.loaded.waiting_for_restart(&new);
        if !waiting.is_empty() {
            warn!(self.log, "fields that wait for a restart: {}", waiting.join(", "));
        }
        if let Some(control) = &self.surroundings.log_level {
            control.set(level(new.config.log_level));
        }
        self.policies.send_if_modified(|policies| {
            let of_files = Policies::of(&new.config);
            let is_new = *policies != of_files;
            *policies = of_files;
            is_new
        });
        self.events.record("reload", json!({ "outcome": "applied", "waiting_for_restart": waiting }));
        // What waits for a restart is compared with what is in force, again and again.
        self.loaded = self.loaded.clone().with_runtime_of(new);
    }
}

/// A level of the configuration as the log has it.
pub(crate) fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warning,
        LogLevel::Info => Level::Info,
        LogLevel::Debug => Level::Debug,
    }
}
