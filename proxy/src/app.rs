//! The composition root: from a configuration to a running proxy, top to bottom.
//!
//! Listeners and signals come in as parameters, so that a test or another program can run the whole proxy within itself.

mod background;
mod build;
mod consul;
mod first;
mod gauges;
mod instance;
mod listening;
mod pepper;
mod secret_places;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nova_config::{AdminAddress, Loaded};
use nova_lifecycle::{Outcome, Readiness, Shutdown, SignalSource, Tasks, watch_signals};
use nova_telemetry::keys;
use nova_telemetry::log::LevelControl;
use nova_telemetry::metrics::MetricsHandle;
use slog::{Logger, info, o};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::documents;
use crate::reload::{FileWatch, Reloader, Standing, Triggers, Watches};
use crate::routes::{self, RenderMetrics};
use crate::server::{ListenSocket, ServerTls, StopTokens, TrustedHops};
use crate::services::SharedServices;
use crate::upstream::{CachedCredentials, CredentialSource};
use first::FirstVault;
use listening::Listening;
use secret_places::SecretPlaces;

pub(crate) use build::concurrency;
pub use build::{BuildError, Checked, check, snapshot};
pub use first::FirstConfig;
pub use instance::instance;

/// How long background tasks have to end after the drain.
const FINISH_GRACE: Duration = Duration::from_secs(2);

/// The addresses to serve on, bound already.
#[derive(Debug)]
pub struct Listeners {
    /// The OpenAI API.
    pub api: TcpListener,
    /// Metrics and health.
    pub metrics: Option<TcpListener>,
    /// What operators ask and change.
    pub admin: Option<ListenSocket>,
}

impl Listeners {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// When an address cannot be bound; the error names it.
    pub async fn bind(loaded: &Loaded) -> Result<Self, BuildError> {
        let bind = |address: SocketAddr| {
            ListenSocket::bind_tcp(address).map_err(|source| BuildError::Bind { address, source })
        };
        let bootstrap = &loaded.config.bootstrap;
        let api = bind(bootstrap.listen)?;
        let metrics = match bootstrap.metrics {
            Some(address) => Some(bind(address)?),
            None => None,
        };
        let admin = match &bootstrap.admin {
            Some(AdminAddress::Tcp(address)) => Some(bind(*address)?.into()),
            Some(AdminAddress::Unix(path)) => {
                let refused = |source| BuildError::BindUnix { path: path.clone(), source };
                Some(ListenSocket::bind_unix(path).await.map_err(refused)?)
            }
            None => None,
        };
        Ok(Self { api, metrics, admin })
    }
}

/// What the program gives to the proxy beside its configuration.
pub struct Surroundings {
    /// The log's root.
    pub log: Logger,
    /// Changes the log's level at a reload.
    pub log_level: LevelControl,
    /// Renders the metrics.
    pub metrics: MetricsHandle,
    /// The files of the configuration, looked at before they were read, and read again at a reload. Of no files: there is nothing to reload.
    pub config_watch: FileWatch,
    /// The name of this instance, by [`instance`].
    pub instance: String,
    /// Where AWS credentials come from; `None` is the AWS SDK's own chain.
    pub credential_source: Option<Arc<dyn CredentialSource>>,
}

/// A proxy that is built and not yet running.
pub struct App {
    services: SharedServices,
    credentials: Arc<CachedCredentials>,
    surroundings: Surroundings,
    tls: Option<Arc<ServerTls>>,
    standing: Standing,
    consul: Option<documents::Consul>,
    secrets: SecretPlaces,
    tasks: Tasks,
}

impl App {
    /// Builds every component.
    ///
    /// # Errors
    /// When a part of the configuration cannot be put into force; nothing has been started then.
    pub fn build(mut first: FirstConfig, surroundings: Surroundings) -> Result<Self, BuildError> {
        let shutdown = Shutdown::new();
        let count_failure = Arc::new(|task| {
            metrics::counter!(nova_telemetry::metrics::TASK_FAILURES_TOTAL, keys::TASK => task).increment(1);
        });
        let tasks = Tasks::new(shutdown.clone(), &surroundings.log).with_failure_hook(count_failure);
        let bootstrap = &first.files.config.bootstrap;
        let watches = Watches::before_reading(surroundings.config_watch.clone(), bootstrap);
        let FirstVault { opened, consul_certificate } = std::mem::take(&mut first.vault);
        let (vault, sealed) = match opened {
            Some((vault, sealed)) => (Some(vault), sealed),
            None => (build::vault(&first.files)?, build::sealed(&first.files)?),
        };
        let credentials = build::credentials(&first.files, &surroundings, (vault.as_ref(), sealed.clone()))?;
        let aws = build::secrets_manager(&first.files, &credentials);
        let secrets = SecretPlaces { aws, vault, sealed, consul_certificate };
        let tls = build::tls(&first.files, &surroundings)?;
        let log = surroundings.log.new(o!(keys::COMPONENT => "proxy"));
        let beginning = first.judge(surroundings.instance.clone(), &credentials, &log)?;
        let services = build::services(beginning.snapshot, beginning.receipts, log, shutdown)?;
        let standing = Standing::new(watches, beginning.in_force, beginning.refused, beginning.keep);
        let consul = beginning.documents.consul;
        Ok(Self { services, credentials, surroundings, tls, standing, consul, secrets, tasks })
    }

