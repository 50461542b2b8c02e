//! The one owner of what is in force: puts configurations, keys and certificates into force, on SIGHUP, when a file has changed, and when
//! Consul has other documents.
//!
//! A new configuration is judged whole and swapped in one piece; one that cannot be put into force changes nothing, and log and receipt say
//! why. Fields that are fixed at the start keep their values and are named. What to try is decided in `inputs`, without IO, and whether a
//! candidate stands in for `config` for a while in `trial`.

mod candidate;
mod inputs;
mod judge;
mod keep;
mod trial;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nova_config::{AuthConfig, BootstrapConfig, Documents, LogLevel, TlsConfig, read_layers};
use nova_lifecycle::Shutdown;
use nova_telemetry::log::LevelControl;
use nova_telemetry::{error_chain, keys};
use slog::{Logger, error, info, o};
use tokio::sync::{Notify, watch as channel};
use tokio::time::Instant;

use crate::app::{Surroundings, concurrency};
use crate::auth::Authenticator;
use crate::events;
use crate::receipt::{ConfigSource, Receipt};
use crate::server::ServerTls;
use crate::services::SharedServices;
use crate::snapshot::Snapshot;
use crate::upstream::CachedCredentials;
use inputs::{Content as _, Inputs, Settled};
pub use judge::ReloadError;
pub(crate) use judge::{Files, Sourced, judge, says_the_same};
pub(crate) use keep::Keep;
use trial::Trial;
pub use watch::FileWatch;

/// How often files are looked at. A look costs one `stat` a file, works on every file system, and sees what a symbolic link now leads to.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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
        let certificate = bootstrap.tls.iter().flat_map(TlsConfig::files);
        Self {
            config,
            keys: FileWatch::new(keys),
            certificate: FileWatch::new(certificate.cloned().collect()),
        }
    }
}

/// What the reloader waits for.
pub(crate) struct Triggers {
    /// SIGHUP.
    pub(crate) signal: Arc<Notify>,
    /// Documents of Consul that have come to rest; the last ones count.
    pub(crate) documents: Option<channel::Receiver<Option<Documents>>>,
}

#[derive(Debug)]
enum Event {
    Look,
    Signal,
    Documents(Documents),
}

impl Triggers {
    async fn next(&mut self) -> Event {
        tokio::select! {
            () = self.signal.notified() => Event::Signal,
            documents = next_documents(&mut self.documents) => Event::Documents(documents),
            () = tokio::time::sleep(LOOK_EVERY) => Event::Look,
        }
    }
}

async fn next_documents(channel: &mut Option<channel::Receiver<Option<Documents>>>) -> Documents {
    while let Some(documents) = channel {
        if documents.changed().await.is_err() {
            // Whoever follows Consul has ended; the supervisor of tasks tells of it.
            *channel = None;
        } else if let Some(documents) = documents.borrow_and_update().clone() {
            return documents;
        }
    }
    std::future::pending().await
}

/// What is in force, what waits, and how the files looked.
pub(crate) struct Standing {
    watches: Watches,
    inputs: Inputs<Files, Sourced>,
    keep: Keep,
    trial: Trial,
    /// Why the files cannot be read.
    unreadable: Option<ReloadError>,
}