    /// Asks for a drain, for a program that runs the proxy within itself.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.tasks.shutdown().clone()
    }

    /// What has to hold before the proxy is ready, for a program that says when it is.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.services.readiness.clone()
    }

    /// Serves until a signal or [`Self::shutdown`] says otherwise, then drains.
    ///
    /// # Errors
    /// When a listener has no address of its own.
    pub async fn run(
        self,
        listeners: Listeners,
        signals: impl SignalSource + 'static,
    ) -> io::Result<Outcome> {
        let Self { services, credentials, surroundings, tls, standing, consul, secrets, tasks } = self;
        let bootstrap = services.snapshots.current().loaded.config.bootstrap.clone();
        let metrics_tls = bootstrap.tls.as_ref().is_some_and(|tls| tls.metrics);
        let server = bootstrap.server.clone();
        let log = surroundings.log.new(o!(keys::COMPONENT => "app"));
        let reload = Arc::new(Notify::new());

        let signal_reload = Arc::clone(&reload);
        tasks.spawn(
            "signals",
            watch_signals(signals, tasks.shutdown().clone(), log.clone(), move || signal_reload.notify_one()),
        );
        let place = build::place_of_credentials(&bootstrap.bedrock);
        background::keep_credentials(&credentials, place, (&tasks, &services, &log));
        background::keep_secrets(secrets, tls.as_ref(), (&tasks, &services, &surroundings.log))?;
        let watch_counters = consul.as_ref().map(|consul| consul.counters.clone());
        let start =
            |consul| consul::start(consul, &bootstrap, &listeners, &services, (&tasks, &surroundings.log));
        let documents = consul.map(start).transpose()?;
        let reloader = Reloader::new(services.clone(), credentials, &surroundings, tls.clone());
        let triggers = Triggers { signal: reload, documents };
        tasks.spawn("reload", reloader.run(standing, triggers, tasks.shutdown().clone()));
        let upkeep =
            background::upkeep(surroundings.metrics.clone(), services.clone(), tasks.shutdown().clone());
        tasks.spawn("upkeep", upkeep);

        let stop = listening::stop_tokens(&tasks);
        // Metrics and health are read while requests drain, so that this listener stops with the process only.
        let at_the_end = listening::stop_at_the_end(&tasks);
        let stop_late =
            StopTokens { announced: at_the_end.clone(), draining: at_the_end, forced: stop.forced.clone() };
        info!(log, "serving the OpenAI API"; keys::LISTEN => %listeners.api.local_addr()?, keys::VERSION => nova_config::running_version());
        let listening = Listening { tasks: &tasks, config: &server, log: &surroundings.log };
        let stats = listening.serve(
            "api",
            listeners.api,
            routes::api(&services),
            tls.clone(),
            build::hops(&server),
            (stop, tasks.connections().clone()),
        );
        if let Some(listener) = listeners.metrics {
            info!(log, "serving metrics"; keys::LISTEN => %listener.local_addr()?);
            let render: RenderMetrics =
                gauges::renderer(surroundings.metrics.clone(), services.clone(), stats, watch_counters);
            let tls = tls.filter(|_| metrics_tls);
            listening.serve(
                "metrics",
                listener,
                routes::metrics(&services, render),
                tls,
                TrustedHops::default(),
                (stop_late, TaskTracker::new()),
            );
        }

        if let Some(listener) = listeners.admin {
            info!(log, "serving operators"; keys::LISTEN => listener.name()?);
            listening.serve_operators(listener, routes::admin(&services, surroundings.log_level.clone()));
        }

        tasks.shutdown().set_ready();
        tasks.shutdown().requested().await;
        let outcome = tasks.drain(server.drain_min_delay, server.drain_timeout).await;
        tasks.finish(FINISH_GRACE).await;
        Ok(outcome)
    }
}