impl Standing {
    /// What a process begins with: files and documents in force, and documents of Consul that were refused.
    pub(crate) fn new(
        watches: Watches,
        (files, documents): (Files, Sourced),
        refused: Option<Documents>,
        keep: Keep,
    ) -> Self {
        let mut trial = Trial::default();
        let latest = refused.as_ref().or_else(|| documents.documents());
        trial.see(latest.and_then(Documents::candidate), Instant::now());
        let mut inputs = Inputs::new(files, documents);
        if let Some(refused) = refused {
            inputs.see_documents(Sourced(Some((ConfigSource::Consul, refused))));
        }
        Self { watches, inputs, keep, trial, unreadable: None }
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

    /// Reloads until the process stops. Files are read and written on threads of their own: a file system that hangs must not hold a worker.
    pub(crate) async fn run(self, standing: Standing, triggers: Triggers, shutdown: Shutdown) {
        let (reloader, mut standing, mut triggers) = (Arc::new(self), standing, triggers);
        loop {
            let event = tokio::select! {
                event = triggers.next() => event,
                () = shutdown.stopped() => return,
            };
            let at_work = Arc::clone(&reloader);
            let done = tokio::task::spawn_blocking(move || {
                at_work.take(event, &mut standing);
                standing
            });
            match done.await {
                Ok(back) => standing = back,
                // What is known went with the panic; the supervisor of tasks tells of the end of this one.
                Err(panic) => {
                    error!(reloader.log, "reloading failed and will not be tried again"; keys::ERROR => %panic);
                    return;
                }
            }
        }
    }

    fn take(&self, event: Event, standing: &mut Standing) {
        let by_signal = matches!(event, Event::Signal);
        let mut is_new = false;
        if (standing.watches.config.has_changed() || by_signal) && !self.config_files.is_empty() {
            is_new |= self.read_files(standing);
        }
        if let Event::Documents(documents) = event {
            standing.trial.see(documents.candidate(), Instant::now());
            standing.inputs.see_documents(Sourced(Some((ConfigSource::Consul, documents))));
            is_new = true;
        }
        if is_new {
            self.settle(standing, by_signal);
        } else if standing.trial.is_due(&self.wanted(standing)) {
            self.turn(standing);
        }
        if standing.watches.keys.has_changed() || by_signal {
            self.reload_keys();
        }
        if standing.watches.certificate.has_changed() || by_signal {
            self.reload_certificate();
        }
        self.keep(standing);
    }

    /// Reads the files anew; false when they cannot be read, and then nothing has changed.
    fn read_files(&self, standing: &mut Standing) -> bool {
        match read_layers(&self.config_files) {
            Ok(layers) => {
                standing.unreadable = None;
                standing.inputs.see_files(Files(layers));
                true
            }
            Err(faults) => {
                let error = ReloadError::from(Arc::new(faults));
                self.refused(ConfigSource::Files, &error);
                self.services.receipts.change(|receipt| {
                    receipt.config.files_refused = Some(error.of_files(Timestamp::now()));
                });
                standing.unreadable = Some(error);
                self.tell_refusals();
                false
            }
        }
    }

    /// Judges what has come, puts it into force where it holds, and tells what came of it.
    fn settle(&self, standing: &mut Standing, by_signal: bool) {
        let before = self.services.snapshots.current();
        let had_documents = standing.inputs.documents_in_force().clone();
        let settled = standing.inputs.settle(by_signal, |files, documents| {
            judge(files, documents, Some(&before), &self.credentials, &self.log)
        });
        for (source, error) in [
            (ConfigSource::Files, &settled.files_refused),
            (ConfigSource::Consul, &settled.documents_refused),
        ] {
            if let Some(error) = error {
                self.refused(source, error);
            }
        }
        let in_force = standing.inputs.documents_in_force();
        if in_force.source() == ConfigSource::Consul && !in_force.says_the_same_as(&had_documents) {
            standing.keep.want();
        }
        let Settled { next, files_refused, documents_refused } = settled;
        let source = in_force.source();
        let next = self.with_candidate(standing, next, (&before, by_signal));
        let next = next.map(|next| self.put_into_force(next, source));
        self.tell_candidate(standing);
        self.tell(standing, next.as_deref(), files_refused, documents_refused);
    }

    /// Nothing in here can fail: all that can has come before.
    fn put_into_force(&self, next: Snapshot, source: ConfigSource) -> Arc<Snapshot> {
        let before = self.services.snapshots.current();
        let runtime = &next.loaded.config.runtime;
        self.services.admission.concurrency().set_limits(concurrency(&runtime.limits));
        self.log_level.set(level(runtime.log_level));
        let gone = self.services.breakers.retain(|key| next.models.calls(key));
        self.services.snapshots.replace(next);
        events::breakers_gone(&gone);
        let now = self.services.snapshots.current();
        events::config_in_force(&now.config_hash, Some(&before.config_hash));
        events::config_applied(&self.log, &now.config_hash, now.models.count(), source);
        now
    }

    fn refused(&self, source: ConfigSource, error: &ReloadError) {
        let kept = self.services.snapshots.current().config_hash.clone();
        events::config_refused(&self.log, &error_chain(error), &kept, source);
    }

    /// Writes the receipt: what is in force now, and why the rest is not.
    fn tell(
        &self,
        standing: &Standing,
        next: Option<&Snapshot>,
        files_refused: Option<ReloadError>,
        documents_refused: Option<ReloadError>,
    ) {
        let (inputs, now) = (&standing.inputs, Timestamp::now());
        let files_refused = files_refused.or_else(|| standing.unreadable.clone());
        let documents_refused =
            documents_refused.zip(inputs.documents_waiting().and_then(Sourced::documents));
        self.services.receipts.change(|receipt| {
            inputs.documents_in_force().tell(&mut receipt.config);
            if let Some(next) = next {
                tell_in_force(receipt, next, now);
            }
            receipt.config.files_refused = files_refused.map(|error| error.of_files(now));
            receipt.refusal = documents_refused.map(|(error, documents)| error.of_documents(documents, now));
        });
        self.tell_refusals();
    }

    fn tell_refusals(&self) {
        let receipt = self.services.receipts.current();
        let refused = receipt.refusal.is_some() || receipt.config.files_refused.is_some();
        events::config_standing(receipt.config.applied_index, refused);
    }

    /// Keeps the documents in force, if they are not kept yet. What cannot be kept is in force all the same.
    fn keep(&self, standing: &mut Standing) {
        let Some(documents) = standing.inputs.documents_in_force().documents() else { return };
        if !standing.keep.is_due(Instant::now()) {
            return;
        }
        let not_kept = standing.keep.write(documents, Instant::now()).err().map(|error| error_chain(&error));
        let before = self.services.receipts.current().config.not_kept;
        if before != not_kept {
            events::documents_kept(&self.log, not_kept.as_deref());
        }
        self.services.receipts.change(|receipt| receipt.config.not_kept = not_kept);
    }

    fn reload_certificate(&self) {
        let Some(tls) = &self.tls else { return };
        match tls.reload() {
            Ok(Some(not_after)) => events::certificate_in_force(&self.log, not_after, true),
            // The next one that is given comes under the new rules.
            Ok(None) => {}
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

fn tell_in_force(receipt: &mut Receipt, next: &Snapshot, now: Timestamp) {
    receipt.config.hash = Arc::clone(&next.config_hash);
    receipt.config.applied_at = now;
    receipt.config.waiting_for_restart.clone_from(&next.waiting_for_restart);
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
